package mheap_test

import (
	"math/rand/v2"
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
		require.True(t, mheap.FreeSlot(state), "the slot is the caller's, and Live")
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
	const blocks = 8
	at := states(t, 64)
	for round := range 300 {
		state := at + uintptr(round%16)*4
		s := openTiny(t, state)
		for range blocks {
			require.True(t, s.alloc(2))
		}
		var freed, last atomic.Int32
		together(2*blocks+1, func(g int) {
			if g == 2*blocks {
				if mheap.CloseTiny(state) {
					last.Add(1)
				}
				return
			}
			live, done := mheap.FreeTiny(state, uintptr(g/2)*mheap.TinyGrain)
			if live {
				freed.Add(1)
			}
			if done {
				last.Add(1)
			}
		})
		require.EqualValues(t, blocks, freed.Load())
		require.EqualValues(t, 1, last.Load())
	}
}

// TestTinyBlocksAreHandedOutAndFreedAtOnce lets one goroutine hand blocks out while another frees them.
func TestTinyBlocksAreHandedOutAndFreedAtOnce(t *testing.T) {
	at := states(t, 64)
	for round := range 1000 {
		state := at + uintptr(round%16)*4
		s := openTiny(t, state)
		handed := make(chan uintptr, 8)
		var last atomic.Int32
		together(2, func(g int) {
			if g == 0 {
				for s.alloc(1) {
					handed <- s.left
				}
				close(handed)
				if mheap.CloseTiny(state) {
					last.Add(1)
				}
				return
			}
			for offset := range handed {
				live, done := mheap.FreeTiny(state, offset)
				if !live {
					t.Errorf("the block at %d is not live", offset)
				}
				if done {
					last.Add(1)
				}
			}
		})
		require.EqualValues(t, 1, last.Load())
	}
}
