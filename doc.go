// Package spanheap allocates memory outside the Go heap: blocks of bytes and typed values that the
// garbage collector neither sees nor walks, allocated and freed by hand. It is TCMalloc's design in
// pure Go, without cgo (Ghemawat and Menage, TCMalloc: Thread-Caching Malloc, 2005), in the shape
// that the Go runtime gave it. Every free is checked.
//
// # Words
//
//	page        8 KiB, the unit of the page heap
//	arena       a reserved, aligned stretch of address space, 64 MiB (4 MiB on 32-bit systems and wasm)
//	span        a run of pages: free, or cut into slots of one size class, or one large object
//	size class  one slot size with its span length; class 0 is a large object, above 32 KiB
//	span class  size class and whether its slots hold off-heap references: class<<1 | noscan
//	slot        one object's place in a span, with a byte of state outside it
//	magazine    a stack of free slots of one span class
//	mcache      one owner's magazines and the spans that fill them, used without a lock; the owner is a P
//	visit       a stay in a P's cache within one function that the scheduler cannot interrupt
//	aside       where a cache has slots that it freed and did not allocate, until it may use them
//	home        of a span: the cache that has its slots for itself, as long as it is at work
//	mail        slots that other caches freed and sent to a home, for its cache to use when it has none
//	stash       a bounded stack of free slots on their way from one mcache to the next
//	mcentral    all spans of one span class: the lists with room (nonempty), the list without (empty); a stash
//	note        what a heap remembers of one block, whose slot is Noted then; a sample of the profile, for one
//	guard       a page that is inaccessible, beside a sampled block or where a freed one lay: a touch faults
//	quarantine  freed blocks of a heap at a debug level, full of poison, until their slots may be used again
//	canary      bytes behind a block of such a heap that nobody may write
//	mheap       all pages: the tree of free spans that are backed (free), of those given back (scav)
//	hollow      of a span in use: with pages given back that its free slots cover
//	scavenger   the process's goroutine that gives free memory back, each heap's by its rule
//
// # Layers
//
//	spanheap         the API, what callers may get wrong, the report, the scavenger
//	└─ mcache        per P, no lock; a magazine runs empty or full
//	   └─ mcentral   per span class, one lock; a span runs out of slots, or gets its last one back
//	      └─ mheap   one lock; records and the page map, read without a lock by every free
//	         ├─ sizeclass   generated tables and arithmetic, no state
//	         └─ arena       address space, the only code that talks to the operating system
//
// internal/scavenge beside them knows when free memory should go, and no heap; internal/statpage how others
// read of heaps, from a page that a goroutine writes when something has happened. heapz above them shows heaps
// over HTTP, by what this package exports; spanheaptest fails tests that leave blocks behind.
//
// # The life of an allocation
//
//  1. The size leads to its class by one table load.
//  2. On a visit to its P's cache the goroutine pops a slot from the magazine of the class, and sets its state to
//     Live by a plain store. No lock, no atomic read-modify-write.
//  3. The magazine is empty: pinned to the P, it is filled from what waits aside, if much does, or the P's span of the class.
//  4. The span is used up: unpinned, it is exchanged for slots of the cache's mail, or at the mcentral for those of the
//     stash, or the fullest spans with room, unless their home is another cache at work: two processors that write to
//     states side by side wait for each other. Pinned again, perhaps to another P, everything is looked at again.
//  5. No span has room, and not much of the class is free elsewhere: the mheap takes the best fit of its free tree, or of scav,
//     joins neighbours when nothing fits, grows by an arena when that fails too. Memory is committed when it is first used.
//
// Each cache counts, by class, the bytes down to the next block that the heap profile samples; that one takes the
// slow path, gets a note with its stack, and a state that only the slow free accepts. A few of those are guarded:
// they lie between inaccessible pages of the heap's one span for it, as their own pages are when they are freed.
// In a heap at a debug level all blocks take that way, and none is guarded.
//
// Objects above 32 KiB come from the mheap, up to 256 KiB through a few that each P keeps of those it freed.
// Noscan blocks up to 4 bytes have a class of their own, tiny. Spans are longer, the more spans their class has.
//
// Realloc of a large object takes the idle pages behind it, or gives its own back; where there is no room, it is copied to
// memory that lies free, or else its pages are moved by the page tables, if the system can.
//
// # The life of a free
//
//  1. The address leads to the page map's entry, the entry to class, slot and state, without a lock.
//     Each step refuses what is no block: a foreign address, one inside a block, one that is free.
//  2. The state names the block's own cache, the one that allocated it. If that is the P's, a plain store makes the slot
//     Held, since nobody else is in there. If not, a compare-and-swap takes it from Live to Away; of several that free one
//     block so one sees it happen. The others, and who comes later, panic with a MisuseError.
//  3. On the same visit the slot is pushed onto the P's magazine: whoever frees, it is his P's next allocation. One that is
//     Away is set aside first, until a store that the own cache might have begun has arrived. Then its state tells whether
//     two freed the block at one moment: the own cache has the slot, and who comes to a slow path next panics.
//     One whose span has another home goes there, if the cache has savings for it: some at first, and a 64th of its blocks.
//  4. The magazine is full: it grows, if it ran empty since it last was; or a run of slots goes to the
//     mcentral, to its stash, or when that is full to their spans. A span with its first free slot becomes
//     nonempty, one with its last slot back goes to the mheap, but for a spare one per class.
//
// So what a P holds is bounded, whoever allocates and whoever frees. Caches of Ps that are idle or
// that GOMAXPROCS took away, and all caches on Release, are emptied by others: who enters such a
// cache finds an empty one in its place, and once the world has been stopped nobody is in it any
// more. A heap that grows takes what lies idle in caches, stashes and spare spans, and most of what a magazine had in
// hand all the time; above its soft limit it gives free pages back too. The hard limit is kept by a count of what is
// backed, taken before each commit. A Local is a cache whose owner is one goroutine, on whatever P. The others follow a goroutine
// that is moved: one that alone used a cache brings it along, as far as the place of a stack tells who one is; and who frees little
// else than blocks of an idle cache gets that one for his own.
//
// # The way back
//
// Memory goes back outward in: idle Ps' caches, centrals' stashes and spare spans, the page heap's spans,
// the largest first, whole huge pages before parts; last the system's pages under free slots that lie beside
// live blocks, whose spans are hollow then. A hollow span is the last to be taken from, and counts as backed
// again before it is; its slots need no system call to be as good as before. When, Options.Scavenge says; the scavenger does it in
// turns that take 1 % of all CPUs at most. A heap that is idle through and through has its caches parked:
// a P that comes back finds no cache, and the slow path, which returns it, stirs the scavenger. Until then
// the scavenger waits without a timer.
//
// # The sum that closes
//
//	Live + Rounding + SpanTail + CachedSlots + CentralSlots + FreePages + Metadata = Backed
//	Backed + Released = Mapped
//	Mapped + Untouched = Reserved
//
// Stats reads it, Verify recounts it from the raw structures, and SystemView asks the kernel: its mapped bytes
// are Mapped, its resident ones at most Backed, its inaccessible ones Untouched. Lock order: internal/lockrank.
package spanheap
