package mheap_test

import (
	"fmt"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// tenant leads one life on a heap, in which every way to the operating system is gone. A step that is
// refused is repeated, once the refusals are over if need be.
type tenant struct {
	*rig
	refused int // steps
}

func (l *tenant) live() {
	large := l.take(40, mheap.LargeScan, 0)
	var slots []*mheap.Span
	for _, class := range smallClasses()[:60] {
		slots = append(slots, l.take(uintptr(class.Layout().Pages), class, 0))
	}
	crossing := l.take(mheap.PagesPerArena+7, mheap.LargeNoscan, 0)
	aligned := l.take(5, mheap.LargeNoscan, 64*mheap.PageSize)
	for i := 0; i < len(slots); i += 2 {
		l.give(slots[i])
	}
	l.give(large)
	l.release(8 * mheap.PageSize)
	l.give(crossing)
	l.release(arena.Size)
	again := l.take(mheap.PagesPerArena+1, mheap.LargeNoscan, 0)
	for i := 1; i < len(slots); i += 2 {
		l.give(slots[i])
	}
	whole := l.take(2*mheap.PagesPerArena, mheap.LargeNoscan, 0)
	l.give(again)
	l.give(whole)
	l.give(aligned)
}

func (l *tenant) take(npages uintptr, class mheap.SpanClass, align uintptr) (s *mheap.Span) {
	l.t.Helper()
	l.step(func() (err error) {
		require.NotPanics(l.t, func() { s, err = l.Alloc(npages, class, align) })
		return err
	})
	require.Equal(l.t, npages, s.Pages())
	return s
}

func (l *tenant) give(s *mheap.Span) {
	l.t.Helper()
	l.Free(s)
	l.verify()
}

// release gives pages back; a refusal leaves them free.
func (l *tenant) release(n uintptr) {
	l.t.Helper()
	before := l.Usage()
	released := uint64(l.Release(n))
	after := l.Usage()
	require.Equal(l.t, released, after.Released-before.Released)
	require.Equal(l.t, released, before.FreePages-after.FreePages)
	l.verify()
}

// step does try until it is not refused.
func (l *tenant) step(try func() error) {
	l.t.Helper()
	if err := try(); err != nil {
		l.refused++
		require.ErrorIs(l.t, err, arenatest.ErrRefused)
		l.verify()
		if err = try(); err != nil {
			require.ErrorIs(l.t, err, arenatest.ErrRefused)
			l.verify()
			l.system.Refuse(nil)
			l.metadata.Refuse(nil)
			require.NoError(l.t, try())
		}
	}
	l.verify()
}

// victims are the two systems that a heap stands on.
var victims = map[string]func(*rig) *arenatest.Faulty{
	"system":   func(r *rig) *arenatest.Faulty { return r.system },
	"metadata": func(r *rig) *arenatest.Faulty { return r.metadata },
}

func TestEveryCallMayBeRefused(t *testing.T) {
	calm := &tenant{rig: newRig(t, physical64)}
	calm.live()
	require.Zero(t, calm.refused)
	calm.requireEmpty()
	reserved := calm.fake.Bytes(arenatest.Reserved) + calm.fake.Bytes(arenatest.Ready)

	for name, victim := range victims {
		for _, verb := range arenatest.Verbs() {
			for k := 1; k <= victim(calm.rig).Calls(verb); k++ {
				for rule, refuse := range map[string]func(arenatest.Call) bool{
					"once": arenatest.Nth(verb, k), "from then on": arenatest.From(verb, k),
				} {
					t.Run(fmt.Sprintf("%s %v %d %s", name, verb, k, rule), func(t *testing.T) {
						l := &tenant{rig: newRig(t, physical64)}
						victim(l.rig).Refuse(refuse)
						l.live()
						if name == "system" && verb == arenatest.Commit {
							require.NotZero(t, l.refused, "nothing was refused")
						}
						l.system.Refuse(nil)
						l.metadata.Refuse(nil)
						l.requireEmpty()
						if name == "metadata" {
							got := l.fake.Bytes(arenatest.Reserved) + l.fake.Bytes(arenatest.Ready)
							require.Equal(t, reserved, got, "address space was lost")
						}
					})
				}
			}
		}
	}
}

// TestARefusedRecordLeavesNothing lets the heap run out of records at every possible point.
func TestARefusedRecordLeavesNothing(t *testing.T) {
	for records := range 8 {
		r := newRig(t, physical64)
		r.build("used 1, free 7, scav 8, used 3, free 13, used 1, free 7, scav 16, used rest")
		keep := make([]uintptr, records)
		for i := range keep {
			p, err := r.Meta().Alloc(mheap.RecordSize + mheap.MetaUnit)
			require.NoError(t, err)
			keep[i] = p
		}
		r.exhaustMetadata()
		for _, p := range keep {
			r.Meta().Free(p, mheap.RecordSize+mheap.MetaUnit)
		}
		before := r.text()
		for _, npages := range []uintptr{1, 7, 9, 14, 20, 23, mheap.PagesPerArena} {
			s, err := r.Alloc(npages, mheap.LargeNoscan, 0)
			if err == nil {
				r.verify()
				r.Free(s)
				r.Release(^uintptr(0))
				break
			}
			require.ErrorIs(t, err, arenatest.ErrRefused)
			r.verify()
			require.Equal(t, before, r.text(), "%d records, %d pages", records, npages)
		}
		r.metadata.Refuse(nil)
		r.alloc(20)
		r.verify()
	}
}

// TestRefusalsCostNoMetadata repeats refused allocations, which must give every record back.
func TestRefusalsCostNoMetadata(t *testing.T) {
	for _, verb := range []arenatest.Verb{arenatest.Commit, arenatest.Reserve} {
		r := newRig(t, physical64)
		s := r.alloc(1)
		if verb == arenatest.Reserve {
			r.alloc(mheap.PagesPerArena - 8)
		}
		r.system.Refuse(func(c arenatest.Call) bool { return c.Verb == verb })
		before, _ := r.Meta().Backed()
		for range 2 * mheap.MetaStep / mheap.RecordSize {
			_, err := r.Alloc(mheap.PagesPerArena/2+1, mheap.LargeNoscan, 16*mheap.PageSize)
			require.ErrorIs(t, err, arenatest.ErrRefused)
		}
		after, _ := r.Meta().Backed()
		require.Less(t, after-before, uint64(2*mheap.MetaStep))
		r.Free(s)
		r.verify()
	}
}

// TestRefusedRecordsAreGivenBack has one record too few for a span from the middle of another.
func TestRefusedRecordsAreGivenBack(t *testing.T) {
	const n = mheap.RecordSize + mheap.MetaUnit
	for records := range uintptr(3) {
		r := newRig(t, 4<<10)
		r.build("used 1, free 30, used rest")
		var keep []uintptr
		for range records {
			p, err := r.Meta().Alloc(n)
			require.NoError(t, err)
			keep = append(keep, p)
		}
		r.exhaustMetadata()
		for _, p := range keep {
			r.Meta().Free(p, n)
		}
		for range 3 {
			_, err := r.Alloc(2, mheap.LargeNoscan, 16*mheap.PageSize)
			if records < 2 {
				require.ErrorIs(t, err, arenatest.ErrRefused)
				require.Equal(t, "used 1, free 30, used rest", r.text())
			} else {
				require.NoError(t, err)
				break
			}
		}
		r.verify()
	}
}

// TestBackedMemoryIsTakenWhereNoMoreIsToBeHad: what fits best may not have memory, and a far longer span has.
func TestBackedMemoryIsTakenWhereNoMoreIsToBeHad(t *testing.T) {
	r := newRig(t, 4<<10)
	r.build("free 200, used 1, scav 9, used rest")
	r.Budget().SetLimit(r.Budget().Backed(), 0)
	r.do("alloc 8")
	require.Equal(t, "used 8, free 192, used 1, scav 9, used rest", r.text())
	r.verify()
	r.Budget().SetLimit(0, 0)
	r.do("alloc 8")
	require.Equal(t, "used 8, free 192, used 1, used 8, scav 1, used rest", r.text())
	r.verify()

	r = newRig(t, 4<<10)
	backed := r.alloc(2200)
	base := backed.Base()
	r.alloc(uintptr(r.Usage().Arenas)*mheap.PagesPerArena - 2200 - 130)
	r.Free(backed)
	r.system.Refuse(arenatest.From(arenatest.Commit, 1))
	s := r.alloc(129)
	require.Equal(t, 1, r.system.Calls(arenatest.Commit))
	require.Equal(t, base, s.Base())
	r.verify()
}

// TestFreedPagesAreHadAgainWithoutMetadata: a free span has a record, which does for one like it.
func TestFreedPagesAreHadAgainWithoutMetadata(t *testing.T) {
	class := mheap.ClassOf(10, true)
	r := newRig(t, 4<<10)
	r.build("used 1, used 1, used 2, used 3, used rest")
	runs, err := r.Runs()
	require.NoError(t, err)
	r.do("free 1")
	slots, err := r.Alloc(1, class, 0)
	require.NoError(t, err)
	require.Equal(t, int(slots.Slots()), slots.Take(make([]mheap.Slot, slots.Slots())))
	slots.Held, slots.List, slots.Returned = true, 3, slots.Slots()
	r.exhaustMetadata()
	r.Free(slots)

	_, err = r.Alloc(1, mheap.ClassOf(1, true), 0)
	require.ErrorIs(t, err, arenatest.ErrRefused, "the record is too short for so many states")
	_, err = r.Alloc(1, class, 2*mheap.PageSize)
	require.ErrorIs(t, err, arenatest.ErrRefused, "the span is not aligned")
	_, err = r.Alloc(2, mheap.LargeNoscan, 0)
	require.ErrorIs(t, err, arenatest.ErrRefused, "the span is too short")
	r.verify()

	s, err := r.Alloc(1, class, 0)
	require.NoError(t, err)
	require.Equal(t, runs[1].Base, s.Base())
	require.Equal(t, mheap.SlotCounts{}, s.SlotCounts)
	require.True(t, s.NeedZero())
	inSpan, held, live := s.Count()
	require.Equal(t, []uint32{s.Slots(), 0, 0}, []uint32{inSpan, held, live})
	r.verify()
}
