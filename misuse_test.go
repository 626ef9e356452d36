package spanheap_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// victim is a live block that is about to be misused: how to free it right, and what to expect of a
// MisuseError about it.
type victim struct {
	bytes []byte // all of it
	free  func()
	op    string  // what free calls
	class uintptr // bytes of its slot, or of its span if it is large
	large bool
}

// victims makes one victim of each kind of block.
var victims = map[string]func(*testing.T, *spanheap.Heap) victim{
	"small":           func(t *testing.T, h *spanheap.Heap) victim { return victimOf(h, alloc(t, h, 100), 104) },
	"smallest":        func(t *testing.T, h *spanheap.Heap) victim { return victimOf(h, alloc(t, h, 8), 8) },
	"largest slot":    func(t *testing.T, h *spanheap.Heap) victim { return victimOf(h, alloc(t, h, 32<<10), 32<<10) },
	"several pages":   func(t *testing.T, h *spanheap.Heap) victim { return victimOf(h, alloc(t, h, 13000), 14336) },
	"tiny of 2":       func(t *testing.T, h *spanheap.Heap) victim { return victimOf(h, alloc(t, h, 2), 4) },
	"tiny of 3":       func(t *testing.T, h *spanheap.Heap) victim { return victimOf(h, alloc(t, h, 3), 4) },
	"of 7":            func(t *testing.T, h *spanheap.Heap) victim { return victimOf(h, alloc(t, h, 7), 8) },
	"large":           func(t *testing.T, h *spanheap.Heap) victim { return victimOf(h, alloc(t, h, 40_000), 40<<10) },
	"large, uncached": func(t *testing.T, h *spanheap.Heap) victim { return victimOf(h, alloc(t, h, 3<<20), 3<<20) },
	"aligned":         func(t *testing.T, h *spanheap.Heap) victim { return alignedVictim(t, h, 100, 128, 128) },
	"aligned to page": func(t *testing.T, h *spanheap.Heap) victim { return alignedVictim(t, h, 100, 8<<10, 8<<10) },
	"aligned large":   func(t *testing.T, h *spanheap.Heap) victim { return alignedVictim(t, h, 100, 1<<20, 8<<10) },
	"by function":     functionVictim,
	"typed":           typedVictim[point],
	"typed reference": typedVictim[leaf],
	"typed tiny":      typedVictim[half],
	"typed large":     typedVictim[manyRef],
	"slice":           sliceVictim,
}

func victimOf(h *spanheap.Heap, b []byte, class int) victim {
	return victim{b, func() { h.Free(b) }, "Free", uintptr(class), class > 32<<10}
}

func alignedVictim(t *testing.T, h *spanheap.Heap, n, align, class int) victim {
	b, err := h.AllocAligned(n, align)
	require.NoError(t, err)
	v := victimOf(h, b, class)
	v.large = align > 8<<10
	return v
}

func functionVictim(t *testing.T, h *spanheap.Heap) victim {
	b := alloc(t, h, 500)
	return victim{b, func() { spanheap.Free(b[:3]) }, "Free", 512, false}
}

func typedVictim[T any](t *testing.T, h *spanheap.Heap) victim {
	p, err := spanheap.New[T](h)
	require.NoError(t, err)
	b := unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p))
	class := spanheap.GoodSize(len(b))
	return victim{b, func() { spanheap.Delete(p) }, "Delete", uintptr(class), len(b) > 32<<10}
}

func sliceVictim(t *testing.T, h *spanheap.Heap) victim {
	s, err := spanheap.MakeSlice[point](h, 3, 9)
	require.NoError(t, err)
	b := unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), 9*16)
	return victim{b, func() { spanheap.FreeSlice(s) }, "FreeSlice", 144, false}
}

// misuse is one way to misuse a victim. The victim is live before and after it.
type misuse struct {
	kind spanheap.MisuseKind
	op   string // what do calls
	do   func(h, other *spanheap.Heap, v victim)
	at   func(v victim) uintptr // the address to be reported
}

var misuses = map[string]misuse{
	"first bytes cut off":     {spanheap.InteriorAddress, "Free", func(h, _ *spanheap.Heap, v victim) { h.Free(v.bytes[1:]) }, atByte(1)},
	"by function":             {spanheap.InteriorAddress, "Free", func(_, _ *spanheap.Heap, v victim) { spanheap.Free(v.bytes[1:]) }, atByte(1)},
	"realloc inside":          {spanheap.InteriorAddress, "Realloc", func(h, _ *spanheap.Heap, v victim) { h.Realloc(v.bytes[1:], 9) }, atByte(1)},
	"usable size inside":      {spanheap.InteriorAddress, "UsableSize", func(_, _ *spanheap.Heap, v victim) { spanheap.UsableSize(v.bytes[1:]) }, atByte(1)},
	"last byte":               {spanheap.InteriorAddress, "Free", func(h, _ *spanheap.Heap, v victim) { h.Free(v.bytes[len(v.bytes)-1:]) }, lastByte},
	"delete inside":           {spanheap.InteriorAddress, "Delete", func(_, _ *spanheap.Heap, v victim) { spanheap.Delete(&v.bytes[1]) }, atByte(1)},
	"slice inside":            {spanheap.InteriorAddress, "FreeSlice", func(_, _ *spanheap.Heap, v victim) { spanheap.FreeSlice(v.bytes[1:]) }, atByte(1)},
	"another heap":            {spanheap.WrongHeap, "Free", func(_, other *spanheap.Heap, v victim) { other.Free(v.bytes) }, atByte(0)},
	"realloc of another heap": {spanheap.WrongHeap, "Realloc", func(_, other *spanheap.Heap, v victim) { other.Realloc(v.bytes, 9) }, atByte(0)},
	"batch of another heap":   {spanheap.WrongHeap, "FreeBatch", func(_, other *spanheap.Heap, v victim) { other.FreeBatch([][]byte{nil, v.bytes}) }, atByte(0)},
	"a type of another size": {spanheap.SizeMismatch, "Delete", func(_, _ *spanheap.Heap, v victim) {
		spanheap.Delete((*[9000]byte)(unsafe.Pointer(&v.bytes[0])))
	}, atByte(0)},
	"a slice of another size": {spanheap.SizeMismatch, "FreeSlice", func(_, _ *spanheap.Heap, v victim) {
		spanheap.FreeSlice(unsafe.Slice(&v.bytes[0], 50_000))
	}, atByte(0)},
}

func atByte(i int) func(victim) uintptr {
	return func(v victim) uintptr { return addressOf(v.bytes[i:]) }
}

func lastByte(v victim) uintptr { return addressOf(v.bytes) + uintptr(len(v.bytes)-1) }

// places are where a misuse happens: on the goroutine that allocated, and on another.
var places = map[string]func(func()){
	"same goroutine":    func(f func()) { f() },
	"another goroutine": elsewhere,
}

// onAnotherP runs f while the caller keeps its own P, if there are two.
func onAnotherP(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for keep := runtime.GOMAXPROCS(0) > 1; keep; {
		select {
		case <-done:
			keep = false
		default:
		}
	}
	<-done
}

// elsewhere runs f on a goroutine of its own.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// caught runs f, which must panic with a MisuseError, and returns that.
func caught(t *testing.T, run func(func()), f func()) (m *spanheap.MisuseError) {
	t.Helper()
	var r any
	run(func() {
		defer func() { r = recover() }()
		f()
	})
	m, ok := r.(*spanheap.MisuseError)
	require.True(t, ok, "panicked with %v", r)
	return m
}

func TestMisuseOfLiveBlocks(t *testing.T) {
	h, other := newHeap(t), newHeap(t)
	for name, newVictim := range victims {
		neighbours := []tenant{movedIn(alloc(t, h, 100), 1), movedIn(alloc(t, h, 5), 1)}
		v := newVictim(t, h)
		x := movedIn(v.bytes, 1)
		before, otherBefore := h.Stats(), other.Stats()
		for how, misuse := range misuses {
			for where, run := range places {
				about := fmt.Sprintf("%s, %s, %s", name, how, where)
				m := caught(t, run, func() { misuse.do(h, other, v) })
				require.Equal(t, misuse.kind, m.Kind, about)
				require.Equal(t, misuse.op, m.Op, about)
				require.Equal(t, misuse.at(v), m.Addr, about)
				require.Equal(t, v.class, m.ClassSize, about)
				if m.Kind == spanheap.WrongHeap {
					require.Equal(t, h.Name(), m.Heap, about)
				}
				require.LessOrEqual(t, m.SpanBase, m.Addr, about)
				require.Less(t, m.Addr, m.SpanBase+m.SpanBytes, about)
				require.Equal(t, message(m), m.Error(), about)
				require.NoError(t, x.intact(), about)
			}
			require.NoError(t, h.Verify(), "%s, %s", name, how)
		}
		require.Equal(t, before, h.Stats(), name)
		require.Equal(t, otherBefore, other.Stats(), name)
		require.NoError(t, other.Verify(), name)
		v.free()
		for _, n := range neighbours {
			require.NoError(t, n.intact(), name)
			h.Free(n.bytes)
		}
	}
	closeEmpty(t, h)
	closeEmpty(t, other)
}

func TestDoubleFree(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // who gets freed pages next depends on the P
	h := newHeap(t)
	for name, newVictim := range victims {
		for when, between := range map[string]func(){
			"at once":            func() {},
			"after a release":    func() { h.Release(everything) },
			"after many frees":   func() { churn(t, h, 3000) },
			"after both":         func() { churn(t, h, 3000); h.Release(everything) },
			"after another free": func() { h.Free(alloc(t, h, 16<<10)) },
		} {
			for where, run := range places {
				about := fmt.Sprintf("%s, %s, %s", name, when, where)
				held := []victim{newVictim(t, h), newVictim(t, h)} // they may keep the span
				v := newVictim(t, h)
				v.free()
				between()
				before := h.Stats()
				isDoubleFree := func(m *spanheap.MisuseError) {
					if m.Kind == spanheap.InteriorAddress {
						require.NotEqual(t, v.class, m.ClassSize, "%s: its pages are another span's by now", about)
						return
					}
					require.Equal(t, spanheap.DoubleFree, m.Kind, about)
				}
				for range 3 {
					m := caught(t, run, v.free)
					isDoubleFree(m)
					require.Equal(t, v.op, m.Op, about)
					require.Equal(t, addressOf(v.bytes), m.Addr, about)
					require.Equal(t, message(m), m.Error(), about)
				}
				for op, use := range map[string]func(){
					"Realloc":    func() { h.Realloc(v.bytes, 50) },
					"UsableSize": func() { spanheap.UsableSize(v.bytes) },
					"FreeBatch":  func() { h.FreeBatch([][]byte{v.bytes}) },
				} {
					m := caught(t, run, use)
					isDoubleFree(m)
					require.Equal(t, op, m.Op, about)
				}
				require.Equal(t, before, h.Stats(), about)
				for _, v := range held {
					v.free()
				}
			}
		}
		require.NoError(t, h.Verify(), name)
	}
	churn(t, h, 3000)
	closeEmpty(t, h)
}

// churn allocates blocks of sizes that no victim has, and frees them.
func churn(t *testing.T, h *spanheap.Heap, count int) {
	var tenants []tenant
	for i := range loops(count) {
		b, err := h.AllocUninit([...]int{24, 200, 1000, 3000}[i%4])
		require.NoError(t, err)
		tenants = append(tenants, movedIn(b, uint64(i)))
	}
	for _, x := range tenants {
		require.NoError(t, x.intact())
		h.Free(x.bytes)
	}
}

var global [64]byte

func TestForeignAddresses(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that the one cache has room for what is freed
	h := newHeap(t)
	h.Free(alloc(t, h, 64)) // the heap has an arena
	before := h.Stats()
	var stack [64]byte
	onHeap := new(point)
	for name, b := range map[string][]byte{
		"Go heap":        make([]byte, 64),
		"Go heap, large": make([]byte, 1<<20),
		"stack":          stack[:],
		"global":         global[:],
		"first page":     bytesAt(4096, 64),
		"last page":      bytesAt(^uintptr(4095), 64),
	} {
		for where, run := range places {
			for op, use := range map[string]func(){
				"Free":       func() { h.Free(b) },
				"Realloc":    func() { h.Realloc(b, 100) },
				"UsableSize": func() { spanheap.UsableSize(b) },
				"FreeSlice":  func() { spanheap.FreeSlice(b) },
				"FreeBatch":  func() { h.FreeBatch([][]byte{b}) },
				"Delete":     func() { spanheap.Delete((*[64]byte)(b)) },
			} {
				m := caught(t, run, use)
				require.Equal(t, spanheap.MisuseError{
					Kind: spanheap.ForeignAddress, Op: op, Addr: addressOf(b),
				}, *m, "%s, %s", name, where)
				require.Equal(t, message(m), m.Error())
			}
			m := caught(t, run, func() { spanheap.Free(b) })
			require.Equal(t, spanheap.ForeignAddress, m.Kind, name)
		}
	}
	m := caught(t, elsewhere, func() { spanheap.Delete(onHeap) })
	require.Equal(t, spanheap.ForeignAddress, m.Kind)
	require.Equal(t, before, h.Stats())
	closeEmpty(t, h)
}

// A slot that was never handed out is as free as one that was freed, and so is what lies behind a
// span's last slot.
func TestFreeOfWhatWasNeverAllocated(t *testing.T) {
	h := newHeap(t)
	b := alloc(t, h, 48) // the span has a tail of 32 bytes
	page := addressOf(b) &^ (8<<10 - 1)
	slot := page + 48*150
	if slot == addressOf(b) {
		slot += 48
	}
	for at, kind := range map[uintptr]spanheap.MisuseKind{
		slot:              spanheap.DoubleFree,
		slot + 8:          spanheap.InteriorAddress,
		page + 8<<10 - 16: spanheap.InteriorAddress,
	} {
		before := h.Stats()
		m := caught(t, elsewhere, func() { h.Free(bytesAt(at, 48)) })
		require.Equal(t, kind, m.Kind)
		require.Equal(t, at, m.Addr)
		require.Equal(t, before, h.Stats())
		require.NoError(t, h.Verify())
	}
	h.Free(b)
	closeEmpty(t, h)
}

// The block that an error names is the one that was freed, not the slot that it shares with others.
func TestMisuseNamesTheBlock(t *testing.T) {
	h := newHeap(t)
	for _, n := range []int{1, 2, 3, 4, 7, 8, 100, 40_000} {
		for range 4 {
			b := alloc(t, h, n)
			h.Free(b)
			if m := caught(t, elsewhere, func() { h.Free(b) }); m.Block != 0 {
				require.Equal(t, m.Addr, m.Block, "%d bytes: %v", n, m)
			}
		}
	}
	closeEmpty(t, h)
}

// message is the text of a MisuseError, written once more.
func message(m *spanheap.MisuseError) string {
	op := m.Op
	if op == "FreeBatch" {
		op += fmt.Sprintf(": block %d", m.Index)
	}
	kind := map[spanheap.MisuseKind]string{
		spanheap.DoubleFree:      "double free",
		spanheap.ForeignAddress:  "foreign address",
		spanheap.InteriorAddress: "interior address",
		spanheap.WrongHeap:       "wrong heap",
		spanheap.SizeMismatch:    "size mismatch",
	}[m.Kind]
	parts := []string{fmt.Sprintf("spanheap: %s: %s: address %#x", op, kind, m.Addr)}
	switch {
	case m.Kind == spanheap.ForeignAddress:
		parts = append(parts, " is of no heap")
	case m.SpanBase == 0:
		parts = append(parts, " lies in no span in use")
	default:
		parts = append(parts, fmt.Sprintf(" in span %#x+%d, %s", m.SpanBase, m.SpanBytes, slotText(m)))
		if m.Block != m.Addr {
			parts = append(parts, fmt.Sprintf(", %d bytes into block %#x", m.Addr-m.Block, m.Block))
		}
		if m.Kind == spanheap.WrongHeap {
			parts = append(parts, fmt.Sprintf(", of heap %q", m.Heap))
		}
	}
	return strings.Join(parts, "")
}

// slotText is what a MisuseError says of the slots of the span.
func slotText(m *spanheap.MisuseError) string {
	if m.Class == "large" {
		return "a large object"
	}
	return fmt.Sprintf("size class %s (%d bytes)", m.Class, m.ClassSize)
}
