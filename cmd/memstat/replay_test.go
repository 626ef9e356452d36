package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/trace"
)

type replaysJSON struct {
	Schema  int
	Replays []replay
}

func replays(t *testing.T, args ...string) []replay {
	t.Helper()
	var got replaysJSON
	decode(t, succeed(t, "", append([]string{"replay", "-json", "-settle", "0"}, args...)...), &got)
	require.Equal(t, 1, got.Schema)
	return got.Replays
}

func TestReplay(t *testing.T) {
	files := []string{sample("operations"), sample("service"), sample("compiler")}
	for threads := 1; threads <= 2; threads++ {
		got := replays(t, append([]string{"-rounds", "3", "-verify", "1000", "-threads", strconv.Itoa(threads)}, files...)...)
		require.Len(t, got, len(files))
		for i, r := range got {
			require.Equal(t, files[i], r.File)
			require.Equal(t, threads, r.Threads)
			require.Equal(t, 3, r.Rounds)
			require.Positive(t, r.Blocks)
			require.Greater(t, r.Events, r.Blocks)
			require.Positive(t, r.NsPerEventBest)
			require.GreaterOrEqual(t, r.NsPerEventMedian, r.NsPerEventBest)
			require.Positive(t, r.Resident)
			live := r.PeakLive * uint64(threads)
			require.InDelta(t, float64(r.Resident)/float64(live), r.ResidentOverLive, 1e-9)

			require.Equal(t, (r.Events+999)/1000+1, r.Verifications)

			requireCloses(t, r.StatsPeak)
			require.Equal(t, live, r.StatsPeak.Live)
			requireCloses(t, r.StatsEnd)
			require.Zero(t, r.StatsEnd.Live)
			require.Zero(t, r.StatsEnd.LiveBlocks)
			require.Equal(t, r.StatsEnd.Mallocs, r.StatsEnd.Frees)
		}
	}
}

func TestReplayAsText(t *testing.T) {
	text := succeed(t, "", "replay", "-rounds", "1", "-settle", "0", "-threads", "2", sample("compiler"), sample("operations"))
	require.Contains(t, text, sample("compiler")+": 7,945 events, 4,317 blocks, peak live 54,419 bytes (53.1 KiB), on 2 threads")
	require.Contains(t, text, sample("operations")+": ")
	require.Contains(t, text, "of 1 round\n")
	require.Equal(t, 4, strings.Count(text, "Verdict: "))
}

func TestReplayOfStandardInput(t *testing.T) {
	file, err := os.ReadFile(sample("operations"))
	require.NoError(t, err)
	require.Contains(t, succeed(t, string(file), "replay", "-rounds", "1", "-settle", "0", "-"), "standard input: ")
}

func TestABrokenTraceLosesNoOther(t *testing.T) {
	file, err := os.ReadFile(sample("service"))
	require.NoError(t, err)
	cut := writeFile(t, "cut.trace.gz", string(file[:len(file)/2]))
	foreign := writeFile(t, "foreign.trace.gz", "to whom it may concern")
	args := []string{"-rounds", "1", "-settle", "0", sample("compiler"), cut, foreign, sample("operations")}

	requireNamed := func(stderr string) {
		require.Regexp(t, `(?m)^memstat replay: .*cut\.trace\.gz: offset [1-9]\d* of the compressed file: cut short`, stderr)
		require.Regexp(t, `(?m)^memstat replay: .*foreign\.trace\.gz: not a gzip file`, stderr)
	}
	code, stdout, stderr := memstat("", append([]string{"replay", "-json"}, args...)...)
	require.Equal(t, exitFailure, code)
	requireNamed(stderr)
	var got replaysJSON
	decode(t, stdout, &got)
	require.Len(t, got.Replays, 2)
	require.Equal(t, sample("operations"), got.Replays[1].File)

	code, stdout, stderr = memstat("", append([]string{"replay"}, args...)...)
	require.Equal(t, exitFailure, code)
	requireNamed(stderr)
	require.Contains(t, stdout, sample("compiler"))
	require.Contains(t, stdout, sample("operations"))
}

func TestReplayEndsWithTheHeapsRefusal(t *testing.T) {
	heap, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	require.NoError(t, heap.Close())
	for _, threads := range []int{1, 2} {
		players := make(team, threads)
		for i := range players {
			players[i] = newPlayer(1)
		}
		players.join(heap)
		err = players.play([]trace.Event{{Op: trace.Alloc, Size: 100}})
		require.ErrorIs(t, err, spanheap.ErrClosed)
		require.ErrorContains(t, err, "block 0: ")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestReplayMakesEveryCallAndTouchesEveryBlock(t *testing.T) {
	heap, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	defer heap.Close()
	p := newPlayer(5)
	p.heap = heap
	p.play([]trace.Event{
		{Op: trace.Alloc, Size: 40},
		{Op: trace.AllocZeroed, Size: 5000},
		{Op: trace.AllocAligned, Align: 14, Size: 9},
		{Op: trace.Alloc, Size: 1},
		{Op: trace.Free, ID: 0},
		{Op: trace.Realloc, ID: 3, Size: 70},
	})
	require.NoError(t, p.err)
	require.Nil(t, p.blocks[0])
	require.Nil(t, p.blocks[3])

	zeroed := make([]byte, 5000)
	copy(zeroed, ones[:])
	zeroed[4096] = 1
	require.Equal(t, zeroed, p.blocks[1])
	require.Equal(t, ones[:9], p.blocks[2])
	require.Equal(t, append(ones[:64:64], 0, 0, 0, 0, 0, 0), p.blocks[4])
	require.EqualValues(t, 3, heap.Stats().LiveBlocks)

	p.freeSurvivors()
	require.Zero(t, heap.Stats().LiveBlocks)
}

func TestReplayVerifiesBetweenEvents(t *testing.T) {
	text := succeed(t, "", "replay", "-rounds", "1", "-settle", "0", "-verify", "4000", sample("compiler"))
	require.Contains(t, text, "one of them 3 times during a play")
	text = succeed(t, "", "replay", "-rounds", "1", "-settle", "0", sample("compiler"))
	require.NotContains(t, text, "during a play")
	code, _, stderr := memstat("", "replay", "-verify", "-1", sample("compiler"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "-verify -1 is negative")
	require.Contains(t, succeed(t, "", "help", "replay"), "after every N events")
}

func TestReplayVerifiesAfterEveryEventAndTheLastFree(t *testing.T) {
	team := team{newPlayer(1)}
	events := []trace.Event{{Op: trace.Alloc, Size: 100}, {Op: trace.Free, ID: 0}}
	r := replay{File: "a trace"}
	require.NoError(t, r.verifyEvents(&trace.Trace{Events: events, Blocks: 1}, team, 1))
	require.Equal(t, 3, r.Verifications)
}
