package mheap_test

import (
	"math"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

var releasing = []literal{
	{
		"nothing asked for",
		"used 1, free 30, used rest", "release 0",
		"used 1, free 30, used rest",
	}, {
		"nothing there",
		"used 1, scav 30, used rest", "release 10",
		"used 1, scav 30, used rest",
	}, {
		"the largest first",
		"free 10, used 1, free 30, used 1, free 20, used rest", "release 30",
		"free 10, used 1, scav 30, used 1, free 20, used rest",
	}, {
		"the end of what is too long",
		"free 10, used 1, free 30, used 1, free 20, used rest", "release 12",
		"free 10, used 1, free 18, scav 12, used 1, free 20, used rest",
	}, {
		"one after the other",
		"free 10, used 1, free 30, used 1, free 20, used rest", "release 45",
		"free 10, used 1, scav 30, used 1, free 5, scav 15, used rest",
	}, {
		"all there is",
		"free 10, used 1, free 30, used 1, free 20, used rest", "release 1000",
		"scav 10, used 1, scav 30, used 1, scav 20, used rest",
	}, {
		"no smaller piece than a quantum",
		"used 1, free 30, used rest", "release 1",
		"used 1, free 22, scav 8, used rest",
	}, {
		"a span shorter than a quantum, whole",
		"used 1, free 3, used rest", "release 1",
		"used 1, scav 3, used rest",
	}, {
		"huge pages whole, then the largest that is left",
		"free 300, used rest", "release 260",
		"scav 256, free 36, scav 8, used rest",
	}, {
		"joins its scav neighbours",
		"used 1, scav 2, free 3, scav 4, used rest", "release 3",
		"used 1, scav 9, used rest",
	},
}

var trading = []literal{
	{
		"the longest that are too short, as much as is taken",
		"free 20, used 1, free 20, used 1, free 20, used 1, free 20, used 1, scav rest", "trade 30",
		"free 20, used 1, free 20, used 1, free 10, scav 10, used 1, scav 20, used 1, scav rest",
	}, {
		"nothing where there is room",
		"free 20, used 1, free 20, used 1, free 20, used 1, free 20, used 1, scav rest", "trade 20",
		"free 20, used 1, free 20, used 1, free 20, used 1, free 20, used 1, scav rest",
	}, {
		"nothing for what is longer than half of all",
		"free 20, used 1, free 20, used 1, free 20, used 1, scav rest", "trade 31",
		"free 20, used 1, free 20, used 1, free 20, used 1, scav rest",
	}, {
		"nothing where little is free",
		"free 2, used 1, free 2, used 1, free 2, used 450, scav rest", "trade 3",
		"free 2, used 1, free 2, used 1, free 2, used 450, scav rest",
	}, {
		"a thirtieth is enough",
		"free 3, used 1, free 3, used 1, free 3, used 250, scav rest", "trade 4",
		"free 3, used 1, scav 3, used 1, scav 3, used 250, scav rest",
	}, {
		"nothing there",
		"used 1, scav rest", "trade 100",
		"used 1, scav rest",
	},
}

func TestTrading(t *testing.T) { play(t, small, trading) }

func TestNothingIsTradedUnaskedNorOfHugePages(t *testing.T) {
	const before = "used 1, free 9, used 1, free 9, used 1, free 9, used 1, scav rest"
	for _, c := range []struct {
		use   bool
		huge  mheap.HugePages
		trade bool
	}{{true, mheap.HugeOff, true}, {false, mheap.HugeOff, false}, {true, mheap.HugeOn, false}} {
		r := newRig(t, 4<<10)
		r.UseTrade(c.use)
		r.UseHugePages(c.huge)
		r.build(before)
		r.do("trade 10")
		require.Equal(t, c.trade, r.text() != before, "%+v", c)
		r.verify()
	}
}

func TestReleasing(t *testing.T) {
	require.EqualValues(t, 8*mheap.PageSize, mheap.Quantum)
	play(t, small, releasing)
}

func TestReleaseReturnsWhatItGaveBack(t *testing.T) {
	for _, physical := range []uintptr{4 << 10, physical16, physical64} {
		for _, n := range []uintptr{1, mheap.PageSize, 100_000, 1 << 20, math.MaxUint} {
			r := newRig(t, physical)
			for i := range 40 {
				s := r.alloc(uintptr(1 + i%7))
				r.alloc(uintptr(1 + i%3))
				r.Free(s)
			}
			gone := uintptr(0)
			r.watch.gone = func(_, size uintptr) { gone += size }
			before := r.Usage()
			released := r.Release(n)
			after := r.Usage()
			require.Equal(t, gone, released)
			require.EqualValues(t, released, after.Released-before.Released)
			require.EqualValues(t, released, before.FreePages-after.FreePages)
			if released < n {
				require.Zero(t, r.Release(n), "nothing is left")
			} else {
				require.Less(t, released-n, max(physical, mheap.Quantum), "no more than must be")
			}
			r.verify()
		}
	}
}

func TestReleaseRoundsUpToPages(t *testing.T) {
	r := newRig(t, 4<<10)
	r.build("used 1, free 30, used rest")
	require.EqualValues(t, 13*mheap.PageSize, r.Release(12*mheap.PageSize+1))
	require.Equal(t, "used 1, free 17, scav 13, used rest", r.text())
}

func TestWhatTheSystemRefusesToTakeStaysFree(t *testing.T) {
	r := newRig(t, 4<<10)
	r.build("free 10, used 1, free 30, used 1, free 20, used rest")

	r.system.Refuse(arenatest.From(arenatest.Decommit, 1))
	require.Zero(t, r.Release(math.MaxUint))
	require.Equal(t, 3, r.system.Calls(arenatest.Decommit), "each span is offered once")
	require.Equal(t, "free 10, used 1, free 30, used 1, free 20, used rest", r.text())
	r.verify()

	r.system.Refuse(arenatest.Nth(arenatest.Decommit, 2))
	require.EqualValues(t, 40*mheap.PageSize, r.Release(math.MaxUint), "the others go")
	require.Equal(t, "scav 10, used 1, scav 30, used 1, free 20, used rest", r.text())
	r.verify()

	require.EqualValues(t, 20*mheap.PageSize, r.Release(math.MaxUint))
	r.verify()
}

func TestReleaseWithoutMetadataTakesWholeSpans(t *testing.T) {
	r := newRig(t, 4<<10)
	r.build("used 1, free 30, used rest")
	r.exhaustMetadata()
	require.EqualValues(t, 30*mheap.PageSize, r.Release(10*mheap.PageSize), "a span to cut takes a record")
	require.Equal(t, "used 1, scav 30, used rest", r.text())
	r.metadata.Refuse(nil)
	r.verify()
}

// exhaustMetadata leaves the heap without memory for records, and the system without any to give.
func (r *rig) exhaustMetadata() {
	r.metadata.Refuse(func(arenatest.Call) bool { return true })
	for {
		if _, err := r.Meta().Alloc(mheap.MetaUnit); err != nil {
			require.ErrorIs(r.t, err, arenatest.ErrRefused)
			return
		}
	}
}

func TestMemoryThatWasReleasedReadsZero(t *testing.T) {
	h := mheap.New(2, arena.Process(), arena.Metadata())
	defer h.Close()
	const npages = 128 // whole pages of any operating system
	s, err := h.Alloc(npages, mheap.LargeNoscan, 0)
	require.NoError(t, err)
	fill(s, 0xa5)
	h.Free(s)
	require.EqualValues(t, npages*mheap.PageSize, h.Release(npages*mheap.PageSize))

	s, err = h.Alloc(npages, mheap.LargeNoscan, 0)
	require.NoError(t, err)
	require.False(t, s.NeedZero())
	require.Equal(t, -1, firstOther(s, 0))
	fill(s, 0x5a)
	require.Equal(t, -1, firstOther(s, 0x5a))
}

// fill writes b to every byte of the span.
func fill(s *mheap.Span, b byte) {
	memory := bytesOf(s)
	for i := range memory {
		memory[i] = b
	}
}

// firstOther returns the number of the first byte of the span that is not b, or -1.
func firstOther(s *mheap.Span, b byte) int {
	for i, got := range bytesOf(s) {
		if got != b {
			return i
		}
	}
	return -1
}

// bytesOf is the memory of a span. In race builds it is Go memory, to which no pointer leads that
// the checks would accept.
//
//go:nocheckptr
func bytesOf(s *mheap.Span) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(nil, s.Base())), s.Bytes())
}
