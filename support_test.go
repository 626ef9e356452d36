package spanheap_test

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// What the tests of this package share: heaps that end checked, and blocks whose contents tell
// whether anybody else wrote to them.

const everything = int(^uint(0) >> 1) // for Release

// loops is how often a test of many repetitions repeats.
func loops(n int) int {
	if slowBuild {
		return max(n/10, 1)
	}
	return n
}

// The tests hold for whatever rate the heap profile has; those that set one say why.
func init() {
	if rate, err := strconv.Atoi(os.Getenv("SPANHEAP_TEST_PROFILE_RATE")); err == nil {
		spanheap.SetProfileRate(rate)
	}
}

// profileRate sets the rate of the heap profile for the test.
func profileRate(t testing.TB, bytes int) {
	before := spanheap.SetProfileRate(bytes)
	t.Cleanup(func() { spanheap.SetProfileRate(before) })
}

// newHeap returns a heap that gives back what it is told to, and nothing on its own.
func newHeap(t testing.TB) *spanheap.Heap {
	t.Helper()
	h, err := spanheap.NewHeap(spanheap.Options{Name: t.Name(), Scavenge: spanheap.Never()})
	require.NoError(t, err)
	return h
}

// closeEmpty ends a heap whose blocks are all freed: it must be sound and count none of them.
func closeEmpty(t testing.TB, h *spanheap.Heap) {
	t.Helper()
	requireEmpty(t, h)
	require.NoError(t, h.Close())
}

func requireEmpty(t testing.TB, h *spanheap.Heap) {
	t.Helper()
	require.NoError(t, h.Verify())
	s := h.Stats()
	require.Zero(t, s.LiveBlocks, "live blocks")
	require.Zero(t, s.Live, "live bytes")
	require.Equal(t, s.Mallocs, s.Frees)
}

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// bytesAt makes a block out of an address, whatever lies there.
//
//go:nocheckptr
func bytesAt(p uintptr, n int) []byte { return unsafe.Slice((*byte)(unsafe.Add(nil, p)), n) }

// alloc allocates n zeroed bytes.
func alloc(t testing.TB, h *spanheap.Heap, n int) []byte {
	t.Helper()
	b, err := h.Alloc(n)
	require.NoError(t, err)
	return b
}

// dirty allocates n bytes and writes to all of them.
func dirty(t testing.TB, h *spanheap.Heap, n int) []byte {
	t.Helper()
	b, err := h.AllocUninit(n)
	require.NoError(t, err)
	for i := range b {
		b[i] = 0xd5
	}
	return b
}

func requireZeroed(t testing.TB, b []byte) {
	t.Helper()
	for i, c := range b {
		if c != 0 {
			require.FailNowf(t, "not zeroed", "byte %d of %d is %#x", i, len(b), c)
		}
	}
}

// must returns v, and panics on an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// tenant is a block filled with a pattern that no other block has, now or earlier.
type tenant struct {
	bytes []byte
	mark  uint64
}

// movedIn fills b with the pattern of its address and of mark, which tells its lives apart.
func movedIn(b []byte, mark uint64) tenant {
	x := tenant{b, mark}
	x.fill()
	return x
}

func (x *tenant) fill() {
	seed := x.seed(addressOf(x.bytes))
	b := x.bytes
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, seed)
		seed = next(seed)
	}
	for i := range b {
		b[i] = byte(seed >> (8 * i))
	}
}

// intact reports the first byte that is not what the tenant wrote.
func (x *tenant) intact() error { return x.intactAt(addressOf(x.bytes)) }

// intactAt is intact for a block that was filled when it lay at another address.
func (x *tenant) intactAt(address uintptr) error {
	seed := x.seed(address)
	b := x.bytes
	for ; len(b) >= 8; b = b[8:] {
		if got := binary.LittleEndian.Uint64(b); got != seed {
			return x.broken(len(x.bytes)-len(b)+bits.TrailingZeros64(got^seed)/8, "word", got, seed)
		}
		seed = next(seed)
	}
	for i := range b {
		if want := byte(seed >> (8 * i)); b[i] != want {
			return x.broken(len(x.bytes)-len(b)+i, "byte", uint64(b[i]), uint64(want))
		}
	}
	return nil
}

func (x *tenant) broken(at int, unit string, got, want uint64) error {
	return fmt.Errorf("block of %d bytes at %#x: byte %d is not what its owner wrote: %s %#x, not %#x",
		len(x.bytes), addressOf(x.bytes), at, unit, got, want)
}

func (x *tenant) seed(address uintptr) uint64 { return next(uint64(address)<<20 ^ x.mark) }

// next is a step of splitmix64 (Steele, Lea and Flood, 2014).
func next(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// logUniform returns a size below 1<<maxBits; every power of two is as likely as the next.
func logUniform(r *rand.Rand, maxBits int) int {
	return int(r.Uint64() >> 1 >> (63 - r.IntN(maxBits+1)))
}

// edges returns the sizes around which something changes: small ones, each class's, and whole pages of
// large objects. A slow build gets a part of them.
func edges() []int {
	step := 1
	if slowBuild {
		step = 3
	}
	sizes := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for n := 10; n < 130; n += step {
		sizes = append(sizes, n)
	}
	for i, c := range spanheap.SizeClasses() {
		if c.Size > 130 && i%step == 0 {
			sizes = append(sizes, c.Size-1, c.Size, c.Size+1)
		}
	}
	for pages := 5; pages < 300; pages = pages*(step+2)/2 + 1 {
		sizes = append(sizes, pages<<13-1, pages<<13, pages<<13+1)
	}
	return append(sizes, 32<<10, 32<<10+1)
}
