//go:build !wasm

package mcache_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

// Tests of what only several Ps can show.

// fillCaches makes at least as many caches hold something, and leaves nothing live. Which Ps the
// goroutines run on is the scheduler's choice, so it may take a few rounds.
func (r *rig) fillCaches(atLeast, goroutines int) {
	r.t.Helper()
	for range 1000 {
		for _, b := range r.hoard(goroutines) {
			r.mustFree(b)
		}
		if r.filled() >= atLeast {
			return
		}
	}
	require.FailNow(r.t, "goroutines all share few caches", "%+v", r.Hoards())
}

// filled counts the caches that hold something.
func (r *rig) filled() (n int) {
	for _, h := range r.Hoards() {
		if !h.Empty() {
			n++
		}
	}
	return n
}

// spend allocates and frees so many bytes on one P, or on a few.
func (r *rig) spend(bytes int) {
	r.t.Helper()
	for ; bytes > 0; bytes -= 32768 {
		r.mustFree(r.mustAlloc(noscan(32768), 32768))
	}
}

// requireOnlyTheFirst checks that only the first owner's cache holds anything.
func (r *rig) requireOnlyTheFirst() {
	r.t.Helper()
	for _, h := range r.Hoards() {
		require.True(r.t, h.ID == 0 || h.Empty(), "%+v", h)
	}
}

func TestCachesOfVanishedOwnersAreEmptied(t *testing.T) {
	procs(t, 8)
	r := newRig(t)
	r.fillCaches(2, 8)
	runtime.GOMAXPROCS(1)
	r.spend(2 * mcache.Interval)
	r.requireOnlyTheFirst()
	r.verify(nil)
	r.requireEmpty()
}

func TestDrainEmptiesCachesOfVanishedOwners(t *testing.T) {
	procs(t, 8)
	r := newRig(t)
	r.fillCaches(2, 8)
	runtime.GOMAXPROCS(1)
	r.requireEmpty()
	runtime.GOMAXPROCS(8)
	r.fillCaches(2, 8)
	r.verify(nil)
	r.requireEmpty()
}

// A cache that was not used from one look to the next is emptied, but not too soon after others were, unless its owner is
// gone. A clock that is set back puts nothing off.
func TestSweepsArePaced(t *testing.T) {
	procs(t, 8)
	r := newRig(t)
	var now atomic.Int64
	t.Cleanup(mcache.SetClock(func() time.Duration { return time.Hour + time.Duration(now.Load()) }))
	sweep := func(later time.Duration) {
		now.Add(int64(later))
		r.NoteLooks()
		r.Sweep()
		r.Sweep()
	}
	r.fillCaches(2, 8)
	sweep(mcache.SweepPace)
	require.Zero(t, r.filled())
	r.fillCaches(2, 8)
	sweep(mcache.SweepPace - 1)
	require.GreaterOrEqual(t, r.filled(), 2)
	sweep(1)
	require.Zero(t, r.filled())
	r.fillCaches(2, 8)
	sweep(-2 * time.Hour)
	require.Zero(t, r.filled())

	r.fillCaches(2, 8)
	runtime.GOMAXPROCS(1)
	sweep(0)
	r.requireOnlyTheFirst()
	r.verify(nil)
	r.requireEmpty()
}

// What was last used before half way to a look is idle at that look.
func TestSweepsSeeWhatWasUsedSinceHalfWay(t *testing.T) {
	procs(t, 8)
	r := newRig(t)
	var now atomic.Int64
	t.Cleanup(mcache.SetClock(func() time.Duration { return time.Duration(now.Add(int64(mcache.SweepPace))) }))
	live := r.grow(func() {})
	for r.filled() < 3 { // with so little that the heap is not half way to a look
		onProcs(8, func(int) {
			for range 1000 {
				r.mustFree(r.mustAlloc(noscan(64), 64))
			}
		})
	}
	live = append(live, r.grow(func() {})...)
	require.LessOrEqual(t, r.filled(), 2, "where the heap grew")
	r.verify(live)
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}
