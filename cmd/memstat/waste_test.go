package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
)

func wasteJSON(t *testing.T, stdin string, args ...string) (w waste) {
	t.Helper()
	decode(t, succeed(t, stdin, append([]string{"waste", "-json"}, args...)...), &w)
	require.Equal(t, 1, w.Schema)
	var sum classWaste
	for _, c := range w.Classes {
		require.Equal(t, c.Bytes, c.Requested+c.Rounding+c.Tails)
		sum.Blocks += c.Blocks
		sum.Requested += c.Requested
		sum.Rounding += c.Rounding
		sum.Tails += c.Tails
		sum.Bytes += c.Bytes
	}
	sum.Class = "all"
	require.Equal(t, sum, w.Total)
	require.True(t, slices.IsSortedFunc(w.Classes, func(a, b classWaste) int { return int(b.waste()) - int(a.waste()) }))
	return w
}

func TestWasteOfSizes(t *testing.T) {
	w := wasteJSON(t, "size,count\n33,340\n 40 , 2\n3,5\n0,9\n33,1\n40961,2\n", "-sizes", "-")
	bySize := map[string]classWaste{}
	for _, c := range w.Classes {
		bySize[c.Class] = c
	}
	require.EqualValues(t, 359, w.Total.Blocks)

	slot := uint64(spanheap.GoodSize(33))
	i := slices.IndexFunc(w.Classes, func(c classWaste) bool { return c.Slot == slot })
	require.EqualValues(t, 343, w.Classes[i].Blocks)
	require.EqualValues(t, 341*33+2*40, w.Classes[i].Requested)
	require.EqualValues(t, 343*slot-w.Classes[i].Requested, w.Classes[i].Rounding)

	require.Equal(t, classWaste{
		Class: "large", Blocks: 2, Requested: 2 * 40961, Rounding: 2 * (49152 - 40961), Bytes: 2 * 49152,
	}, bySize["large"])
	require.EqualValues(t, 14, bySize["tiny"].Blocks)
	require.EqualValues(t, 15, bySize["tiny"].Requested)
}

func TestSizesOfAFileNeedNoHeader(t *testing.T) {
	path := writeFile(t, "sizes.csv", "100,1\n200,3")
	w := wasteJSON(t, "", "-sizes", path)
	require.Equal(t, path, w.File)
	require.EqualValues(t, 700, w.Total.Requested)
	require.Contains(t, succeed(t, "", "waste", "-sizes", path), "4 blocks ask for 700 bytes")
}

func TestSizesMayComeFromASpreadsheet(t *testing.T) {
	for _, file := range []string{
		"\ufeff100,1\r\n200,3\r\n", "\ufeffsize in bytes,blocks of 2026\r\n100,1\r\n200,3", "\"size\",\"count\"\n\"100\",\"1\"\n\"200\",\"3\"\n",
	} {
		w := wasteJSON(t, file, "-sizes", "-")
		require.EqualValues(t, 700, w.Total.Requested, "%q", file)
		require.EqualValues(t, 4, w.Total.Blocks)
	}
}

func TestSpanTailsAreSharedOutOverTheSlots(t *testing.T) {
	classes := spanheap.SizeClasses()
	i := slices.IndexFunc(classes, func(c spanheap.SizeClass) bool { return c.TailWaste > 0 })
	c := classes[i]
	w := wasteJSON(t, fmt.Sprintf("%d,%d\n", c.Size, 3*c.Objects), "-sizes", "-")
	require.EqualValues(t, 0, w.Total.Rounding)
	require.EqualValues(t, 3*c.TailWaste, w.Total.Tails)
}

func TestBrokenSizesAreNamedByTheirLine(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"empty":             {"", "sizes.csv: it lists no sizes"},
		"columns swapped":   {"count,size\n5,100\n", `line 1: size "count"`},
		"one name":          {"abc\n16,1\n", `line 1: "abc"`},
		"header only":       {"size,count\n", "sizes.csv: it lists no sizes"},
		"no number":         {"size,count\n16,1\nsixteen,1\n", `sizes.csv: line 3: size "sixteen" is no whole number`},
		"number with more":  {"16x,1\n", `line 1: size "16x" is no whole number`},
		"header later":      {"16,1\nsize,count\n", `line 2: size "size"`},
		"negative size":     {"-16,1\n", `line 1: size "-16" is no whole number from 0 to`},
		"negative count":    {"16,-1\n", `line 1: count "-1" is no whole number from 0 to 18446744073709551615`},
		"overflowing count": {"16,18446744073709551616\n", `line 1: count "18446744073709551616" is no whole number from 0 to`},
		"no count":          {"16,1\n\n32\n", `line 3: "32" is no size and a count`},
		"semicolon":         {"16;1\n", `line 1: "16;1" is no size and a count with a comma between`},
		"three fields":      {"16,1,1\n", `line 1: "16,1,1" is no size and a count`},
		"broken count":      {"16,1.5\n", `line 1: count "1.5" is no whole number`},
		"absurd size":       {"18446744073709551615,1\n", "line 1: size"},
		"above the limit":   {fmt.Sprintf("16,1\n%d,1\n", uint64(maxBlock)+1), fmt.Sprintf("line 2: size \"%d\" is no whole number from 0 to %d", uint64(maxBlock)+1, uint64(maxBlock))},
		"too large":         {"1099511627777,1\n", "line 1: size"},
		"too many":          {"16,1\n8,18446744073709551615\n", "line 2: with it the blocks have more than"},
		"too many together": {"1024,1099511627775\n16,1\n1024,1\n", "line 3: with it the blocks have more than"},
		"quote":             {"16,1\n\"16,1\n", "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := memstat("", "waste", "-sizes", writeFile(t, "sizes.csv", c.file))
			require.Equal(t, exitFailure, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, c.want)
		})
	}
}

func TestWasteOfATraceIsThatOfItsPeak(t *testing.T) {
	for _, name := range []string{"operations", "service", "compiler"} {
		w := wasteJSON(t, "", "-trace", sample(name))
		r := replays(t, "-rounds", "1", sample(name))[0]
		require.Equal(t, r.PeakLive, w.Total.Requested, name)
		require.Positive(t, w.Total.Rounding)
	}
}

// Of what the classes force on every heap, a real heap at the same moment shows the same rounding
// in every class. No block is sampled or guarded, and so
// elsewhere than in its class.
func TestWasteOfATraceIsWhatAHeapShows(t *testing.T) {
	rate := spanheap.ProfileRate()
	spanheap.SetProfileRate(0)
	t.Cleanup(func() { spanheap.SetProfileRate(rate) })
	for _, name := range []string{"operations", "service", "compiler"} {
		w := wasteJSON(t, "", "-trace", sample(name))
		r := replays(t, "-rounds", "1", sample(name))[0]
		for _, of := range w.Classes {
			i := slices.IndexFunc(r.StatsPeak.Classes, func(c spanheap.ClassStats) bool { return c.Name == of.Class })
			require.GreaterOrEqual(t, i, 0, of.Class)
			require.Equal(t, of.Rounding, r.StatsPeak.Classes[i].Rounding, "%s: class %s", name, of.Class)
		}
	}
}

func TestWasteOfABrokenTrace(t *testing.T) {
	code, stdout, stderr := memstat("size,count\n", "waste", "-trace", "-")
	require.Equal(t, exitFailure, code)
	require.Empty(t, stdout)
	require.Equal(t, "memstat waste: standard input: not a gzip file: it begins with \"si\"\n", stderr)
}

func TestTheLargestBlockIsAHeaps(t *testing.T) {
	heap, err := spanheap.NewHeap(spanheap.Options{Limit: 1 << 20})
	require.NoError(t, err)
	defer heap.Close()
	_, err = heap.Alloc(maxBlock)
	require.ErrorIs(t, err, spanheap.ErrLimit)
	over := maxBlock
	_, err = heap.Alloc(over + 1)
	require.ErrorIs(t, err, spanheap.ErrSize)
	require.Contains(t, succeed(t, fmt.Sprintf("%d,1\n", maxBlock), "waste", "-sizes", "-"), "1 block asks for ")
}
