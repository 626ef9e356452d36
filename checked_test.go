package spanheap_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

var debugLevels = []spanheap.DebugLevel{spanheap.DebugPoison, spanheap.DebugQuarantine, spanheap.DebugStacks}

func checkedHeap(t testing.TB, level spanheap.DebugLevel) *spanheap.Heap {
	h, err := spanheap.NewHeap(spanheap.Options{Name: t.Name(), Debug: level, Scavenge: spanheap.Never()})
	require.NoError(t, err)
	return h
}

// panicOf returns the MisuseError that f panics with, or nil when it does not panic.
func panicOf(f func()) (m *spanheap.MisuseError) {
	defer func() {
		if r := recover(); r != nil {
			m = r.(*spanheap.MisuseError)
		}
	}()
	f()
	return nil
}

func TestALevelThatIsNone(t *testing.T) {
	_, err := spanheap.NewHeap(spanheap.Options{Debug: spanheap.DebugStacks + 1})
	require.ErrorContains(t, err, "Debug 4")
}

// Every kind of block lives, is used to its last byte and ends without alarm, and every byte is counted.
func TestCleanBlocksAtEveryLevel(t *testing.T) {
	for _, level := range debugLevels {
		h := checkedHeap(t, level)
		local := h.Local()
		r := rand.New(rand.NewPCG(uint64(level), 3))
		var live []tenant
		asked := 0
		keep := func(b []byte, err error) {
			require.NoError(t, err)
			asked += len(b)
			live = append(live, movedIn(b, r.Uint64()))
		}
		for range loops(2000) {
			n := 1 + logUniform(r, 17)
			switch r.IntN(8) {
			case 0:
				keep(h.AllocUninit(n))
			case 1:
				b := alloc(t, h, n)
				requireZeroed(t, b)
				keep(b, nil)
			case 2:
				align := 1 << r.IntN(15)
				b, err := h.AllocAligned(n, align)
				keep(b, err)
				require.Zero(t, addressOf(b)%uintptr(align))
			case 3:
				b, err := h.AllocAtLeast(n)
				require.Len(t, b, spanheap.GoodSize(n))
				keep(b, err)
			case 4:
				keep(local.Alloc(n))
			case 5:
				keep(spanheap.MakeSlice[byte](h, n, n))
			default:
				if len(live) == 0 {
					continue
				}
				k := r.IntN(len(live))
				x := live[k]
				live[k] = live[len(live)-1]
				live = live[:len(live)-1]
				require.NoError(t, x.intact())
				asked -= len(x.bytes)
				switch r.IntN(4) {
				case 0:
					local.Free(x.bytes)
				case 1:
					spanheap.FreeSlice(x.bytes)
				case 2:
					h.FreeBatch([][]byte{nil, x.bytes})
				default:
					old, was := addressOf(x.bytes), min(n, len(x.bytes))
					b, err := h.Realloc(x.bytes, n)
					require.NoError(t, err)
					if was == len(x.bytes) {
						require.NoError(t, (&tenant{b[:was], x.mark}).intactAt(old))
					}
					requireZeroed(t, b[was:])
					keep(b, nil)
				}
			}
		}
		require.NoError(t, h.Verify())
		require.EqualValues(t, asked, h.Stats().Live)
		require.EqualValues(t, len(live), h.Stats().LiveBlocks)
		for _, x := range live {
			require.NoError(t, x.intact())
			h.Free(x.bytes)
		}
		require.NoError(t, local.Close())
		requireEmpty(t, h)
		require.NotZero(t, h.Release(everything))
		requireEmpty(t, h)
		require.Zero(t, h.Stats().CachedSlots, "the quarantine is empty")
		require.NoError(t, h.Close())
	}
}

// One byte behind a block is one too many, whatever the size.
func TestOverflowByOneByte(t *testing.T) {
	for _, level := range debugLevels {
		for _, n := range edges()[1:] {
			h := checkedHeap(t, level)
			b := alloc(t, h, n)
			p := addressOf(b)
			behind := bytesAt(p, n+1)
			was := behind[n]
			behind[n] = 0
			for op, use := range map[string]func(){
				"Free":      func() { h.Free(b) },
				"Realloc":   func() { h.Realloc(b, 2*n) },
				"FreeBatch": func() { h.FreeBatch([][]byte{b}) },
			} {
				m := panicOf(use)
				require.NotNil(t, m, "%s of %d bytes", op, n)
				require.Equal(t, spanheap.Overflow, m.Kind)
				require.Equal(t, op, m.Op)
				require.Equal(t, p, m.Addr)
				require.EqualValues(t, n, m.Size)
				require.EqualValues(t, n, m.Offset)
				require.Equal(t, level == spanheap.DebugStacks, len(m.Allocated) > 0)
			}
			var m *spanheap.MisuseError
			require.True(t, errors.As(h.Verify(), &m))
			require.Equal(t, spanheap.Overflow, m.Kind)
			require.Equal(t, "Verify", m.Op)
			behind[n] = was
			h.Free(b)
			closeEmpty(t, h)
		}
	}
}

func TestWriteAfterFree(t *testing.T) {
	for _, level := range debugLevels {
		for _, n := range []int{1, 7, 8, 64, 1000, 32 << 10, 40_000, 1 << 20} {
			for op, look := range map[string]func(h *spanheap.Heap){
				"Verify": func(h *spanheap.Heap) {
					var m *spanheap.MisuseError
					require.True(t, errors.As(h.Verify(), &m))
					panic(m)
				},
				"Release": func(h *spanheap.Heap) { h.Release(everything) },
				"Close":   func(h *spanheap.Heap) { h.Close() },
			} {
				h := checkedHeap(t, level)
				b := alloc(t, h, n)
				h.Free(b)
				require.NoError(t, h.Verify())
				b[n-1] ^= 0xff
				m := panicOf(func() { look(h) })
				about := fmt.Sprintf("%s of %d bytes", op, n)
				require.NotNil(t, m, about)
				require.Equal(t, spanheap.WriteAfterFree, m.Kind, about)
				require.Equal(t, op, m.Op, about)
				require.Equal(t, addressOf(b), m.Addr, about)
				require.EqualValues(t, n, m.Size, about)
				require.EqualValues(t, n-1, m.Offset, about)
				if op == "Verify" {
					b[n-1] ^= 0xff
				}
				closeEmpty(t, h) // what was found is found once
			}
		}
	}
}

// At DebugPoison memory is used again at once, and looked at before; in a quarantine it is not.
func TestReuse(t *testing.T) {
	for _, level := range debugLevels {
		h := checkedHeap(t, level)
		old := alloc(t, h, 100)
		h.Free(old)
		b := alloc(t, h, 101)
		require.Equal(t, level == spanheap.DebugPoison, addressOf(b) == addressOf(old))
		h.Free(b)
		b[50] = 1
		m := panicOf(func() { h.Free(alloc(t, h, 100)) })
		if level == spanheap.DebugPoison {
			require.Equal(t, spanheap.WriteAfterFree, m.Kind)
			require.Equal(t, "Alloc", m.Op)
		} else {
			require.Nil(t, m)
			var last []byte
			m = panicOf(func() {
				for range 1 << 15 {
					last = alloc(t, h, 8)
					h.Free(last)
				}
			})
			require.Equal(t, spanheap.WriteAfterFree, m.Kind)
			require.Equal(t, "Free", m.Op)
			h.Free(last)
		}
		closeEmpty(t, h)
	}
}

// What finds a write to another's freed block has not begun its work, and can be called again.
func TestCallsThatFindDamage(t *testing.T) {
	for _, level := range debugLevels[1:] {
		h := checkedHeap(t, level)
		for range 2 { // the next two that leave the quarantine
			b := alloc(t, h, 64)
			h.Free(b)
			b[3] ^= 0xff
		}
		for range 1<<14 - 2 {
			h.Free(alloc(t, h, 16))
		}
		finds := func(op string, call func()) {
			m := panicOf(call)
			require.NotNil(t, m, op)
			require.Equal(t, spanheap.WriteAfterFree, m.Kind)
			require.Equal(t, op, m.Op)
		}
		x := movedIn(alloc(t, h, 100), 1)
		contents := bytes.Clone(x.bytes)
		before := h.Stats()
		finds("Realloc", func() { h.Realloc(x.bytes, 200) })
		require.NoError(t, x.intact())
		require.Equal(t, before.LiveBlocks, h.Stats().LiveBlocks)
		require.Equal(t, before.Live, h.Stats().Live)
		h.Free(alloc(t, h, 16)) // what stayed away
		others := [][]byte{alloc(t, h, 16), alloc(t, h, 16)}
		finds("FreeBatch", func() { h.FreeBatch(others) })
		h.FreeBatch(others)
		grown := must(h.Realloc(x.bytes, 200))
		require.Equal(t, contents, grown[:100])
		h.Free(grown)
		closeEmpty(t, h)
	}
}

// Of many blocks that were written to each is found, by Release after Release.
func TestReleaseFindsOneAfterTheOther(t *testing.T) {
	h := checkedHeap(t, spanheap.DebugPoison)
	blocks := make([][]byte, 5)
	var want, got []uintptr
	for i := range blocks {
		blocks[i] = alloc(t, h, 64)
		want = append(want, addressOf(blocks[i]))
	}
	for _, b := range blocks {
		h.Free(b)
		b[9] ^= 0xff
	}
	require.ErrorContains(t, h.Verify(), "5 blocks were written to, the first in span")
	for range want {
		got = append(got, panicOf(func() { h.Release(everything) }).Addr)
	}
	require.Equal(t, want, got)
	require.NoError(t, h.Verify())
	h.Release(everything)
	closeEmpty(t, h)
}

// A block that is freed again is known as freed, though others have been allocated since.
func TestDoubleFreeInQuarantine(t *testing.T) {
	for _, level := range debugLevels[1:] {
		h := checkedHeap(t, level)
		b := alloc(t, h, 64)
		h.Free(b)
		for range 1000 {
			h.Free(alloc(t, h, 64))
		}
		m := panicOf(func() { h.Free(b) })
		require.NotNil(t, m)
		require.Equal(t, spanheap.DoubleFree, m.Kind)
		require.EqualValues(t, 64, m.Size)
		require.Equal(t, level == spanheap.DebugStacks, len(m.Freed) > 0)
		closeEmpty(t, h)
	}
}

// The sizes of a value's type and of its block must be the same, not their classes alone.
func TestExactSizes(t *testing.T) {
	h := checkedHeap(t, spanheap.DebugPoison)
	b := alloc(t, h, 110)
	m := panicOf(func() { spanheap.Delete((*[109]byte)(unsafe.Pointer(&b[0]))) })
	require.NotNil(t, m)
	require.Equal(t, spanheap.SizeMismatch, m.Kind)
	require.NoError(t, h.Verify())
	spanheap.Delete((*[110]byte)(unsafe.Pointer(&b[0])))
	closeEmpty(t, h)
}

// All of the UsableSize is the owner's: no canary lies in it.
func TestTheUsableSizeAtALevel(t *testing.T) {
	h := checkedHeap(t, spanheap.DebugPoison)
	for _, n := range []int{1, 7, 100, 5000, 100_000} {
		b := alloc(t, h, n)
		require.GreaterOrEqual(t, spanheap.UsableSize(b), n)
		for i := range unsafe.Slice(&b[0], spanheap.UsableSize(b)) {
			*(*byte)(unsafe.Add(unsafe.Pointer(&b[0]), i)) = 7
		}
		h.Free(b)
	}
	closeEmpty(t, h)
}

// What the quarantine holds is there before an allocation fails.
func TestTheQuarantineMakesRoomAtALimit(t *testing.T) {
	for _, level := range debugLevels {
		h, err := spanheap.NewHeap(spanheap.Options{Debug: level, Limit: 8 << 20, Scavenge: spanheap.Never()})
		require.NoError(t, err)
		for i := range 64 {
			h.Free(alloc(t, h, 1<<20-100))
			h.Free(alloc(t, h, 1000*(i+1)))
		}
		var blocks [][]byte
		for {
			b, err := h.AllocUninit(1 << 20)
			if err != nil {
				require.ErrorIs(t, err, spanheap.ErrLimit)
				break
			}
			blocks = append(blocks, b)
		}
		require.GreaterOrEqual(t, len(blocks), 5)
		h.FreeBatch(blocks)
		closeEmpty(t, h)
	}
}

// The profile of a heap at a level samples at its rate.
func TestTheProfileOfACheckedHeap(t *testing.T) {
	for rate, counts := range map[int]func(int64) bool{
		0:      func(n int64) bool { return n == 0 },
		1:      func(n int64) bool { return n == 5000 },
		10_000: func(n int64) bool { return 3500 < n && n < 6500 },
	} {
		profileRate(t, rate)
		h := checkedHeap(t, spanheap.DebugPoison)
		var blocks [][]byte
		for range 5000 {
			blocks = append(blocks, alloc(t, h, 1000))
		}
		n := sum(profileOf(t, h), every).inuseObjects
		require.True(t, counts(n), "rate %d: %d blocks", rate, n)
		h.FreeBatch(blocks)
		require.Zero(t, sum(profileOf(t, h), every).inuseObjects)
		closeEmpty(t, h)
	}
}
