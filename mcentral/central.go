// Package mcentral holds, per span class, all spans of a heap that are cut into slots of that
// class: the list of spans without room (empty), lists of spans with room (nonempty), and no list
// for the spans that caches hold.
//
// Caches take whole spans to take slots from, and give slots back in runs: some to a stash, where the next
// cache finds them, the others to their spans, whoever filled these and whether that cache is ever used
// again. A span that gets its first free slot goes to nonempty, and a span whose last slot comes
// back returns to the page heap, but for one spare per class, so that a program that swings around
// a boundary does not pay for it. A span that nobody touches for long may become hollow; see Central.Hollow.
package mcentral

import (
	"sync/atomic"

	"github.com/spanheap/spanheap/internal/lockrank"
	"github.com/spanheap/spanheap/mheap"
)

// Central is all spans of one class. It is safe for concurrent use; its methods take locks and may
// call the operating system, so none is called by a pinned goroutine.
//
// Slots are conserved: slots of all spans = slots in spans + (taken - returned), and those taken
// and not returned are in caches' hands or live.
type Central struct {
	heap  *mheap.Heap
	class mheap.SpanClass
	begun atomic.Bool // whether the class has had a span

	mu       lockrank.Mutex
	empty    list
	nonempty [Occupancies]list // by occupancy, the fullest first
	stash    stash
	spares   int    // spans of nonempty whose slots are all in them
	spans    uint64 // all of the class's spans, held ones too
	slots    uint64 // theirs
	room     uint64 // of them, those that are in spans of nonempty
	pages    uint64 // theirs
	hollow   uint64 // bytes of theirs that were given back
	tails    uint64 // of these, what belongs to no slot
	returned uint64 // slots given back, ever
	direct   uint64 // slots taken by Refill and Take, ever
	rounds   uint32 // the central's time, never 0: see Round
	looking  int    // which list of nonempty Hollow looks at next
}

// Occupancies is how many lists the spans with room are kept in. Who takes slots of his own takes them from the fullest
// spans first, which leaves the others a chance to become free altogether.
const Occupancies = 4

// emptyList is the List of spans without room; nonempty[i]'s is i+1; 0 is no list.
const emptyList = Occupancies + 1

// maxSpares is how many spans stay whose slots have all come back.
const maxSpares = 1

// Init makes c the central of the class. It is called once, before any other method.
func (c *Central) Init(heap *mheap.Heap, class mheap.SpanClass) {
	c.heap, c.class, c.rounds = heap, class, 1
	c.mu.Init(lockrank.Central)
}

// Exchange gives old back, if it is not nil, and returns a span with room, which the taker holds
// from now on. On an error, which is the operating system's, old has been given back all the same.
func (c *Central) Exchange(old *mheap.Span, t Taker) (*mheap.Span, error) {
	c.mu.Lock()
	surplus := c.place(old)
	s := c.pick(t)
	if s == nil && (c.roomy() || c.heap.Budget().AboveSoft(0) > 0) {
		s = c.pickAny(t)
	}
	npages := c.spanPages()
	c.mu.Unlock()
	c.free(surplus)
	if s != nil {
		return s, nil
	}
	shortest := uintptr(c.class.Layout().Pages)
	s, err := c.heap.Alloc(npages, c.class, 0)
	if err != nil && npages > shortest {
		s, err = c.heap.Alloc(shortest, c.class, 0)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if s = c.pickAny(t); s != nil {
			return s, nil
		}
		return nil, err
	}
	c.begun.Store(true)
	s.Held = true
	s.SetHome(t.Home)
	c.count(s, 1)
	return s, nil
}

// Refill gives old back, if it is not nil, and returns slots for the taker to hold, or a span with room
// that the taker holds from now on, or both: spans that have no more slots than dst has room for are
// used up at once, so that a class whose free slots are scattered does not cost a call for each. What dst
// gets comes from the stash, as much as there is, and from spans no more than mostPicked. What another at work has in
// the stash, the taker gets only where its own spans have no room. On an error,
// which is the operating system's, old has been given back all the same.
func (c *Central) Refill(old *mheap.Span, dst []mheap.Slot, t Taker) (n int, s *mheap.Span, err error) {
	c.mu.Lock()
	surplus := c.place(old)
	stashed := 0
	if t.mayUse(c.stash.home) {
		stashed = c.stash.take(dst)
	}
	most := max(stashed, min(len(dst), mostPicked))
	for n = stashed; n < most; {
		if s = c.pick(t); s == nil || int(s.Free()) > most-n {
			break
		}
		n += s.Take(dst[n:most])
		c.place(s)
		s = nil
	}
	c.direct += uint64(n - stashed)
	if n == 0 && s == nil {
		n = c.stash.take(dst)
	}
	c.mu.Unlock()
	c.free(surplus)
	if n == 0 && s == nil {
		s, err = c.Exchange(nil, t)
	}
	return n, s, err
}

// mostPicked is how many slots Refill takes from spans: few, since who gets them may be the one who needs no more.
const mostPicked = 16

// Put gives back a span that the caller held.
func (c *Central) Put(s *mheap.Span) {
	c.mu.Lock()
	surplus := c.place(s)
	c.mu.Unlock()
	c.free(surplus)
}

// Take takes up to len(dst) slots for a caller that holds no span, and returns how many: at least
// one, or an error of the operating system's.
func (c *Central) Take(dst []mheap.Slot) (int, error) {
	c.mu.Lock()
	n := c.stash.take(dst)
	c.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	for n == 0 {
		s, err := c.Exchange(nil, Taker{})
		if err != nil {
			return 0, err
		}
		n = s.Take(dst)
		c.mu.Lock()
		c.direct += uint64(n)
		surplus := c.place(s)
		c.mu.Unlock()
		c.free(surplus)
	}
	return n, nil
}

// Stash gives back slots, which the caller holds and most of which have one home, for the next who asks: to the stash, else
// to their spans. What the stash had of another home goes to its spans.
func (c *Central) Stash(slots []mheap.Slot) {
	if len(slots) == 0 {
		return
	}
	home := mheap.SpanOf(slots[0].Addr).Home()
	c.mu.Lock()
	var surplus *mheap.Span
	if c.stash.home != home {
		surplus = c.give(c.stash.all())
		c.stash.home = home
	}
	stashed, none := c.stash.put(slots), c.stash.slots == nil
	c.mu.Unlock()
	c.free(surplus)
	if none {
		stashed = c.openStash(slots)
	}
	if !stashed {
		c.Return(slots)
	}
}

// openStash makes the stash, if there is memory for it, and puts slots into it. It tells whether it did.
func (c *Central) openStash(slots []mheap.Slot) bool {
	room, err := c.heap.Meta().AllocSlots(stashRoom(c.class))
	if err != nil {
		return false
	}
	c.mu.Lock()
	if c.stash.slots == nil {
		c.stash.slots, room = room, nil
	}
	stashed := c.stash.put(slots)
	c.mu.Unlock()
	if room != nil {
		c.heap.Meta().FreeSlots(room)
	}
	return stashed
}

// Return gives back slots, which the caller holds, to their spans.
func (c *Central) Return(slots []mheap.Slot) {
	c.mu.Lock()
	surplus := c.give(slots)
	c.mu.Unlock()
	c.free(surplus)
}

// unstash gives what is in the stash back to the spans.
func (c *Central) unstash() {
	if !c.stash.used.Load() {
		return
	}
	c.mu.Lock()
	surplus := c.give(c.stash.all())
	c.mu.Unlock()
	c.free(surplus)
}

// give gives slots back to their spans. It returns the spans that are the class's no longer, linked by
// Next, for the caller to free. The caller holds c.mu.
func (c *Central) give(slots []mheap.Slot) (surplus *mheap.Span) {
	c.returned += uint64(len(slots))
	c.heap.Stir()
	for len(slots) > 0 {
		s := mheap.SpanOf(slots[0].Addr)
		n := s.Give(slots)
		slots = slots[n:]
		s.Touched = c.rounds
		if !s.Held && s.List != emptyList {
			c.room += uint64(n)
		}
		if s.Held || s.Free() < s.Slots() && s.List == occupancy(s.Free(), s.Slots())+1 {
			continue
		}
		c.unlist(s)
		if freed := c.place(s); freed != nil {
			freed.Next = surplus
			surplus = freed
		}
	}
	return surplus
}

// free gives spans that are linked by Next back to the page heap.
func (c *Central) free(surplus *mheap.Span) {
	for surplus != nil {
		next := surplus.Next
		if surplus.Hollow() == 0 {
			c.heap.Free(surplus)
		} else if !c.heap.FreeHollow(surplus) {
			c.keep(surplus)
		}
		surplus = next
	}
}

// Drain gives the stash back to the spans, and the spare spans to the page heap.
func (c *Central) Drain() {
	if !c.begun.Load() {
		return
	}
	c.unstash()
	c.mu.Lock()
	var spares *mheap.Span
	for s := c.nonempty[Occupancies-1].first; c.spares > 0; {
		next := s.Next
		if s.Free() == s.Slots() {
			c.unlist(s)
			c.spares--
			c.count(s, -1)
			s.Next = spares
			spares = s
		}
		s = next
	}
	c.mu.Unlock()
	c.free(spares)
}

// place puts s, which is on no list and held no longer, on the list where it belongs: in front, but a hollow
// one at the end, to be picked last. When it is a free span too many, or a hollow one, it is the class's no
// longer, and the caller frees it. The caller holds c.mu.
func (c *Central) place(s *mheap.Span) (surplus *mheap.Span) {
	if s == nil {
		return nil
	}
	s.Held = false
	s.Touched = c.rounds
	free := s.Free()
	if free == s.Slots() && !s.Whole() || free > 0 && s.Spent() {
		c.direct += uint64(s.Forgo())
		free = s.Free()
	}
	switch {
	case free == 0:
		c.empty.push(s)
		s.List = emptyList
		return nil
	case free == s.Slots():
		if c.spares >= maxSpares || s.Hollow() > 0 {
			c.count(s, -1)
			return s
		}
		c.spares++
	}
	c.room += uint64(free)
	i := occupancy(free, s.Slots())
	if s.Hollow() > 0 {
		c.nonempty[i].append(s)
	} else {
		c.nonempty[i].push(s)
	}
	s.List = i + 1
	return nil
}

// spanPages returns how long the class's next span should be. Where a class has many spans, longer
// ones spare the way to the page heap, and one that is nearly free wastes little beside the others.
func (c *Central) spanPages() uintptr {
	shortest := uintptr(c.class.Layout().Pages)
	npages, more := shortest, shortest/4
	for c.class.SlotsIn(npages) < longSlots && 2*npages<<mheap.PageShift <= longBytes && uint64(2*npages*longShare) <= c.pages {
		npages *= 2
		more = npages / 2
	}
	return c.leastTail(npages, more)
}

// leastTail returns the length, npages or up to some more, whose tail is the least part of it.
func (c *Central) leastTail(npages, more uintptr) uintptr {
	tail := func(n uintptr) uintptr {
		return n<<mheap.PageShift - uintptr(c.class.SlotsIn(n))*c.class.Layout().Bytes
	}
	best := npages
	for n := npages + 1; n <= npages+more; n++ {
		if tail(n)*best < tail(best)*n {
			best = n
		}
	}
	return best
}

// A span grows no longer when it has longSlots slots or longBytes bytes, and is about one part in
// longShare of the class's pages at most; then it may be up to half longer, for its tail.
const (
	longSlots = 64
	longBytes = 64 << 10
	longShare = 8
)

// count adds the span to the class's n times.
func (c *Central) count(s *mheap.Span, n int64) {
	c.spans += uint64(n)
	c.slots += uint64(n * int64(s.Slots()))
	c.pages += uint64(n * int64(s.Bytes()>>mheap.PageShift))
	c.countHollow(s, n)
}

// unlist takes s off the list it is on. Its count of free slots may have grown since it was put there.
// The caller holds c.mu.
func (c *Central) unlist(s *mheap.Span) {
	if s.List == emptyList {
		c.empty.remove(s)
	} else {
		c.nonempty[s.List-1].remove(s)
		c.room -= uint64(s.Free())
	}
	s.List = 0
}

// occupancy is the nonempty list for a span with some slots free, out of all: the last one, when all are.
func occupancy(free, slots uint32) uint8 { return uint8((free*Occupancies - 1) / slots) }

// Usage counts the class's spans, the slots they hold, the bytes of them that are hollow, those in no slot
// among these, and the slots taken through Refill and Take, and given back: all that leaves and comes back
// otherwise, caches count.
type Usage struct {
	Spans, Slots, Pages, Hollow, HollowTails, Stashed, Returned, Direct uint64

	Full  uint64              // spans without room, of those that no cache holds
	Roomy [Occupancies]uint64 // the others, by a quarter of their slots free and more
}

// Usage returns the counts.
func (c *Central) Usage() Usage {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := Usage{
		Spans: c.spans, Slots: c.slots, Pages: c.pages, Hollow: c.hollow, HollowTails: c.tails, Stashed: uint64(c.stash.n),
		Returned: c.returned, Direct: c.direct, Full: c.empty.n,
	}
	for i := range c.nonempty {
		u.Roomy[i] = c.nonempty[i].n
	}
	return u
}
