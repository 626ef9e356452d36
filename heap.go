package spanheap

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/internal/lockrank"
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
)

// Heap is a heap outside the Go heap. Blocks are allocated and freed by hand, by any goroutine;
// the collector neither sees nor frees them. All methods but Close are safe for concurrent use.
//
// A Heap is made by NewHeap, or is the Default one: the zero Heap has no memory to allocate from, and
// must not be used. It lives until Close, also when nobody refers to it any more.
type Heap struct {
	id            uint32    // immutable until Close
	key           mheap.Key // id's
	number        uint32    // the id, also after Close
	name, purpose string
	closed        atomic.Bool
	caches        mcache.Set
	locals        locals
	pages         *mheap.Heap
	notes         notes
	guards        guards
	checks        *checks // nil in a heap without a debug level
	upkeep        upkeep
	readers       readers

	soft    int64 // Options.SoftLimit
	onLimit func(need int) (freed bool)
	asking  asking
	drains  drains
}

// Options say how a heap is made. The zero Options are good defaults.
type Options struct {
	// Name tells the heap from others in reports. The default is "heap" and the heap's number.
	Name string

	// Purpose says what the heap's blocks are for; it is a label of profiles. The default is none.
	Purpose string

	// HugePages says whether the heap asks for huge pages. The default is that it does not.
	HugePages HugePages

	// Limit is the most that the heap may have backed, in bytes: see SetLimit. 0, the default, or less is
	// no limit.
	Limit int64

	// SoftLimit is how much the heap may have backed before it squeezes itself: whenever it grows beyond, by
	// steps of a 128th of what is backed, it gives back what lies free or idle in caches. What becomes free
	// later, above the soft limit, goes within about a second, however long Scavenge would leave it, unless
	// that is Never. Nothing is refused. 0, the default, or less is 7/8 of
	// the limit, if there is one; more than the limit counts as the limit.
	SoftLimit int64

	// OnLimit is called before an allocation returns ErrLimit, after all free memory has been given back: a
	// cache evicts here. need is how many bytes should go. It returns whether it has freed any: if so the
	// allocation is tried again, and OnLimit is called again if that fails, 64 times at most.
	//
	// It is called by the allocating goroutine, without locks of the heap's, so it may free and allocate;
	// what it allocates itself returns ErrLimit where it does not fit. One goroutine at a time calls it;
	// others at the limit wait for it and try again. So nobody may allocate while holding a lock that OnLimit
	// takes, and it must not wait for another goroutine's allocation. It must not free a block that is
	// being reallocated, and not close the heap. It may panic: the allocation does then, and the heap is as it was.
	OnLimit func(need int) (freed bool)

	// Guard is how many blocks of up to 8 KiB there are, on average, to one that is guarded: it lies at one end
	// of pages of its own, the beginning or the end at random, between pages that are inaccessible, and its
	// own become so when it is freed. A touch of those is a fault: see ReportFaults and ReportCrashes. 0 is DefaultGuard, NoGuard
	// none; the environment's SPANHEAPDEBUG=guard=N, 0 for none, goes before. The idea is that of GWP-ASan
	// (Serebryany and others, GWP-ASan: Sampling-Based Detection of Memory-Safety Bugs in Production, 2024).
	//
	// The block is chosen among those that the heap profile samples, so that it costs the others nothing. Every
	// block of 8 bytes and more has the same chance, one of N: the heap samples once each 8·N bytes at least,
	// whatever SetProfileRate says, but that 0 means no samples and no guards; and where a P allocates tens of
	// gigabytes a second, small blocks beside its large ones have less of a chance: see DefaultProfileRate. A heap
	// has 60 guarded blocks at most, live or freed, of which the one that was freed first gives way to the next;
	// while 60 live, and in all heaps but the first 16 that guard, blocks are allocated as usual. So they are when
	// the limit or the operating system refuses the pages. A live guarded block takes 8 KiB, or a page of the
	// system's; a heap has 2 MiB of address space for them.
	//
	// Like any block a guarded one has UsableSize bytes, all of which are its owner's: a touch behind those asked
	// for and within these is no fault. There are no guards where pages cannot be made inaccessible (js, wasip1,
	// builds with the race detector), nor where the system's have more than 16 KiB.
	Guard int

	// Debug is what the heap checks beside what every heap does. The default, DebugOff, costs nothing. The
	// environment's SPANHEAPDEBUG=check=N raises it to N in every heap.
	Debug DebugLevel

	// Scavenge says when free memory goes back to the operating system. The default is
	// Decay(10 * time.Second).
	Scavenge Scavenge
}

// MaxHeaps is how many heaps a process can have open at one time.
const MaxHeaps = 4096

// registry holds the open heaps by number. A number is used again after its heap is closed.
var registry heapTable

type heapTable struct {
	mu          lockrank.Mutex
	profileRate uintptr // guarded by mu
	closed      figures // of closed heaps, what is cumulative; guarded by mu
	heaps       [MaxHeaps]atomic.Pointer[Heap]
	former      map[uintptr]string // names of closed heaps, by the numbers of what were their arenas last; guarded by mu
}

func init() {
	registry.mu.Init(lockrank.Registry)
	registry.profileRate = DefaultProfileRate
}

// NewHeap makes an empty heap. It takes no memory before the first block is allocated.
func NewHeap(o Options) (*Heap, error) {
	h, err := newHeap(o, arena.Process(), arena.Metadata())
	if err == nil {
		background.add(h)
		background.start()
		attached.start()
		startTrace()
	}
	return h, err
}

func newHeap(o Options, space *arena.Space, metadata arena.System) (*Heap, error) {
	if o.HugePages > HugePagesCollapse {
		return nil, fmt.Errorf("spanheap: HugePages %v is none of off, on and collapse", o.HugePages)
	}
	if o.Debug > DebugStacks {
		return nil, fmt.Errorf("spanheap: Debug %d is above %d", o.Debug, DebugStacks)
	}
	registry.mu.Lock()
	defer registry.mu.Unlock()
	for id := range registry.heaps {
		if registry.heaps[id].Load() != nil {
			continue
		}
		h := &Heap{id: uint32(id), key: mheap.KeyOf(uint32(id)), number: uint32(id), name: o.Name, purpose: o.Purpose, pages: mheap.New(uint32(id), space, metadata)}
		if h.name == "" {
			h.name = fmt.Sprintf("heap %d", id)
		}
		h.pages.UseHugePages(mheap.HugePages(o.HugePages))
		h.notes.init()
		h.caches.Init(h.pages)
		h.guards.init(o.Guard)
		h.check(max(o.Debug, DebugLevel(settings.Check)))
		h.pages.UseHollow(h.checks == nil && !arena.InGoHeap()) // poison is not to be lost
		h.pages.UseTrade(o.Scavenge.atOnce() && !arena.InGoHeap())
		h.setSampleRate(registry.profileRate)
		h.soft, h.onLimit = o.SoftLimit, o.OnLimit
		setLimit(h.pages.Budget(), o.Limit, o.SoftLimit)
		h.upkeep.init(h, o.Scavenge)
		h.pages.OnStir(func() {
			h.upkeep.stir()
			attached.stir()
		})
		h.pages.OnUse(attached.stir)
		registry.heaps[id].Store(h)
		return h, nil
	}
	return nil, fmt.Errorf("spanheap: %w: %d are open", ErrTooManyHeaps, MaxHeaps)
}

// Default returns the process-wide heap, which is made at the first use. It is never closed.
func Default() *Heap {
	if h := defaultHeap.Load(); h != nil {
		return h
	}
	return makeDefault()
}

var (
	defaultHeap atomic.Pointer[Heap]
	defaultOnce sync.Mutex
)

func makeDefault() *Heap {
	defaultOnce.Lock()
	defer defaultOnce.Unlock()
	if h := defaultHeap.Load(); h != nil {
		return h
	}
	h, err := NewHeap(Options{Name: "default"})
	if err != nil {
		panic(err) // MaxHeaps heaps are open, and none of them is the default one
	}
	defaultHeap.Store(h)
	return h
}

// Name returns the heap's name.
func (h *Heap) Name() string { return h.name }

// Close ends every block of h at once: their memory goes back to the operating system, and their
// address space serves heaps made later. Nobody may use the heap or its blocks during or after
// Close: an allocation after it returns ErrClosed, a free panics with a MisuseError. Closing a heap
// twice returns ErrClosed; the default heap cannot be closed.
func (h *Heap) Close() error {
	if h == defaultHeap.Load() {
		return errors.New("spanheap: the default heap cannot be closed")
	}
	h.inspect("Close")
	if h.closed.Swap(true) {
		return fmt.Errorf("spanheap: %w", ErrClosed)
	}
	background.remove(h)
	h.readers.wait()
	registry.mu.Lock() // whoever goes through all heaps is done with this one
	defer registry.mu.Unlock()
	registry.closed.bury(h.figures())
	h.notes.drop()
	h.guards.drop()
	h.locals.end()
	h.caches.Close()
	registry.remember(h)
	h.pages.Close()
	registry.heaps[h.id].Store(nil)
	attached.stir()
	h.id, h.key = MaxHeaps, mheap.KeyOf(MaxHeaps) // no block is of a closed heap, whoever has its number now
	return nil
}

// Release gives n bytes of free memory back to the operating system, now, whatever Options.Scavenge says, or
// what there is of it, and returns how many bytes it gave: more than n by what it does not cut, stretches of
// 64 KiB and physical pages. When the free pages do not make up n bytes, the free slots in the caches are
// collected first, and when these do not, pages under free slots between live blocks go as well. A closed heap
// has none. Like all calls it may panic with a *MisuseError of FoundLater.
func (h *Heap) Release(n int) int {
	if n <= 0 || !h.readable() {
		return 0
	}
	defer h.readers.RUnlock()
	if u := h.pages.Usage(); u.FreePages < uint64(n) {
		h.emptyQuarantine("Release")
		h.caches.Drain()
	}
	h.shutGuards()
	released := uint64(h.pages.Release(uintptr(n)))
	released += h.hollow(uint64(n) - min(released, uint64(n)))
	h.tellOfDoubleFree("Release")
	return int(released)
}

// heapOf returns the heap that holds address p, or nil.
func heapOf(p uintptr) *Heap {
	a := mheap.ArenaOf(p)
	if a == nil {
		return nil
	}
	return registry.heaps[a.Heap].Load()
}
