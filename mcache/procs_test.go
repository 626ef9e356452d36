//go:build !wasm

package mcache_test

import (
	"runtime"
	"testing"

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

func TestCachesOfVanishedOwnersAreEmptied(t *testing.T) {
	procs(t, 8)
	r := newRig(t)
	r.fillCaches(2, 8)
	runtime.GOMAXPROCS(1)
	r.spend(2 * mcache.Interval)
	for _, h := range r.Hoards() {
		require.True(t, h.ID == 0 || h.Empty(), "%+v", h)
	}
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
