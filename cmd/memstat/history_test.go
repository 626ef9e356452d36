package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/internal/trace"
)

// A stopwatch is a clock that stands still but for the sleeps.
type stopwatch struct{ time time.Time }

func (s *stopwatch) clock() clock {
	return clock{
		func() time.Time { return s.time },
		func(d time.Duration) { s.time = s.time.Add(d) },
	}
}

// historyOf returns the history of one of internal/trace's traces, with a wait that takes no time.
func historyOf(t *testing.T, name string, o replayOptions) (*trace.Trace, replay) {
	t.Helper()
	sound, err := readTrace(streams{}, sample(name))
	require.NoError(t, err)
	o.clock = new(stopwatch).clock()
	o.rounds = 1
	r, err := measure(sound, sample(name), o)
	require.NoError(t, err)
	return sound, r
}

func TestAHistoryGoesFromTheFirstEventToTheEndOfTheWait(t *testing.T) {
	const wait = 12 * time.Second
	for threads := 1; threads <= 2; threads++ {
		sound, r := historyOf(t, "service", replayOptions{threads: threads, settle: wait})
		h := r.History
		last := h.lastFree()
		require.Zero(t, h[0].Live)
		require.Zero(t, h[0].Events)
		require.Equal(t, len(sound.Events), h[last-1].Events)
		require.InDelta(t, wait.Seconds(), h[len(h)-1].Seconds, 1e-6)

		live, resident := uint64(0), uint64(0)
		for i, m := range h {
			live, resident = max(live, m.Live), max(resident, m.Resident)
			if i > 0 {
				require.GreaterOrEqual(t, m.Events, h[i-1].Events)
			}
			if i >= last {
				require.Zero(t, m.Live)
			} else {
				require.Zero(t, m.Seconds)
			}
			if i > last {
				require.Greater(t, m.Seconds, h[i-1].Seconds)
			}
		}
		require.Equal(t, sound.PeakLive*uint64(threads), live, "the peak is one of the moments")
		require.Positive(t, resident)
		require.Equal(t, max(live, resident), h.most())
	}
}

func TestWithoutAWaitAHistoryEndsWithTheLastFree(t *testing.T) {
	_, r := historyOf(t, "compiler", replayOptions{threads: 1})
	require.Equal(t, len(r.History)-1, r.History.lastFree())
}

func TestWhereTheSystemDoesNotTellAHistoryHasTheBackedBytes(t *testing.T) {
	sound, err := readTrace(streams{}, sample("compiler"))
	require.NoError(t, err)
	r := replay{ResidentFromStats: true}
	players := team{newPlayer(sound.Blocks)}
	require.NoError(t, r.measureHistory(sound, players, replayOptions{threads: 1, clock: new(stopwatch).clock()}))
	require.Zero(t, r.History[0].Resident, "a heap takes nothing before its first block")
	for _, m := range r.History {
		require.GreaterOrEqual(t, m.Resident, m.Live)
	}
}

func TestAnEmptyTraceHasAHistory(t *testing.T) {
	o := replayOptions{threads: 1, rounds: 1, settle: time.Second, clock: new(stopwatch).clock()}
	r, err := measure(&trace.Trace{}, "empty", o)
	require.NoError(t, err)
	require.Equal(t, 1, r.History.lastFree())
	require.InDelta(t, 1, r.History[len(r.History)-1].Seconds, 1e-6)
	require.Contains(t, string(r.svg()), "</svg>")
}
