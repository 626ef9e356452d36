package mheap_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
	"github.com/stretchr/testify/require"
)

// newHollowRig returns a rig whose spans may become hollow, and where the watch keeps what went back.
func newHollowRig(t testing.TB, physicalPage uintptr) (r *rig, gone map[uintptr]bool) {
	r, gone = newRig(t, physicalPage), map[uintptr]bool{}
	r.UseHollow(true)
	r.watch.inUse = true
	r.watch.gone = func(addr, size uintptr) {
		for p := addr; p < addr+size; p += physicalPage {
			gone[p] = true
		}
	}
	return r, gone
}

// freed returns a span of the class, of which all slots were taken and some given back.
func (r *rig) freed(class mheap.SpanClass, npages uintptr, give func(slot int) bool) (s *mheap.Span, live []mheap.Slot) {
	s, err := r.Alloc(npages, class, 0)
	require.NoError(r.t, err)
	slots := make([]mheap.Slot, s.Slots())
	require.Equal(r.t, len(slots), s.Take(slots))
	for i, slot := range slots {
		if give(len(slots) - 1 - i) {
			s.Give(slots[i : i+1])
		} else {
			live = append(live, slot)
		}
	}
	return s, live
}

// hollow gives back all that the span can give.
func (r *rig) hollow(s *mheap.Span) (gave uintptr, all bool) {
	r.StartGiving()
	defer r.EndGiving()
	return r.Hollow(s, r.Vacant(s))
}

// noscan is the class of noscan blocks of n bytes.
func noscan(n uintptr) mheap.SpanClass { return mheap.ClassOf(sizeclass.Of(n), true) }

// lengths are those that spans of the class may have.
func lengths(class mheap.SpanClass) []uintptr {
	n := uintptr(class.Layout().Pages)
	return []uintptr{n, min(2*n, mheap.MaxSpanBytes/mheap.PageSize), mheap.MaxSpanBytes / mheap.PageSize}
}

// What goes back are the system's pages that free slots and tails cover, each one of them and no other.
func TestPagesUnderFreeSlotsGoBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, page := range []uintptr{4 << 10, 8 << 10} {
		r, gone := newHollowRig(t, page)
		for i, class := range smallClasses() {
			for _, npages := range lengths(class) {
				share := random.IntN(100)
				clustered := 1 + random.IntN(64)
				free := false
				s, live := r.freed(class, npages, func(slot int) bool {
					if slot%clustered == 0 {
						free = random.IntN(100) < share
					}
					return free
				})
				bytes := class.Layout().Bytes
				want := map[uintptr]bool{}
				for p := s.Base(); p < s.Base()+s.Bytes(); p += page {
					want[p] = true
				}
				for _, slot := range live {
					for p := slot.Addr &^ (page - 1); p < slot.Addr+bytes; p += page {
						delete(want, p)
					}
				}
				clear(gone)
				before := r.Budget().Backed()
				gave, all := r.hollow(s)
				require.True(t, all)
				require.Equal(t, want, gone, "class %d, %d pages of %d bytes, %d live", class, npages, page, len(live))
				require.EqualValues(t, uintptr(len(want))*page, gave)
				require.Equal(t, gave, s.Hollow())
				tail := uintptr(0)
				for p := s.Base() + uintptr(s.Slots())*bytes; p < s.Base()+s.Bytes(); p++ {
					if gone[p&^(page-1)] {
						tail++
					}
				}
				require.Equal(t, tail, s.HollowTail())
				require.EqualValues(t, gave, before-r.Budget().Backed())
				if i%20 == 0 {
					r.verify()
				}
				require.Zero(t, r.Vacant(s), "nothing is given twice")

				committed := r.Committed()
				require.NoError(t, r.Restore(s))
				require.Zero(t, s.Hollow())
				require.Equal(t, before, r.Budget().Backed())
				require.EqualValues(t, gave, r.Committed()-committed)
				require.NoError(t, r.Restore(s), "what is not hollow needs nothing")
				require.Equal(t, before, r.Budget().Backed())
				for _, slot := range live {
					s.Give([]mheap.Slot{slot})
				}
				r.Free(s)
			}
		}
		r.verify()
	}
}

// As slots come back the span gives more and more, and in the end all of it.
func TestAHollowSpanIsFreed(t *testing.T) {
	r, gone := newHollowRig(t, 4<<10)
	for _, class := range []mheap.SpanClass{mheap.Tiny, noscan(64), noscan(1024), noscan(1536), noscan(8 << 10), noscan(28 << 10)} {
		npages := uintptr(class.Layout().Pages)
		s, live := r.freed(class, npages, func(slot int) bool { return slot%7 == 3 })
		before, total := r.Budget().Backed(), uintptr(0)
		for _, slot := range live {
			s.Give([]mheap.Slot{slot})
			gave, _ := r.hollow(s)
			total += gave
			require.Equal(t, total, s.Hollow())
			require.EqualValues(t, total, before-r.Budget().Backed())
			r.verify()
		}
		require.Equal(t, total, s.Bytes())

		clear(gone)
		r.system.Refuse(arenatest.Nth(arenatest.Decommit, 1))
		require.False(t, r.FreeHollow(s))
		require.Equal(t, total, s.Hollow(), "as before")
		r.verify()
		base := s.Base()
		require.True(t, r.FreeHollow(s))
		require.Len(t, gone, int(npages)*mheap.PageSize/(4<<10), "all of it: who writes to freed blocks may have backed pages again")
		require.EqualValues(t, uintptr(npages)*mheap.PageSize, before-r.Budget().Backed())
		r.verify()
		again, err := r.Alloc(npages, class, 0)
		require.NoError(t, err)
		require.Equal(t, base, again.Base())
		require.False(t, again.NeedZero())
		require.Zero(t, again.Hollow())
		r.Free(again)
	}
}

// What the system refuses to take counts as backed, and may be given later.
func TestRefusedPagesStayWithTheSpan(t *testing.T) {
	for k := 1; k <= 3; k++ {
		r, gone := newHollowRig(t, 4<<10)
		s, _ := r.freed(noscan(1024), 4, func(slot int) bool { return slot%12 != 0 }) // three runs of two pages
		before := r.Budget().Backed()
		r.system.Refuse(arenatest.Nth(arenatest.Decommit, k))
		gave, all := r.hollow(s)
		require.False(t, all)
		require.EqualValues(t, len(gone)*4<<10, gave)
		require.NotZero(t, gave)
		require.EqualValues(t, gave, before-r.Budget().Backed())
		r.verify()
		rest, all := r.hollow(s)
		require.True(t, all)
		require.NotZero(t, rest)
		require.Equal(t, gave+rest, s.Hollow())
		r.verify()
	}
}

// A hollow span that a limit keeps from being backed again stays hollow.
func TestALimitHoldsForHollowSpans(t *testing.T) {
	r, _ := newHollowRig(t, 4<<10)
	s, _ := r.freed(noscan(64), 2, func(slot int) bool { return slot >= 64 })
	gave, _ := r.hollow(s)
	require.EqualValues(t, 12<<10, gave)
	r.Budget().SetLimit(r.Budget().Backed()+uint64(gave)-1, 0)
	require.ErrorIs(t, r.Restore(s), mheap.ErrLimit)
	require.Equal(t, gave, s.Hollow())
	r.verify()
	r.Budget().SetLimit(r.Budget().Backed()+uint64(gave), 0)
	require.NoError(t, r.Restore(s))
	require.Equal(t, r.Budget().Limit(), r.Budget().Backed())
	r.verify()
}

func TestWhereSpansMayBeHollow(t *testing.T) {
	for _, c := range []struct {
		page uintptr
		use  bool
		huge mheap.HugePages
		may  bool
	}{
		{4 << 10, true, mheap.HugeOff, true},
		{8 << 10, true, mheap.HugeOff, true},
		{16 << 10, true, mheap.HugeOff, false},
		{4 << 10, false, mheap.HugeOff, false},
		{4 << 10, true, mheap.HugeOn, false},
		{4 << 10, true, mheap.HugeCollapse, false},
	} {
		r := newRig(t, c.page)
		r.UseHollow(c.use)
		r.UseHugePages(c.huge)
		require.Equal(t, c.may, r.CanHollow(), "%+v", c)
	}
}

// A heap that is closed has nothing backed, and its hollow spans were given back once.
func TestCloseCountsHollowSpansOnce(t *testing.T) {
	r, _ := newHollowRig(t, 4<<10)
	process := mheap.Process.Backed()
	h, _ := r.another(2)
	h.UseHollow(true)
	other := *r
	other.Heap = h
	s, _ := other.freed(noscan(64), 4, func(slot int) bool { return slot > 0 })
	gave, _ := other.hollow(s)
	require.NotZero(t, gave)
	h.Close()
	require.Zero(t, h.Budget().Backed())
	require.Equal(t, process, mheap.Process.Backed())
}
