package main

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
)

func TestMemstatAloneReportsAPeakAndAnEnd(t *testing.T) {
	var got demonstration
	decode(t, succeed(t, "", "-json"), &got)
	require.Equal(t, 1, got.Schema)
	requireCloses(t, got.StatsPeak)
	requireCloses(t, got.StatsEnd)
	require.Greater(t, got.StatsPeak.LiveBlocks, got.StatsEnd.LiveBlocks)
	require.Positive(t, got.StatsEnd.LiveBlocks)

	text := string(got.text(3))
	require.Contains(t, text, "At the peak")
	require.Contains(t, text, "At the end")
	require.Equal(t, 2, strings.Count(text, "Verdict: "))
	require.Contains(t, text, "the kernel says")
}

func TestTheKernelSaysWhatWeSay(t *testing.T) {
	text := succeed(t, "", "report")
	require.Equal(t, 3, strings.Count(text, "the kernel says"))
	for _, name := range []string{"mapped", "backed", "given back", "never touched", "huge"} {
		require.Regexp(t, `(?m)^  `+name+` +[\d,]+ +\S+ .?i?B `, text)
	}
	var got demonstration
	decode(t, succeed(t, "", "report", "-json"), &got)
	requireCloses(t, got.StatsReleased)
	require.Positive(t, got.StatsReleased.Released)
	if got.SystemPeak.Known {
		require.Positive(t, got.SystemPeak.Resident)
		require.LessOrEqual(t, got.SystemReleased.Resident, got.SystemReleased.Mapped)
	}

	var b bytes.Buffer
	writeSystem(&b, "Now", written, systemView{})
	require.Contains(t, b.String(), "This system does not tell")
}

func TestWhatTheServiceAsksForIsTheSameInEveryRun(t *testing.T) {
	first, err := demonstrate(3000)
	require.NoError(t, err)
	second, err := demonstrate(3000)
	require.NoError(t, err)
	require.Equal(t, first.StatsPeak.Live, second.StatsPeak.Live)
	require.Equal(t, first.StatsEnd.Live, second.StatsEnd.Live)
	require.Equal(t, first.StatsEnd.LiveBlocks, second.StatsEnd.LiveBlocks)
}

// written is a heap's Stats made by hand; its sums close.
var written = spanheap.Stats{
	Live: 1000, Rounding: 24, SpanTail: 3, CachedSlots: 50, CentralSlots: 200, FreePages: 16384, Metadata: 400,
	Backed: 18061, Released: 8192, Mapped: 26253, Untouched: 65536, Reserved: 91789, LiveBlocks: 12,
	Classes: []spanheap.ClassStats{
		{Name: "tiny", Size: 4, Spans: 1, SpanBytes: 32, LiveSlots: 4, Live: 12, Rounding: 4, CentralSlots: 16},
		{Name: "7", Size: 80, Spans: 2, SpanBytes: 245, LiveSlots: 2, Live: 148, Rounding: 12, SpanTail: 3, CachedSlots: 50, CentralSlots: 32},
		{Name: "large", Spans: 1, SpanBytes: 1000, LiveSlots: 1, Live: 840, Rounding: 8, CentralSlots: 152},
	},
}

func report(s spanheap.Stats, rows int) string {
	var b bytes.Buffer
	writeReport(&b, "Now", s, rows)
	return b.String()
}

func TestTheSumOnPaperCloses(t *testing.T) {
	lines := regexp.MustCompile(`(?m)^ +([+=]?) ([a-z ]+?) +([\d,]+) +\S+ .?i?B `).FindAllStringSubmatch(report(written, 0), -1)
	require.Len(t, lines, 12)
	sum, totals := 0, 0
	for _, line := range lines {
		n, err := strconv.Atoi(strings.ReplaceAll(line[3], ",", ""))
		require.NoError(t, err)
		if line[1] == "=" {
			require.Equal(t, sum, n, line[2])
			totals++
			continue
		}
		sum += n
	}
	require.Equal(t, 3, totals)
	require.EqualValues(t, written.Reserved, sum)
}

func classRows(text string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^  (\S+(?: more)?) .*%$`).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

func TestClassesAreShownWorstFirst(t *testing.T) {
	require.Equal(t, []string{"large", "7", "tiny", "all"}, classRows(report(written, 0)))
	require.Equal(t, []string{"large", "7", "tiny", "all"}, classRows(report(written, 3)))
	require.Equal(t, []string{"large", "2 more", "all"}, classRows(report(written, 1)))
}

func TestVerdictNamesTheLargestWaste(t *testing.T) {
	change := func(f func(*spanheap.Stats)) spanheap.Stats {
		s := written
		f(&s)
		return s
	}
	for _, c := range []struct {
		stats spanheap.Stats
		want  string
	}{
		{spanheap.Stats{}, "the heap has no memory."},
		{written, "5.5 % of the backed memory is live; the largest waste is free pages, ready for reuse or release: 16.0 KiB."},
		{change(func(s *spanheap.Stats) { s.Live = 0 }), "nothing is live, 17.6 KiB are backed; the largest waste is free pages, ready for reuse or release: 16.0 KiB."},
		{change(func(s *spanheap.Stats) { s.FreePages = 0 }), "5.5 % of the backed memory is live; the largest waste is the heap's own records: 400 B."},
		{change(func(s *spanheap.Stats) { s.FreePages, s.Metadata = 0, 0 }), "5.5 % of the backed memory is live; the largest waste is free slots beside live blocks: 200 B (class large: 152 B)."},
		{change(func(s *spanheap.Stats) { s.Rounding = 1 << 20 }), "5.5 % of the backed memory is live; the largest waste is rounding up to slot sizes: 1.00 MiB (class 7: 12 B)."},
	} {
		require.Equal(t, c.want, verdict(c.stats))
	}
}

func TestAHeapWithoutMemoryHasAReport(t *testing.T) {
	text := report(spanheap.Stats{}, 0)
	require.Contains(t, text, "Now: 0 B live in 0 blocks")
	require.NotContains(t, text, "NaN")
}
