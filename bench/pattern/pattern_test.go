//go:build !peer

package pattern

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/bench/flat"
)

// params are parameters that a pattern takes.
func params(d definition) []Params {
	size := 0
	if d.sized {
		size = 64
	}
	if d.group == 2 {
		return []Params{{size, 2}, {size, 4}}
	}
	return []Params{{size, 1}, {size, 3}}
}

func TestPatternsFreeWhatTheyAllocate(t *testing.T) {
	for _, d := range definitions {
		for _, p := range params(d) {
			t.Run(fmt.Sprint(d.name, p.Procs), func(t *testing.T) {
				before := heap.Stats().Mallocs
				w := d.prepare(p)
				for range 2 {
					require.GreaterOrEqual(t, w.run(d.quantum+1), d.quantum+1)
				}
				w.close()
				require.Zero(t, LiveBlocks())
				require.Greater(t, heap.Stats().Mallocs, before)
			})
		}
	}
	require.NoError(t, heap.Verify())
}

func TestMeasureTimesWhatRan(t *testing.T) {
	timing, err := Measure("pair", Params{Size: 64, Procs: 1}, 2*time.Millisecond)
	require.NoError(t, err)
	require.Positive(t, timing.Ops)
	require.InDelta(t, float64(timing.Elapsed)/float64(timing.Ops), timing.PerOp(), 1e-9)
	require.Zero(t, LiveBlocks())
}

func TestMeasureRefusesWhatAPatternIsNotFor(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Params
		want string
	}{
		{"none", Params{64, 1}, `no pattern is called "none"`},
		{"pair", Params{64, 0}, "pattern pair: 0 goroutines"},
		{"pair", Params{0, 1}, "pattern pair: blocks of 0 bytes"},
		{"mixed", Params{64, 1}, "pattern mixed draws its own sizes, size 64"},
		{"swap", Params{0, 3}, "pattern swap: 3 goroutines are no multiple of 2"},
	} {
		_, err := Measure(c.name, c.p, time.Millisecond)
		require.ErrorContains(t, err, c.want)
	}
}

func TestSizesKeepToTheirRange(t *testing.T) {
	for _, c := range []struct {
		sizes     *sizes
		low, high uint16
	}{
		{constant(64), 64, 64}, {uniform(8, 1000), 8, 999},
		{logUniform(8, 8192), 8, 8185}, {pareto(16, 8192), 16, 8192},
	} {
		require.Equal(t, c.low, slices.Min(c.sizes[:]))
		require.Equal(t, c.high, slices.Max(c.sizes[:]))
	}
}

func TestLogUniformMakesOctavesEquallyLikely(t *testing.T) {
	var octaves [10]int
	for _, s := range logUniform(8, 8192) {
		for k := range octaves {
			if s >= 8<<k && s < 16<<k {
				octaves[k]++
			}
		}
	}
	for _, n := range octaves {
		require.InDelta(t, 4096/10.0, n, 2)
	}
}

func TestShuffledIsAPermutation(t *testing.T) {
	order := shuffled(1000)
	require.False(t, slices.IsSorted(order))
	slices.Sort(order)
	for i, k := range order {
		require.EqualValues(t, i, k)
	}
}

func TestReplayFreesTheSurvivors(t *testing.T) {
	trace := &flat.Trace{
		Events: []flat.Event{
			{Op: opAlloc, Size: 100}, {Op: opZeroed, Size: 9000}, {Op: opRealloc, ID: 0, Size: 200, Was: 100},
			{Op: opAligned, Align: 12, Size: 10}, {Op: opFree, ID: 1, Size: 9000}, {Op: opAlloc},
		},
		Survivors: []flat.Event{{Op: opFree, ID: 2, Size: 200}, {Op: opFree, ID: 3, Size: 10}, {Op: opFree, ID: 4}},
	}
	trace.Blocks, trace.PeakLive = 5, 9210
	file := filepath.Join(t.TempDir(), "trace")
	require.NoError(t, trace.Write(file))

	r, err := Replay(file, 0)
	require.NoError(t, err)
	require.Equal(t, 6, r.Events)
	require.GreaterOrEqual(t, r.Rounds, 3)
	require.LessOrEqual(t, r.Best, r.Median)
	require.EqualValues(t, 9210, r.PeakLive)
	require.Zero(t, LiveBlocks())
	require.NoError(t, heap.Verify())
}

func TestRetainFreesTheShare(t *testing.T) {
	var told Retained
	tell := func(r Retained) { told = r }
	all, err := Retain(1000, 0, 0, tell)
	require.NoError(t, err)
	some, err := Retain(1000, 75, 0, tell)
	require.NoError(t, err)
	none, err := Retain(1000, 100, 0, tell)
	require.NoError(t, err)
	require.InDelta(t, float64(all.Live)/4, float64(some.Live), float64(all.Live)/8)
	require.Zero(t, none.Live)
	told.Later = none.Later
	require.Equal(t, none, told)
}

func TestRetainRefusesWhatIsNoShare(t *testing.T) {
	for _, c := range [][2]int{{0, 50}, {10, -1}, {10, 101}} {
		_, err := Retain(c[0], c[1], 0, nil)
		require.ErrorContains(t, err, "retention of")
	}
}
