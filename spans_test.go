package spanheap_test

import (
	"encoding/json"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// spanSums adds up what the heap's spans say, after checking that they lie in order.
func spanSums(t *testing.T, h *spanheap.Heap) (bytes map[spanheap.SpanState]uint64, classes map[string]spanheap.ClassStats) {
	t.Helper()
	bytes, classes = map[spanheap.SpanState]uint64{}, map[string]spanheap.ClassStats{}
	end := uintptr(0)
	for s := range h.Spans() {
		require.GreaterOrEqual(t, s.Addr, end)
		end = s.Addr + uintptr(s.Bytes)
		bytes[s.State] += s.Bytes
		if s.State != spanheap.SpanInUse {
			require.Equal(t, spanheap.Span{Addr: s.Addr, Bytes: s.Bytes, State: s.State}, s)
			continue
		}
		c := classes[s.Class]
		c.Name, c.Size = s.Class, s.Size
		c.Spans++
		c.SpanBytes += s.Bytes
		c.Slots += uint64(s.Slots)
		c.LiveSlots += uint64(s.Live)
		if s.Size > 0 {
			c.CachedSlots += uint64(s.Cached) * s.Size
		} else if s.Cached > 0 {
			c.CachedSlots += s.Bytes
		}
		classes[s.Class] = c
	}
	return bytes, classes
}

func TestSpansAgreeWithStats(t *testing.T) {
	h := newHeap(t)
	var blocks [][]byte
	for i := range loops(3000) {
		for _, n := range []int{3, 100, 5000} {
			blocks = append(blocks, alloc(t, h, n))
		}
		if i%50 == 0 {
			blocks = append(blocks, alloc(t, h, 40_000), alloc(t, h, 3<<20))
		}
	}
	for i := 0; i < len(blocks); i += 3 {
		h.Free(blocks[i])
	}
	h.Release(2 << 20)

	s := h.Stats()
	bytes, classes := spanSums(t, h)
	require.Equal(t, s.FreePages, bytes[spanheap.SpanFree])
	require.Equal(t, s.Released, bytes[spanheap.SpanReleased])
	require.LessOrEqual(t, bytes[spanheap.SpanUntouched], s.Untouched)
	for _, want := range s.Classes {
		got := classes[want.Name]
		want.Live, want.Rounding, want.SpanTail, want.CentralSlots = 0, 0, 0, 0
		require.Equal(t, want, got)
	}
	require.Len(t, classes, len(s.Classes))
	require.NoError(t, h.Close())
	require.Empty(t, slices.Collect(h.Spans()), "of a closed heap")
}

// Whoever looks at all heaps may do so while their owners use and close them.
func TestHeapsAreLookedAtWhileTheyAreClosed(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var owners sync.WaitGroup
	var done atomic.Int32
	for range 2 {
		owners.Go(func() {
			defer done.Add(1)
			for range loops(300) {
				h, err := spanheap.NewHeap(spanheap.Options{Name: "brief"})
				if err != nil {
					t.Error(err)
					return
				}
				for range 20 {
					_ = must(h.Alloc(200))
				}
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for done.Load() < 2 {
		for _, h := range spanheap.Heaps() {
			require.NoError(t, plausible(h.Stats()))
			for range h.Spans() {
			}
			h.ReadMetrics([]spanheap.MetricSample{{Name: "/spanheap/memory/live:bytes"}})
			_ = h.ID()
		}
		runtime.Gosched()
	}
	owners.Wait()
}

func TestHeapsAreTheOpenOnes(t *testing.T) {
	h := newHeap(t)
	require.Contains(t, spanheap.Heaps(), h)
	other := newHeap(t)
	require.NotEqual(t, h.ID(), other.ID())
	require.NoError(t, h.Close())
	require.NotContains(t, spanheap.Heaps(), h)
	require.Equal(t, spanheap.Stats{}, h.Stats())
	require.NoError(t, other.Close())
}

func TestSpanStatesHaveNames(t *testing.T) {
	for _, s := range []spanheap.SpanState{spanheap.SpanInUse, spanheap.SpanFree, spanheap.SpanReleased, spanheap.SpanUntouched} {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		require.Equal(t, `"`+s.String()+`"`, string(text))
		back := spanheap.SpanState(9)
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, s, back)
	}
	var s spanheap.SpanState
	require.ErrorContains(t, json.Unmarshal([]byte(`"lost"`), &s), `"lost"`)
	require.Equal(t, "SpanState(9)", spanheap.SpanState(9).String())
}
