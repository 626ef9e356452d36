package mcentral_test

import (
	"testing"

	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

const owner, other = 1, 2

var (
	both   = uint64(1<<owner | 1<<other)
	byOwn  = mcentral.Taker{Home: owner, AtWork: both}
	byElse = mcentral.Taker{Home: other, AtWork: both}
)

// exchangeBy is exchange for the taker.
func (r *rig) exchangeBy(old *mheap.Span, t mcentral.Taker) *mheap.Span {
	r.t.Helper()
	s, err := r.Exchange(old, t)
	require.NoError(r.t, err)
	require.True(r.t, s.Held)
	require.NotZero(r.t, s.Free())
	if t.Home != 0 {
		require.Equal(r.t, t.Home, s.Home(), "who gets a span has it for himself")
	}
	return s
}

// There are spans with room, whose home is the owner's.
func TestWhoGetsASpanWithRoom(t *testing.T) {
	for name, c := range map[string]struct {
		taker  mcentral.Taker
		roomy  int  // how many spans with room there are
		taken  bool // whether some of their slots are
		refuse bool // whether the system has no more
		soft   bool // whether the heap is above its soft limit
		gets   bool
	}{
		"its home":                               {byOwn, 1, true, false, false, true},
		"another, while the home is at work":     {byElse, 1, true, false, false, false},
		"another, while the home is not at work": {mcentral.Taker{Home: other, AtWork: 1 << other}, 1, true, false, false, true},
		"another, when no block is left":         {byElse, 1, false, false, false, true},
		"another, when some room is there":       {byElse, 3, true, false, false, false},
		"another, when much room is there":       {byElse, 16, true, false, false, true},
		"another, when the system has no memory": {byElse, 1, true, true, false, true},
		"another, above the soft limit":          {byElse, 1, true, false, true, true},
		"who asks for one, whoever is at work":   {mcentral.Taker{}, 1, true, false, false, true},
		"one without a home, when others work":   {mcentral.Taker{AtWork: both}, 1, true, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 64)
			var slots []mheap.Slot
			take := func(s *mheap.Span, n int) {
				dst := make([]mheap.Slot, n)
				require.Equal(t, n, s.Take(dst))
				slots = append(slots, dst...)
			}
			const full = 8
			for range full {
				s := r.exchangeBy(nil, byOwn)
				take(s, int(s.Slots()))
				r.Put(s)
			}
			roomy := map[*mheap.Span]bool{}
			for range c.roomy {
				roomy[r.exchangeBy(nil, byOwn)] = true
			}
			for s := range roomy {
				if c.taken {
					take(s, 10)
				}
				r.Put(s)
			}
			if c.refuse {
				r.fill()
			}
			if c.soft {
				r.heap.Budget().SetLimit(0, 1)
			}
			got := r.exchangeBy(nil, c.taker)
			require.Equal(t, c.gets, roomy[got])
			r.Put(got)
			r.Return(slots)
			r.Drain()
			if !c.refuse { // what fills the heap then is spans too
				r.verify(0, 0)
			}
		})
	}
}

// fill takes all that the heap has, and has the system refuse more.
func (r *rig) fill() {
	r.system.Refuse(func(arenatest.Call) bool { return true })
	for n := uintptr(1 << 20); n > 0; n /= 2 {
		for {
			if _, err := r.heap.Alloc(n, mheap.LargeNoscan, 0); err != nil {
				break
			}
		}
	}
}

// Two that take and give back have slots of no span in common.
func TestTwoAtWorkShareNoSpan(t *testing.T) {
	for _, size := range []uintptr{64, 1024, 4096} {
		r := newRig(t, size)
		takers := []mcentral.Taker{byOwn, byElse}
		var held [2]*mheap.Span
		var slots [2][]mheap.Slot
		for range 400 {
			for i, taker := range takers {
				dst := make([]mheap.Slot, 16)
				n, s, err := r.Refill(held[i], dst, taker)
				require.NoError(t, err)
				if held[i] = s; s != nil {
					n += s.Take(dst[n:])
				}
				slots[i] = append(slots[i], dst[:n]...)
				if k := len(slots[i]) / 32; k > 0 {
					r.Return(slots[i][:k])
					slots[i] = slots[i][k:]
				}
			}
		}
		theirs := bySpan(slots[1])
		for s := range bySpan(slots[0]) {
			require.NotContains(t, theirs, s)
		}
		for i := range held {
			if held[i] != nil {
				r.Put(held[i])
			}
			r.Return(slots[i])
		}
		r.Drain()
		r.verify(0, 0)
	}
}

// What one stashed goes to another only who has no span with room.
func TestAStashIsItsHomesFirst(t *testing.T) {
	r := newRig(t, 64)
	take := func(s *mheap.Span, n uint32) []mheap.Slot {
		slots := make([]mheap.Slot, n)
		require.EqualValues(t, n, s.Take(slots))
		r.Put(s)
		return slots
	}
	own, elses := r.exchangeBy(nil, byOwn), r.exchangeBy(nil, byElse)
	slots := [][]mheap.Slot{take(own, 17), take(elses, 16)}
	rest := slots[0][16:] // so that no span is free
	slots[0] = slots[0][:16]
	dst := make([]mheap.Slot, 16)
	refill := func(taker mcentral.Taker) []mheap.Slot {
		n, s, err := r.Refill(nil, dst, taker)
		require.NoError(t, err)
		if s != nil {
			r.Put(s)
		}
		return dst[:n]
	}
	r.Stash(slots[0])
	require.Empty(t, refill(byElse), "there is room in a span of his own")
	require.Equal(t, slots[0], refill(byOwn))
	r.Stash(slots[0])
	r.Stash(slots[1])
	require.Equal(t, slots[1], r.Stashed(), "slots of one home at a time")
	require.Equal(t, slots[1], refill(byElse))

	require.Same(t, elses, r.exchangeBy(nil, byElse))
	rest = append(rest, take(elses, elses.Free())...)
	slots[0] = take(r.exchangeBy(nil, byOwn), 16)
	r.Stash(slots[0])
	require.Equal(t, slots[0], refill(byElse))
	r.Return(append(append(rest, slots[0]...), slots[1]...))
	r.Drain()
	r.verify(0, 0)
}

// However the free slots of a class lie, another gets them before the class has a quarter more.
func TestAClassGrowsLittleForHomes(t *testing.T) {
	for _, size := range []uintptr{64, 256, 1024} {
		for _, percent := range []int{10, 20, 25, 60, 90} {
			r := newRig(t, size)
			var slots []mheap.Slot
			var s *mheap.Span
			for len(slots) < 400*r.slots() {
				s = r.exchangeBy(s, byOwn)
				dst := make([]mheap.Slot, s.Free())
				slots = append(slots, dst[:s.Take(dst)]...)
			}
			r.Put(s)
			before := r.Usage().Slots
			var kept []mheap.Slot
			for i, slot := range slots {
				if i%100 < percent {
					r.Return([]mheap.Slot{slot})
				} else {
					kept = append(kept, slot)
				}
			}
			s = nil
			for taken := 0; taken < len(slots)-len(kept); {
				s = r.exchangeBy(s, byElse)
				dst := make([]mheap.Slot, min(int(s.Free()), len(slots)-len(kept)-taken))
				n := s.Take(dst)
				taken += n
				kept = append(kept, dst[:n]...)
			}
			r.Put(s)
			most := before + before/4 + 4*uint64(r.slots())
			require.LessOrEqual(t, r.Usage().Slots, most+uint64(s.Slots()), "%d %% of %d bytes", percent, size)
			r.Return(kept)
			r.Drain()
			r.verify(0, 0)
		}
	}
}

// Who gets slots of another's takes them where that one has the fewest blocks, and of spans that are backed.
func TestAnothersSpanIsTheEmptiest(t *testing.T) {
	r := newRig(t, 64)
	var spans [2]*mheap.Span
	var slots []mheap.Slot
	for i := range spans {
		spans[i] = r.exchangeBy(nil, byOwn)
	}
	for i, s := range spans {
		dst := make([]mheap.Slot, 10+80*i)
		require.Equal(t, len(dst), s.Take(dst))
		slots = append(slots, dst...)
		r.Put(s)
	}
	r.heap.Budget().SetLimit(0, 1)
	got := r.exchangeBy(nil, byElse)
	require.Same(t, spans[0], got)
	r.Put(got)
	r.Return(slots)
	r.Drain()
	r.verify(0, 0)
}
