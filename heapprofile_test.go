package spanheap_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/pprofproto"
	"github.com/spanheap/spanheap/internal/pprofproto/pprofprototest"
	"github.com/stretchr/testify/require"
)

// sums are the five figures of samples of a profile.
type sums struct{ allocObjects, allocSpace, inuseObjects, inuseSpace, waste int64 }

// profileOf writes and reads the heap's profile.
func profileOf(t testing.TB, h *spanheap.Heap) pprofproto.Profile {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, h.WriteHeapProfile(&b))
	p, err := pprofprototest.Decode(b.Bytes())
	require.NoError(t, err)
	return p
}

// sum adds up the samples that are chosen.
func sum(p pprofproto.Profile, chosen func(pprofproto.Sample) bool) (s sums) {
	for _, x := range p.Samples {
		if chosen(x) {
			s.allocObjects += x.Values[0]
			s.allocSpace += x.Values[1]
			s.inuseObjects += x.Values[2]
			s.inuseSpace += x.Values[3]
			s.waste += x.Values[4]
		}
	}
	return s
}

func every(pprofproto.Sample) bool { return true }

// label returns a sample's label.
func label(s pprofproto.Sample, key string) (l pprofproto.Label) {
	for _, l := range s.Labels {
		if l.Key == key {
			return l
		}
	}
	return l
}

// What the profile estimates lies within six standard deviations of what there is, for small blocks as
// for large ones: it is wrong once in 500 million runs by chance. Of blocks so large that hardly one is missed,
// three may be, which is as rare.
func TestProfileIsTrueWithinItsError(t *testing.T) {
	const rate = 4096
	profileRate(t, rate)
	h := newHeap(t)
	for _, size := range []int{1, 5, 16, 100, 1000, 4096, 20_000, 40_000} {
		count := min(loops(4_000_000)/size, loops(200_000))
		kept := count / 2
		blocks := make([][]byte, count)
		before := sum(profileOf(t, h), every)
		for i := range blocks {
			blocks[i] = must(h.AllocUninit(size))
		}
		h.FreeBatch(blocks[kept:])
		got := sum(profileOf(t, h), every)

		p := 1 - math.Exp(-float64(size)/rate)
		within := func(what string, want int, got int64, unit float64) {
			t.Helper()
			deviation := unit * math.Sqrt(float64(want)*(1-p)/p)
			require.InDelta(t, float64(want)*unit, got, 6*deviation+3*unit+8, "%s of %d blocks of %d bytes", what, want, size)
		}
		good := float64(spanheap.GoodSize(size))
		within("allocated", count, got.allocObjects-before.allocObjects, 1)
		within("allocated bytes", count, got.allocSpace-before.allocSpace, float64(size))
		within("living", kept, got.inuseObjects-before.inuseObjects, 1)
		within("living bytes", kept, got.inuseSpace-before.inuseSpace, float64(size))
		within("wasted bytes", kept, got.waste-before.waste, good-float64(size))
		h.FreeBatch(blocks[:kept])
	}
	closeEmpty(t, h)
}

// The rate is obeyed at once by what has caches already, and by a Local soon.
func TestProfileRateMayChange(t *testing.T) {
	profileRate(t, 0)
	h := newHeap(t)
	l := h.Local()
	h.Free(alloc(t, h, 64))
	l.Free(must(l.Alloc(64)))
	require.Zero(t, spanheap.SetProfileRate(1))
	require.Equal(t, 1, spanheap.ProfileRate())
	h.Free(alloc(t, h, 64))
	require.Equal(t, sums{allocObjects: 1, allocSpace: 64}, sum(profileOf(t, h), every))

	const soon = 2 << 20 / 64
	for range soon {
		l.Free(must(l.Alloc(64)))
	}
	before := sum(profileOf(t, h), every)
	for range 10 {
		l.Free(must(l.Alloc(64)))
	}
	require.EqualValues(t, 10, sum(profileOf(t, h), every).allocObjects-before.allocObjects)

	kept := alloc(t, h, 64)
	require.Equal(t, 1, spanheap.SetProfileRate(-5))
	require.Zero(t, spanheap.ProfileRate(), "nothing is sampled")
	h.Free(alloc(t, h, 64))
	after := sum(profileOf(t, h), every)
	require.EqualValues(t, 11, after.allocObjects-before.allocObjects)
	require.EqualValues(t, 64, after.inuseSpace, "a block counts by the rate of its allocation")
	h.Free(kept)
	require.Zero(t, sum(profileOf(t, h), every).inuseObjects)
	require.NoError(t, l.Close())
	closeEmpty(t, h)
}

func TestProfileRateHasABound(t *testing.T) {
	profileRate(t, math.MaxInt)
	require.LessOrEqual(t, uint64(spanheap.ProfileRate()), uint64(1)<<40)
	h := newHeap(t)
	for range 1000 {
		h.Free(alloc(t, h, 1000))
	}
	closeEmpty(t, h)
}

func TestLabelsOfAProfile(t *testing.T) {
	profileRate(t, 1)
	h, err := spanheap.NewHeap(spanheap.Options{Name: "index", Purpose: "search"})
	require.NoError(t, err)
	defer h.Close()
	for _, n := range []int{3, 100, 100_000} {
		alloc(t, h, n)
	}
	want := map[string]int64{"tiny": 4, "13": 104, "large": 0} // bytes by class
	p := profileOf(t, h)
	require.Len(t, p.Samples, len(want))
	for _, s := range p.Samples {
		require.Equal(t, "index", label(s, "heap").Text)
		require.Equal(t, "search", label(s, "purpose").Text)
		require.Equal(t, want[label(s, "class").Text], label(s, "bytes").Num)
		require.Contains(t, s.Stack[0].Function, "spanheap_test.", "frames of the allocator are left out")
	}
	require.Equal(t, "inuse_space", p.Default)
	require.EqualValues(t, 1, p.Period)
}

// branch allocates, 2^bits times, each from another stack.
func branch(h *spanheap.Heap, bits int) {
	if bits == 0 {
		must(h.Alloc(64))
		return
	}
	branch(h, bits-1)
	branch(h, bits-1)
}

// The stacks beyond the bound are counted without their names.
func TestStacksOfAProfileAreBounded(t *testing.T) {
	profileRate(t, 1)
	h := newHeap(t)
	branch(h, 14)
	p := profileOf(t, h)
	require.Len(t, p.Samples, 8192+1)
	require.Equal(t, sums{1 << 14, 64 << 14, 1 << 14, 64 << 14, 0}, sum(p, every))
	require.NoError(t, h.Close())
}

func TestProfileOfAllHeaps(t *testing.T) {
	profileRate(t, 1)
	h, closed := newHeap(t), newHeap(t)
	alloc(t, h, 64)
	alloc(t, closed, 64)
	require.NoError(t, closed.Close())
	require.ErrorIs(t, closed.WriteHeapProfile(new(bytes.Buffer)), spanheap.ErrClosed)
	spanheap.Free(must(spanheap.Alloc(64)))
	var b bytes.Buffer
	require.NoError(t, spanheap.WriteHeapProfile(&b))
	p, err := pprofprototest.Decode(b.Bytes())
	require.NoError(t, err)
	heaps := map[string]int{}
	for _, s := range p.Samples {
		heaps[label(s, "heap").Text]++
	}
	require.Equal(t, 1, heaps[t.Name()], "the closed heap's part is gone")
	require.NotZero(t, heaps["default"])
	require.NoError(t, h.Close())
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestProfileTellsTheWritersError(t *testing.T) {
	require.ErrorIs(t, spanheap.WriteHeapProfile(full{}), errFull)
}

// Profiles are written, and the rate is changed, while others allocate and free each other's blocks.
func TestProfileUnderLoad(t *testing.T) {
	profileRate(t, 1000)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	h := newHeap(t)
	handed := make(chan []byte, 100)
	var others sync.WaitGroup
	var done atomic.Bool
	for w := range 3 {
		others.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 2))
			for !done.Load() {
				handed <- must(h.AllocUninit(1 + logUniform(r, 16)))
				h.Free(<-handed)
				runtime.Gosched()
			}
		})
	}
	for i := range loops(40) {
		spanheap.SetProfileRate([]int{0, 1, 1000}[i%3])
		profileOf(t, h)
		runtime.Gosched()
	}
	done.Store(true)
	others.Wait()
	require.Empty(t, handed)
	got := sum(profileOf(t, h), every)
	require.Equal(t, sums{allocObjects: got.allocObjects, allocSpace: got.allocSpace}, got)
	closeEmpty(t, h)
}

// An epoch has what was allocated in it, and of that what lives at its end; frees of older blocks are not
// its business.
func TestProfileIsCutIntoEpochs(t *testing.T) {
	profileRate(t, 1)
	h := newHeap(t)
	cut := func() sums {
		var b bytes.Buffer
		require.NoError(t, h.CutProfile(&b))
		p, err := pprofprototest.Decode(b.Bytes())
		require.NoError(t, err)
		return sum(p, every)
	}
	var live [][]byte
	for i := range 5 {
		older := live
		live = nil
		for range 10 + i {
			live = append(live, alloc(t, h, 97))
		}
		h.Free(live[0])
		live[1] = must(h.Realloc(live[1], 100))
		h.FreeBatch(older[min(len(older), 1):])
		want := int64(10 + i)
		require.Equal(t, sums{want, 97 * want, want - 1, 97*(want-1) + 3, 7*(want-1) - 3}, cut())
	}
	require.Equal(t, sums{}, cut())
	h.FreeBatch(live[1:])
	require.Equal(t, sums{}, cut())
	require.NoError(t, h.CutProfile(nil))
	require.EqualValues(t, 60, sum(profileOf(t, h), every).allocObjects)
	require.ErrorIs(t, h.CutProfile(full{}), errFull)
	closeEmpty(t, h)
	require.ErrorIs(t, h.CutProfile(nil), spanheap.ErrClosed)
}
