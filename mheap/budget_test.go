package mheap_test

import (
	"sync"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// backed is what a heap's figures say is backed.
func (r *rig) backed() uint64 {
	u := r.Usage()
	return u.Arenas*arena.Size - u.Released - u.Untouched + u.Metadata
}

// A commit that is a page too much is refused before the system hears of it, and one that fits is not.
func TestBudgetIsExact(t *testing.T) {
	r := newRig(t, 4<<10)
	first := r.alloc(10)
	r.Budget().SetLimit(r.backed()+20*mheap.PageSize, 0)
	_, err := r.Alloc(21, mheap.LargeNoscan, 0)
	require.ErrorIs(t, err, mheap.ErrLimit)
	r.verify()
	second := r.alloc(20)
	require.Equal(t, r.Budget().Limit(), r.backed())
	require.Equal(t, r.backed(), r.Budget().Backed())
	_, err = r.Alloc(1, mheap.LargeNoscan, 0)
	require.ErrorIs(t, err, mheap.ErrLimit)

	r.Free(first)
	third := r.alloc(10) // what is free needs no commit
	require.Equal(t, r.Budget().Limit(), r.backed())
	r.Free(third)
	r.Free(second)
	released := r.Release(5 * mheap.PageSize)
	require.Equal(t, r.Budget().Limit()-uint64(released), r.Budget().Backed())
	require.Equal(t, r.backed(), r.Budget().Backed())
	r.verify()
}

// A request beyond the limit takes neither address space nor records.
func TestWhatTheBudgetCannotHoldTakesNoArena(t *testing.T) {
	r := newRig(t, 4<<10)
	r.alloc(1)
	before := r.Usage()
	r.Budget().SetLimit(arena.Size, 0)
	_, err := r.Alloc(5*mheap.PagesPerArena, mheap.LargeNoscan, 0)
	require.ErrorIs(t, err, mheap.ErrLimit)
	require.Equal(t, before, r.Usage())
	r.verify()
}

// What the operating system refuses to back counts no longer.
func TestRefusedCommitsAreNotBacked(t *testing.T) {
	r := newRig(t, 4<<10)
	r.alloc(1)
	backed := r.Budget().Backed()
	r.system.Refuse(func(arenatest.Call) bool { return true })
	_, err := r.Alloc(1000, mheap.LargeNoscan, 0)
	require.ErrorIs(t, err, arenatest.ErrRefused)
	require.Equal(t, backed, r.Budget().Backed())
	r.system.Refuse(nil)
	r.exhaustMetadata()
	require.Equal(t, r.backed(), r.Budget().Backed())
	r.verify()
}

// Records count, and are refused too.
func TestMetadataIsWithinTheBudget(t *testing.T) {
	r := newRig(t, 4<<10)
	r.alloc(1)
	limit := r.backed() + 10*mheap.MetaStep
	r.Budget().SetLimit(limit, 0)
	for {
		if _, err := r.Meta().Alloc(5000); err != nil {
			require.ErrorIs(t, err, mheap.ErrLimit)
			break
		}
	}
	require.LessOrEqual(t, r.backed(), limit)
	require.Greater(t, r.backed()+mheap.MetaStep, limit)
	r.verify()
}

func TestSoftLimitTellsHowMuchIsTooMuch(t *testing.T) {
	r := newRig(t, 4<<10)
	s := r.alloc(100)
	require.Zero(t, r.Budget().AboveSoft(0))
	r.Budget().SetLimit(0, r.backed())
	require.Zero(t, r.Budget().AboveSoft(0))
	r.alloc(30)
	require.EqualValues(t, 30*mheap.PageSize, r.Budget().AboveSoft(0))
	require.EqualValues(t, 31*mheap.PageSize, r.Budget().AboveSoft(mheap.PageSize))
	mheap.Process.SetLimit(0, 1)
	require.Equal(t, mheap.Process.Backed()-1, r.Budget().AboveSoft(0), "the process is further above its own")
	mheap.Process.SetLimit(0, 0)
	r.Free(s)
	r.Release(40 * mheap.PageSize)
	require.Zero(t, r.Budget().AboveSoft(0))
}

// Of goroutines that race for the last bytes some are refused, and no more is backed than the limit.
func TestBudgetUnderLoad(t *testing.T) {
	r := newRig(t, 4<<10)
	r.alloc(1)
	limit := r.backed() + 2<<20
	r.Budget().SetLimit(limit, 0)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				s, err := r.Alloc(uintptr(1+(i*7+g)%60), mheap.LargeNoscan, 0)
				if backed := r.Budget().Backed(); backed > limit {
					t.Errorf("%d bytes are backed, the limit is %d", backed, limit)
				}
				if err == nil {
					r.Free(s)
				} else {
					r.Release(60 * mheap.PageSize)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, r.backed(), r.Budget().Backed())
	r.verify()
}

func TestClosedHeapsHaveNothingBacked(t *testing.T) {
	before := mheap.Process.Backed()
	r := newRig(t, 4<<10)
	r.alloc(100)
	r.Free(r.alloc(50))
	require.Equal(t, before+r.backed(), mheap.Process.Backed())
	r.Close()
	require.Equal(t, before, mheap.Process.Backed())
	require.Zero(t, r.Budget().Backed())
}
