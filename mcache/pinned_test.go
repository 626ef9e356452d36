//go:build !wasm && !race && !spanheap_portable

package mcache_test

import (
	"testing"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

func TestIdleCachesAreEmptied(t *testing.T) {
	procs(t, 4)
	r := newRig(t)
	r.fillCaches(3, 4)
	// One goroutine goes on, on one P mostly; where it has been lately is not idle.
	for range 200 {
		if r.filled() <= 2 {
			break
		}
		r.spend(mcache.SweepTicks * mcache.Interval)
	}
	require.LessOrEqual(t, r.filled(), 2, "%+v", r.Hoards())
	r.verify(nil)
	r.requireEmpty()
}
