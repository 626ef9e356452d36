// Package lockrank holds the order in which spanheap's locks may be taken.
//
// Every mutex of the allocator has a rank. A goroutine takes locks only in the order
//
//	Attach                          what others read of the process (root package)
//	└─ Registry                     the table of heaps (root package)
//	   └─ Scavenge                  what the scavenger does with a heap (root package)
//	      └─ Notes                  what a heap remembers of blocks (root package)
//	         └─ Guards              the guarded blocks of a heap (root package)
//	            └─ CacheSet         the set of a heap's caches (mcache)
//	               └─ Mail          the slots on their way to one cache (mcache)
//	                  └─ Central    one span class's spans (mcentral)
//	                     └─ PageHeap   all pages of a heap (mheap)
//	                        └─ Metadata   records and tables off the Go heap (mheap)
//	                           └─ Budget  what all heaps have backed (mheap)
//
// and never two of one rank. The address space's own lock (arena) lies below all of them and is
// taken by one package that calls nobody. Builds with the tag spanheap_debug check every Lock
// against this order and panic on a breach; other builds pay nothing.
package lockrank

// Rank is a lock's place in the order: a goroutine that holds a lock of rank r takes only locks of
// ranks greater than r.
type Rank uint8

const (
	Attach Rank = iota + 1
	Registry
	Scavenge
	Notes
	Guards
	CacheSet
	Mail
	Central
	PageHeap
	Metadata
	Budget
)

var names = [...]string{"unranked", "Attach", "Registry", "Scavenge", "Notes", "Guards", "CacheSet", "Mail", "Central", "PageHeap", "Metadata", "Budget"}

// String returns the rank's name.
func (r Rank) String() string { return names[r] }
