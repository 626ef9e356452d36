package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/bench/pattern"
)

// The test's own program is a worker too, so that suites can be run without building any: it says that
// an operation takes as many ns as it has goroutines. It fails for the pattern called broken, and prints
// a complaint too for the one called complaining.
func TestMain(m *testing.M) {
	if len(os.Args) > 4 && os.Args[1] == "run" {
		if os.Args[2] == "broken" {
			fmt.Fprintln(os.Stderr, "no such thing")
			os.Exit(1)
		}
		if os.Args[2] == "complaining" {
			fmt.Fprintln(os.Stderr, "object cannot be preloaded: ignored")
		}
		if os.Args[2] == "where" { // how many processors it may use, and how many Ps it has
			fmt.Printf("ns/op=%d ops=1\n", placed(runtime.NumCPU()))
			os.Exit(0)
		}
		fmt.Printf("ns/op=%s ops=1\n", os.Args[4])
		os.Exit(0)
	}
	if len(os.Args) > 3 && os.Args[1] == "replay" {
		fmt.Println("ns/event=12.5 best=12 rounds=3 resident=4096")
		os.Exit(0)
	}
	if len(os.Args) > 4 && os.Args[1] == "retention" {
		fmt.Print("live=100 full=1000 at-once=900")
		fmt.Printf(" later=%s\n", os.Args[3])
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == "release" {
		fmt.Println("quiet-calls=9 quiet-p50=1 quiet-p99=2 quiet-p999=3 quiet-last=4 scavenged-calls=9 scavenged-p50=1 scavenged-p99=2 scavenged-p999=6 scavenged-last=9 beside-calls=9 beside-p50=5 beside-p99=6 beside-p999=7 beside-last=8 scavenger-share=0.005")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// stub returns an impl whose worker is the test's own program.
func stub(t *testing.T, name string) *Impl {
	program, err := os.Executable()
	require.NoError(t, err)
	return &Impl{Name: name, zeroes: both, replays: true, retains: true, binary: map[bool]string{false: program, true: program}}
}

func newSuite(t *testing.T, cells []Cell) *Suite {
	return &Suite{
		Impls: []*Impl{stub(t, Spanheap), stub(t, Make)}, Cells: cells, Scratch: t.TempDir(),
		Rounds: 2, Time: time.Millisecond, Started: time.Now(), Step: func(int, int, string) {},
	}
}

func TestASuiteMeasuresEveryCellOnEveryImplInEveryRound(t *testing.T) {
	s := newSuite(t, over("pair", []int{64}, []int{1, 2}))
	var order []string
	s.Step = func(_, total int, what string) {
		require.Equal(t, 8, total)
		order = append(order, what)
	}
	out, err := s.Run(context.Background())
	require.NoError(t, err)
	require.Len(t, out.Rows, 2)
	require.Equal(t, []float64{2, 2}, out.Rows[1].Values[Make].Values)
	require.Equal(t, 2, out.Rounds)
	require.Empty(t, out.Notes)

	round := order[:4]
	require.Equal(t, round, order[4:], "rounds are interleaved")
	require.Contains(t, round[0], "impl=spanheap/pattern=pair/size=64/procs=1/fill=uninit")
	require.Contains(t, round[1], "impl=make/pattern=pair/size=64/procs=1/fill=uninit")
}

// placed tells of a process how many processors it may use, and how many Ps it has.
func placed(processors int) int { return processors*10_000 + runtime.GOMAXPROCS(0) }

func TestOneGoroutineIsMeasuredOnOneProcessor(t *testing.T) {
	before := usable()
	for _, pin := range []bool{false, true} {
		s := newSuite(t, over("where", []int{8}, []int{1, 2}))
		s.Pin = pin
		s.Impls[1].collected = true
		out, err := s.Run(context.Background())
		require.NoError(t, err)
		all, one := float64(placed(runtime.NumCPU())), float64(placed(runtime.NumCPU()))
		if pin && len(before) > 1 {
			one = float64(placed(1))
			require.GreaterOrEqual(t, out.Unlike.Min, 1.0)
			require.Len(t, out.Unlike.Values, s.Rounds, "it is chosen anew for each row of each round")
			require.Equal(t, s.processors.unlike, out.Unlike.Values)
			if runtime.GOMAXPROCS(0) > 1 {
				require.Equal(t, s.processors.apart, out.Apart.Values)
			} else {
				require.Nil(t, out.Apart)
			}
		} else {
			require.Nil(t, out.Unlike)
			require.Nil(t, out.Apart)
		}
		require.Equal(t, []float64{one, one}, out.Rows[0].Values[Spanheap].Values, "pin %v", pin)
		require.Equal(t, []float64{all, all}, out.Rows[0].Values[Make].Values, "a collector may have all")
		require.Equal(t, []float64{all, all}, out.Rows[1].Values[Spanheap].Values, "two goroutines too")
	}
	if len(before) > 0 {
		refused := errors.New("not today")
		require.ErrorIs(t, on(before[0], func() error {
			require.Equal(t, before[:1], usable())
			return refused
		}), refused)
		for range 100 { // whatever thread it is
			require.Equal(t, before, usable())
		}
	}
}

func TestAFailureIsNotedAndHidesNothingElse(t *testing.T) {
	out, err := newSuite(t, []Cell{{Pattern: "broken", Size: 1, Procs: 1}, {Pattern: "pair", Size: 1, Procs: 1}}).Run(context.Background())
	require.NoError(t, err)
	require.Len(t, out.Rows, 1)
	require.Len(t, out.Notes, 2, "each impl's once, not in every round")
	require.Contains(t, out.Notes[0], "no such thing")
}

func TestOnlyWhatIsWantedIsMeasured(t *testing.T) {
	s := newSuite(t, over("pair", []int{8, 64}, one))
	s.Only = regexp.MustCompile("size=8/")
	out, err := s.Run(context.Background())
	require.NoError(t, err)
	require.Len(t, out.Rows, 1)
	require.Equal(t, 8, out.Rows[0].Size)
}

func TestTheLimitEndsARunAfterARound(t *testing.T) {
	s := newSuite(t, over("pair", []int{8}, one))
	s.Limit = time.Nanosecond
	out, err := s.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, 1, out.Rounds)
	require.Len(t, out.Notes, 1)
}

func TestACancelledRunIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := newSuite(t, over("pair", []int{8}, one)).Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestTracesAreReplayed(t *testing.T) {
	s := newSuite(t, nil)
	s.Traces = SmallTraces("../../internal/trace/testdata")
	out, err := s.Run(context.Background())
	require.NoError(t, err)
	require.Len(t, out.Traces, 2)
	require.Equal(t, []float64{12.5, 12.5}, out.Traces[0].Time[Spanheap].Values)
	ratio, ok := out.Traces[0].OverLive(Make)
	require.True(t, ok)
	require.InDelta(t, 4096/float64(out.Traces[0].PeakLive), ratio, 1e-9)
}

func TestSlowReplaysAreMadeOnce(t *testing.T) {
	s := newSuite(t, nil)
	s.Traces = SmallTraces("../../internal/trace/testdata")
	s.Impls[1].slowly = true
	out, err := s.Run(context.Background())
	require.NoError(t, err)
	require.Len(t, out.Traces[0].Time[Spanheap].Values, s.Rounds)
	require.Len(t, out.Traces[0].Time[Make].Values, 1)
}

func TestWhatStaysResidentIsMeasuredOnceOnEveryImpl(t *testing.T) {
	s := newSuite(t, nil)
	s.Retain, s.Wait = 1000, time.Millisecond
	s.Impls[1].retains = false
	s.Impls = append(s.Impls, stub(t, Glibc))
	out, err := s.Run(context.Background())
	require.NoError(t, err)
	require.Empty(t, out.Notes)
	require.Len(t, out.Retention, len(RetentionRows()))
	for i, r := range out.Retention {
		require.Equal(t, RetentionRows()[i].Name(), r.Name())
		require.Equal(t, 1000, r.Blocks)
		require.EqualValues(t, 100, r.Live)
		require.Len(t, r.Later, 2)
		require.Equal(t, []float64{float64(r.Freed)}, r.Later[Glibc].Values)
		require.Equal(t, 900.0, r.AtOnce[Spanheap].Median)
	}
}

func TestAnImplThatRetainsNothingMeasurableIsNoted(t *testing.T) {
	s := newSuite(t, nil)
	s.Retain, s.Only = 1, regexp.MustCompile("^retention/freed=75$")
	s.Impls[1].binary = map[bool]string{false: filepath.Join(t.TempDir(), "nothing")}
	out, err := s.Run(context.Background())
	require.NoError(t, err)
	require.Len(t, out.Notes, 1)
	require.Contains(t, out.Notes[0], "impl=make/retention/freed=75: ")
	require.Len(t, out.Retention, 1)
	require.Len(t, out.Retention[0].Later, 1)
	require.Empty(t, out.Release)
}

func TestAllocBesideReleaseIsMeasuredInEveryRound(t *testing.T) {
	s := newSuite(t, nil)
	s.Retain, s.Only = 1, regexp.MustCompile("^release$")
	out, err := s.Run(context.Background())
	require.NoError(t, err)
	require.Empty(t, out.Retention)
	require.Len(t, out.Release, 3)
	require.Equal(t, BesideFrees, out.Release[0].Beside)
	require.Equal(t, []float64{3, 3}, out.Release[0].P999.Values)
	require.Equal(t, BesideScavenge, out.Release[1].Beside)
	require.Equal(t, 6.0, out.Release[1].P999.Median)
	require.Equal(t, BesideReleases, out.Release[2].Beside)
	require.Equal(t, 7.0, out.Release[2].P999.Median)
	require.Equal(t, 0.005, out.Scavenger.Median)
}

func TestFindTracesWantsTraces(t *testing.T) {
	_, err := FindTraces(t.TempDir())
	require.ErrorContains(t, err, traceSuffix)
	files, err := FindTraces("../../internal/trace/testdata")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 2)
}

func TestPlansHoldCellsThatPatternsTake(t *testing.T) {
	full := FullCells()
	seen := map[string]bool{}
	goroutines := map[string][]int{} // by pattern and size
	for _, c := range full {
		if of := c.Pattern + c.SizeText(); !c.Zeroed {
			goroutines[of] = append(goroutines[of], c.Procs)
		}
		require.False(t, seen[c.Name()], "%s stands there twice", c.Name())
		seen[c.Name()] = true
		require.Contains(t, pattern.Names(), c.Pattern)
		require.NotEmpty(t, c.SizeText(), c.Pattern)
		require.NoError(t, pattern.Check(c.Pattern, pattern.Params{Size: c.Size, Procs: c.Procs}))
	}
	for of, procs := range goroutines {
		if procs[0] == 1 {
			procs = procs[1:] // not all patterns are for one
		}
		require.Equal(t, []int{2, 4, 8}, procs, of)
	}
	require.Subset(t, full, ShortCells())
	require.Subset(t, ShortCells(), GuardCells())
}

func TestImplsAreMeasuredWhereTheyBelong(t *testing.T) {
	names := map[string]*Impl{}
	for _, i := range Impls() {
		require.NotContains(t, names, i.Name)
		names[i.Name] = i
	}
	pair, zeroedPair := Cell{"pair", 64, 1, false}, Cell{"pair", 64, 1, true}
	require.True(t, names[Spanheap].Runs(pair))
	require.True(t, names[Spanheap].Runs(zeroedPair))
	require.True(t, names[Make].Runs(pair), "what always zeroes stands in all rows")
	require.False(t, names["sync.Pool"].Runs(zeroedPair))
	require.True(t, names["sync.Pool"].Runs(Cell{"pair", 64, 2, false}))
	require.False(t, names["sync.Pool"].Runs(Cell{"pair", 64, 4, false}))
	require.False(t, names[Batch].Runs(pair))
	require.True(t, names[Batch].Runs(Cell{"batch-64", 64, 1, false}))
	require.False(t, names["modernc"].Runs(Cell{"pair", 64, 2, false}), "not safe for two goroutines")
	require.False(t, names["new"].Runs(Cell{"pair", 1024, 1, true}))
	require.Equal(t, Spanheap, Impls()[0].Name)
	for _, n := range Natives {
		require.Equal(t, Native, names[n].Kind)
	}
}

func TestTheCProgramDrawsTheSameNumbersAndHasTheSamePatterns(t *testing.T) {
	builder := &Builder{Dir: t.TempDir(), Module: ".", Say: func(string, ...any) {}}
	native := &Impl{Name: Glibc, Kind: Native, zeroes: both}
	err := builder.build(context.Background(), native)
	if _, missing := compiler(); missing != nil {
		require.ErrorIs(t, err, ErrNoCompiler)
		return
	}
	require.NoError(t, err)
	l, err := native.measure(context.Background(), measurement{program: native.binary[false], about: time.Second, keys: []string{"numbers"}, args: []string{"numbers"}})
	require.NoError(t, err)
	require.Equal(t, float64(pattern.Fingerprint()), l["numbers"])

	retained, err := native.measure(context.Background(), measurement{
		program: native.binary[false], about: time.Second, keys: []string{"live", "later"}, args: []string{"retention", "1000", "75", "1"},
	})
	require.NoError(t, err)
	same, err := pattern.Retain(1000, 75, time.Millisecond, func(pattern.Retained) {})
	require.NoError(t, err)
	require.Equal(t, float64(same.Live), retained["live"])

	measured := map[string]bool{}
	for _, c := range FullCells() {
		if c.Procs > 2 || measured[c.Pattern] {
			continue
		}
		measured[c.Pattern] = true
		for _, c.Zeroed = range []bool{false, true} {
			ns, err := native.runCell(context.Background(), c, time.Millisecond, anywhere)
			require.NoError(t, err, c.Name())
			require.Positive(t, ns)
		}
	}
	require.Len(t, measured, len(pattern.Names()))
}

func TestAnImplThatCannotBeBuiltIsLeftOutWithANote(t *testing.T) {
	builder := &Builder{Dir: t.TempDir(), Module: ".", Say: func(string, ...any) {}}
	ready, notes, err := builder.Build(context.Background(), []*Impl{
		stub(t, Spanheap),
		{Name: "missing", Kind: Native, library: "libnoallocator.so.1"},
		{Name: "unfit", Kind: Go, needs: []string{filepath.Join(t.TempDir(), "nothing")}},
	})
	require.NoError(t, err)
	require.Len(t, ready, 1)
	require.Len(t, notes, 2)
	require.Contains(t, notes[0], "libnoallocator.so.1 is not installed")
	require.Contains(t, notes[1], "it needs")
}

func TestCgoThatIsTurnedOffIsLeftOut(t *testing.T) {
	t.Setenv("CGO_ENABLED", "0")
	builder := &Builder{Dir: t.TempDir(), Module: ".", Say: func(string, ...any) {}}
	require.ErrorContains(t, builder.build(context.Background(), &Impl{Name: CgoJemalloc, Kind: Cgo}), "CGO_ENABLED is 0")
}

func TestSpanheapMustBeBuilt(t *testing.T) {
	builder := &Builder{Dir: t.TempDir(), Module: ".", Say: func(string, ...any) {}}
	_, _, err := builder.Build(context.Background(), []*Impl{{Name: Spanheap, needs: []string{"nothing"}}})
	require.ErrorContains(t, err, "building spanheap's worker")
}

func TestAWorkerThatComplainsHasFailed(t *testing.T) {
	// The loader complains about a library that it cannot preload, and goes on without.
	_, err := stub(t, Jemalloc).runCell(context.Background(), Cell{"complaining", 8, 1, false}, time.Millisecond, anywhere)
	require.ErrorContains(t, err, "cannot be preloaded")
}
