package spanheap_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// plausible checks what must be true of Stats at any moment: the sums close, and no column is larger
// than all the address space there is.
func plausible(s spanheap.Stats) error {
	if sum := s.Live + s.Rounding + s.SpanTail + s.CachedSlots + s.CentralSlots + s.FreePages + s.Metadata; sum != s.Backed {
		return fmt.Errorf("backed is %d, its columns add up to %d", s.Backed, sum)
	}
	if s.Backed+s.Released != s.Mapped || s.Mapped+s.Untouched != s.Reserved {
		return fmt.Errorf("the sums do not close: %+v", s)
	}
	for name, column := range map[string]uint64{
		"live": s.Live, "rounding": s.Rounding, "span tail": s.SpanTail, "cached slots": s.CachedSlots,
		"central slots": s.CentralSlots, "free pages": s.FreePages, "metadata": s.Metadata,
		"released": s.Released, "untouched": s.Untouched, "live blocks": s.LiveBlocks, "frees": s.Frees,
	} {
		if column > 1<<48 {
			return fmt.Errorf("%s is %d: it went below zero", name, int64(column))
		}
	}
	for _, c := range s.Classes {
		if sum := c.Live + c.Rounding + c.SpanTail + c.CachedSlots + c.CentralSlots + c.Hollow; sum != c.SpanBytes {
			return fmt.Errorf("class %s: spans of %d bytes, columns add up to %d: %+v", c.Name, c.SpanBytes, sum, c)
		}
	}
	return nil
}

func TestStatsOfANewHeap(t *testing.T) {
	h := newHeap(t)
	require.Equal(t, spanheap.Stats{}, h.Stats())
	closeEmpty(t, h)
}

// Every figure of a scripted load is known.
func TestStatsOfAScriptedLoad(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one cache has all spans
	h := newHeap(t)
	for range 100 {
		alloc(t, h, 100) // 78 slots of 104 bytes a span
	}
	for range 10 {
		alloc(t, h, 3)
	}
	alloc(t, h, 40_000)
	_, err := h.AllocAligned(100, 1<<16)
	require.NoError(t, err)
	_, err = spanheap.New[leaf](h)
	require.NoError(t, err)

	s := h.Stats()
	require.NoError(t, plausible(s))
	require.EqualValues(t, 113, s.LiveBlocks)
	require.EqualValues(t, 113, s.Mallocs)
	require.Zero(t, s.Frees)
	leafBytes := spanheap.GoodSize(int(reflect.TypeFor[leaf]().Size()))
	require.EqualValues(t, 100*100+10*3+40_000+100+reflect.TypeFor[leaf]().Size(), s.Live)

	classes := map[string]spanheap.ClassStats{}
	for i, c := range s.Classes {
		classes[c.Name] = c
		if i > 0 && c.Name != "large" {
			require.Greater(t, c.Size, s.Classes[i-1].Size-1, "smallest first")
		}
	}
	require.Len(t, classes, 4)
	c := classes["13"]
	require.EqualValues(t, 104, c.Size)
	require.EqualValues(t, 2, c.Spans)
	require.EqualValues(t, 2*78, c.Slots)
	require.EqualValues(t, 100, c.LiveSlots)
	require.EqualValues(t, 10_000, c.Live)
	require.EqualValues(t, 400, c.Rounding)
	require.EqualValues(t, 2*(8192-78*104), c.SpanTail)
	require.EqualValues(t, 56*104, c.CachedSlots+c.CentralSlots)
	c = classes["tiny"]
	require.EqualValues(t, 10, c.LiveSlots)
	require.EqualValues(t, 30, c.Live)
	require.EqualValues(t, 10*4-30, c.Rounding)
	c = classes["large"]
	require.EqualValues(t, 2, c.Spans)
	require.EqualValues(t, 5*8192+8192, c.SpanBytes)
	require.EqualValues(t, 40_100, c.Live)
	for _, c := range s.Classes {
		if c.Size == uint64(leafBytes) && c.Name != "tiny" {
			require.EqualValues(t, 1, c.LiveSlots)
		}
	}
	require.NoError(t, h.Verify())
	require.NoError(t, h.Close())
}

// When the heap is quiet, counters agree with what the test has done, whatever it has done.
func TestStatsCountExactly(t *testing.T) {
	h := newHeap(t)
	r := rand.New(rand.NewPCG(6, 2))
	var live [][]byte
	var bytes, mallocs uint64
	for i := range loops(40_000) {
		switch k := r.IntN(10); {
		case k < 5:
			b := alloc(t, h, 1+logUniform(r, 16))
			live = append(live, b)
			bytes += uint64(len(b))
			mallocs++
		case k < 9 && len(live) > 0:
			k := r.IntN(len(live))
			bytes -= uint64(len(live[k]))
			if r.IntN(3) == 0 {
				elsewhere(func() { h.Free(live[k]) })
			} else {
				h.Free(live[k])
			}
			live[k] = live[len(live)-1]
			live = live[:len(live)-1]
		case len(live) > 0:
			k := r.IntN(len(live))
			n := 1 + logUniform(r, 16)
			bytes += uint64(n - len(live[k]))
			b, err := h.Realloc(live[k], n)
			require.NoError(t, err)
			if addressOf(b) != addressOf(live[k]) {
				mallocs++
			}
			live[k] = b
		}
		if i%1000 == 0 {
			s := h.Stats()
			require.NoError(t, plausible(s))
			require.NoError(t, h.Verify())
			require.EqualValues(t, len(live), s.LiveBlocks)
			require.Equal(t, bytes, s.Live)
			require.Equal(t, mallocs, s.Mallocs)
			require.Equal(t, mallocs-uint64(len(live)), s.Frees)
		}
	}
	for _, b := range live {
		h.Free(b)
	}
	closeEmpty(t, h)
}

func TestNothingIsLiveInAnEmptyHeap(t *testing.T) {
	h := newHeap(t)
	for _, n := range edges() {
		h.Free(alloc(t, h, n))
	}
	s := h.Stats()
	require.NoError(t, plausible(s))
	require.Zero(t, s.Rounding, "no live block is rounded up")
	for _, c := range s.Classes {
		require.Zero(t, c.LiveSlots, "class %s", c.Name)
	}
	closeEmpty(t, h)
}

// A reader that stops nobody still gets sums that close, and nothing below zero.
func TestStatsUnderLoad(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	h := newHeap(t)
	var others sync.WaitGroup
	var done atomic.Bool
	for range 6 {
		others.Go(func() {
			blocks := make([][]byte, 2000)
			for !done.Load() {
				for i := range blocks {
					b, err := h.AllocUninit(512)
					if err != nil {
						t.Error(err)
						return
					}
					blocks[i] = b
				}
				for _, b := range blocks {
					h.Free(b)
				}
				runtime.Gosched()
			}
		})
	}
	others.Go(func() {
		for !done.Load() {
			h.Release(everything)
			runtime.Gosched()
		}
	})
	for range loops(2000) {
		if err := plausible(h.Stats()); err != nil {
			t.Error(err)
			break
		}
		runtime.Gosched()
	}
	done.Store(true)
	others.Wait()
	closeEmpty(t, h)
}

func TestStatsAreTheSameInJSON(t *testing.T) {
	h := newHeap(t)
	b := alloc(t, h, 1000)
	s := h.Stats()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	var back spanheap.Stats
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, s, back)
	h.Free(b)
	closeEmpty(t, h)
}
