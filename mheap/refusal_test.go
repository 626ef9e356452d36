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
