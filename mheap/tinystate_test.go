package mheap_test

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

func TestTinyBytes(t *testing.T) {
	for i, want := range []uintptr{2, 2, 4, 4, 8, 8, 8} {
		require.Equal(t, want, mheap.TinyBytes(uintptr(i)+1))
	}
	require.EqualValues(t, 7, mheap.TinyMax)
}

// tinySlot is what a tiny slot must be: blocks by offset, handed out from its end to its start.
type tinySlot struct {
	t      *testing.T
	state  uintptr
	left   uintptr
	size   map[uintptr]uintptr // of every block ever handed out
	live   map[uintptr]bool
	closed bool
}

func openTiny(t *testing.T, state uintptr) *tinySlot {
	mheap.SetSlotState(state, mheap.Live)
	mheap.OpenTiny(state)
	return &tinySlot{t: t, state: state, left: mheap.TinySlot, size: map[uintptr]uintptr{}, live: map[uintptr]bool{}}
}

// alloc hands a block of n bytes out, if there is room, as a cache does.
func (s *tinySlot) alloc(n uintptr) bool {
	size := mheap.TinyBytes(n)
	if s.closed || s.left < size {
		return false
	}
	s.left = (s.left - size) &^ (size - 1)
	mheap.AllocTiny(s.state, s.left)
	s.size[s.left], s.live[s.left] = size, true
	return true
}

func (s *tinySlot) free(offset uintptr) (last bool) {
	s.t.Helper()
	wasLive := s.live[offset]
	live, last := mheap.FreeTiny(s.state, offset)
	require.Equal(s.t, wasLive, live, "offset %d of %v", offset, s.live)
	delete(s.live, offset)
	require.Equal(s.t, wasLive && s.closed && len(s.live) == 0, last)
	return last
}

func (s *tinySlot) close() (last bool) {
	s.t.Helper()
	last = mheap.CloseTiny(s.state)
	s.closed = true
	require.Equal(s.t, len(s.live) == 0, last)
	return last
}

func (s *tinySlot) check() {
	s.t.Helper()
	require.Equal(s.t, len(s.live), mheap.TinyBlocks(s.state))
	for offset := range uintptr(mheap.TinySlot) {
		if mheap.TinyLive(s.state, offset) != s.live[offset] {
			require.FailNow(s.t, "wrong", "block at %d of %v", offset, s.live)
		}
	}
	for begin, size := range s.size {
		for offset := begin; offset < begin+size; offset++ {
			start, bytes, live := mheap.TinyBlock(s.state, offset)
			if start != begin || bytes != size || live != s.live[begin] {
				require.FailNow(s.t, "wrong block", "offset %d of %v: %d bytes at %d, live %t", offset, s.size, bytes, start, live)
			}
		}
	}
}

func TestTinySlotsAgainstAModel(t *testing.T) {
	at := states(t, 64)
	random := rand.New(rand.NewPCG(7, 7))
	for life := range 500 {
		state := at + uintptr(life%16)*4
		s := openTiny(t, state)
		for last := false; !last; {
			switch what := random.IntN(10); {
			case what < 5:
				s.alloc(1 + uintptr(random.IntN(mheap.TinyMax)))
			case what < 9:
				last = s.free(uintptr(random.IntN(mheap.TinySlot)))
			case !s.closed && random.IntN(3) == 0:
				last = s.close()
			}
			s.check()
		}
		require.True(t, mheap.FreeSlot(state, mheap.Away), "the slot is the caller's, and Live")
		for offset := range uintptr(mheap.TinySlot) {
			live, _ := mheap.FreeTiny(state, offset)
			require.False(t, live, "a second free, of a slot that is Held")
		}
		require.Zero(t, mheap.TinyBlocks(state))
	}
}

func TestATinySlotThatIsNotLiveHasNoBlocks(t *testing.T) {
	at := states(t, 64)
	for _, state := range []uint8{mheap.InSpan, mheap.Held} {
		s := openTiny(t, at)
		require.True(t, s.alloc(8-1))
		mheap.SetSlotState(at, state)
		require.False(t, mheap.TinyLive(at, 8))
		live, last := mheap.FreeTiny(at, 8)
		require.False(t, live)
		require.False(t, last)
	}
}

// TestTheLastToFreeATinySlotIsOne frees all blocks and closes the slot at one moment; two free each
// block.
func TestTheLastToFreeATinySlotIsOne(t *testing.T) {
	at := states(t, 64)
	for _, blocks := range []int{1, 2, 8} {
		var freed, last atomic.Int32
		inStep(2*blocks+1, 2000,
			func(int) {
				s := openTiny(t, at)
				for s.left > mheap.TinySlot-2*uintptr(blocks) {
					s.alloc(2)
				}
			},
			func(g, _ int) {
				live, done := false, false
				if g == 2*blocks {
					done = mheap.CloseTiny(at)
				} else {
					live, done = mheap.FreeTiny(at, mheap.TinySlot-mheap.TinyGrain*uintptr(1+g/2))
				}
				if live {
					freed.Add(1)
				}
				if done {
					last.Add(1)
				}
			},
			func(int) {
				if f, l := freed.Swap(0), last.Swap(0); int(f) != blocks || l != 1 {
					t.Errorf("of %d blocks %d were freed, and %d were last", blocks, f, l)
				}
			})
	}
}

// TestTinyBlocksAreHandedOutAndFreedAtOnce lets one goroutine hand blocks out, which another frees.
func TestTinyBlocksAreHandedOutAndFreedAtOnce(t *testing.T) {
	at := states(t, 64)
	var s *tinySlot
	var handed atomic.Uintptr // the last block's offset
	var last atomic.Int32
	inStep(2, 3000,
		func(int) { s = openTiny(t, at); handed.Store(mheap.TinySlot) },
		func(g, _ int) {
			done := false
			if g == 0 {
				for s.alloc(1) {
					handed.Store(s.left)
				}
				done = mheap.CloseTiny(at)
			} else {
				for offset := uintptr(mheap.TinySlot); offset > 0; {
					if handed.Load() == offset {
						runtime.Gosched()
						continue
					}
					offset -= mheap.TinyGrain
					live := false
					if live, done = mheap.FreeTiny(at, offset); !live {
						t.Errorf("the block at %d is not live", offset)
					}
				}
			}
			if done {
				last.Add(1)
			}
		},
		func(int) {
			if n := last.Swap(0); n != 1 {
				t.Errorf("%d were last", n)
			}
		})
}
