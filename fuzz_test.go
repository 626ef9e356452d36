package spanheap_test

import (
	"errors"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// FuzzHeap plays a script of commands on a heap, and beside it on a model: the list of blocks that are
// live, each filled with a pattern of its own. Whatever the script, the heap's figures are the model's, no
// pattern breaks, misuse is reported and changes nothing, and in the end everything can be freed.
func FuzzHeap(f *testing.F) {
	f.Fuzz(func(t *testing.T, script []byte) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
		profileRate(t, spanheap.ProfileRate())
		m := model{t: t, heap: newHeap(t), other: newHeap(t), script: script}
		for range 4000 {
			if len(m.script) == 0 || m.work > 256<<20 {
				break
			}
			commands[m.byte()%len(commands)](&m)
		}
		m.verify()
		for len(m.live) > 0 {
			m.free()
		}
		if m.local != nil {
			m.check(m.local.Close())
		}
		closeEmpty(t, m.heap)
		closeEmpty(t, m.other)
	})
}

// commands are what a script's bytes stand for. A command's own bytes follow it.
var commands = []func(*model){
	0:  (*model).alloc,
	1:  (*model).allocUninit,
	2:  (*model).allocAligned,
	3:  (*model).free,
	4:  (*model).freeElsewhere,
	5:  (*model).realloc,
	6:  (*model).release,
	7:  (*model).changeProcs,
	8:  (*model).newValue,
	9:  (*model).makeSlice,
	10: (*model).verify,
	11: (*model).freeInside,
	12: (*model).freeTwice,
	13: (*model).freeByOther,
	14: (*model).allocMany,
	15: (*model).freeMany,
	16: (*model).setLimit,
	17: (*model).changeLocal,
	18: (*model).allocLocal,
	19: (*model).allocBatch,
	20: (*model).freeBatch,
	21: (*model).changeProfileRate,
}

type model struct {
	t           *testing.T
	heap, other *spanheap.Heap
	local       *spanheap.Local // nil: none
	script      []byte
	live        []resident
	bytes       int      // of live
	dead        [][]byte // freed lately
	marks       uint64
	limit       uint64 // 0: none
	work        int    // bytes looked at, and some more for every walk over the heap: it bounds a script's time
}

// resident is a live block, and the way it is freed.
type resident struct {
	tenant
	free func()
}

// byte takes the script's next byte; a script that has ended goes on with zeros.
func (m *model) byte() int {
	if len(m.script) == 0 {
		return 0
	}
	b := m.script[0]
	m.script = m.script[1:]
	return int(b)
}

// size takes a size of up to 512 KiB: the first byte gives its magnitude, the second the rest.
func (m *model) size() int {
	magnitude, rest := m.byte(), m.byte()
	n := (256 + rest) << (magnitude % 19) >> 8
	if magnitude >= 128 {
		n--
	}
	return n
}

// full tells that no more blocks should be made.
func (m *model) full() bool { return m.bytes > 32<<20 || len(m.live) > 20_000 }

// refused tells whether a limit has refused a block, which only a limit may.
func (m *model) refused(err error) bool { return m.limit > 0 && errors.Is(err, spanheap.ErrLimit) }

// moveIn adds a block of n bytes to the model, unless it was refused.
func (m *model) moveIn(b []byte, n int, err error, free func()) {
	if m.refused(err) {
		return
	}
	if err != nil || len(b) != n || cap(b) != n {
		require.FailNowf(m.t, "bad block", "%d bytes, capacity %d, want %d: %v", len(b), cap(b), n, err)
	}
	if n == 0 {
		free()
		return
	}
	m.work += n
	m.marks++
	m.live = append(m.live, resident{movedIn(b, m.marks), free})
	m.bytes += len(b)
}

func (m *model) alloc() {
	if n := m.size(); !m.full() {
		b, err := m.heap.Alloc(n)
		requireZeroed(m.t, b)
		m.moveIn(b, n, err, func() { m.heap.Free(b) })
	}
}

func (m *model) allocUninit() {
	if n := m.size(); !m.full() {
		b, err := m.heap.AllocUninit(n)
		m.moveIn(b, n, err, func() { spanheap.Free(b[:n/2]) })
	}
}

func (m *model) allocAligned() {
	if n, align := m.size(), 1<<(m.byte()%21); !m.full() {
		b, err := m.heap.AllocAligned(n, align)
		if n > 0 {
			require.Zero(m.t, addressOf(b)%uintptr(align))
		}
		m.moveIn(b, n, err, func() { m.heap.Free(b) })
	}
}

func (m *model) allocMany() {
	n := m.size()
	for range m.byte() {
		if m.full() {
			break
		}
		b, err := m.heap.AllocUninit(n)
		m.moveIn(b, n, err, func() { m.heap.Free(b) })
	}
}

func (m *model) newValue() {
	switch m.byte() % 4 {
	case 0:
		moveInValue[leaf](m)
	case 1:
		moveInValue[point](m)
	case 2:
		moveInValue[half](m)
	case 3:
		moveInValue[manyRef](m)
	}
}

func moveInValue[T any](m *model) {
	if m.full() {
		return
	}
	p, err := spanheap.New[T](m.heap)
	if m.refused(err) {
		return
	}
	require.NoError(m.t, err)
	b := unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p))
	requireZeroed(m.t, b)
	m.moveIn(b, len(b), err, func() { spanheap.Delete(p) })
}

func (m *model) makeSlice() {
	n := m.byte() * 5
	if m.full() {
		return
	}
	s, err := spanheap.MakeSlice[leaf](m.heap, n/2, n)
	if m.refused(err) {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), uintptr(n)*unsafe.Sizeof(leaf{}))
	requireZeroed(m.t, b)
	m.moveIn(b, len(b), err, func() { spanheap.FreeSlice(s) })
}

func (m *model) check(err error) {
	if err != nil {
		require.NoError(m.t, err)
	}
}

// pick takes the number of a live block.
func (m *model) pick() int { return (m.byte()<<8 | m.byte()) % len(m.live) }

// moveOut takes a block out of the model, whose contents must be what they were.
func (m *model) moveOut(i int) resident {
	x := m.live[i]
	m.check(x.intact())
	last := len(m.live) - 1
	m.live[i] = m.live[last]
	m.live = m.live[:last]
	m.bytes -= len(x.bytes)
	return x
}

// bury remembers a freed block.
func (m *model) bury(b []byte) {
	if m.dead = append(m.dead, b); len(m.dead) > 20 {
		m.dead = m.dead[10:]
	}
}

func (m *model) free() {
	if len(m.live) > 0 {
		x := m.moveOut(m.pick())
		x.free()
		m.bury(x.bytes)
	}
}

func (m *model) freeElsewhere() {
	if len(m.live) > 0 {
		x := m.moveOut(m.pick())
		elsewhere(x.free)
		m.bury(x.bytes)
	}
}

func (m *model) freeMany() {
	for range m.byte() {
		if len(m.live) > 0 {
			m.moveOut(0).free()
		}
	}
}

func (m *model) realloc() {
	if len(m.live) == 0 {
		return
	}
	x, n := m.moveOut(m.pick()), m.size()
	b, err := m.heap.Realloc(x.bytes, n)
	if m.refused(err) {
		m.check(x.intact())
		m.live = append(m.live, x)
		m.bytes += len(x.bytes)
		return
	}
	if kept := min(n, len(x.bytes), len(b)) &^ 7; kept > 0 { // the pattern of whole words does not depend on the length
		part := tenant{b[:kept:kept], x.mark}
		m.check(part.intactAt(addressOf(x.bytes)))
	}
	if len(b) > len(x.bytes) {
		requireZeroed(m.t, b[len(x.bytes):])
	}
	m.moveIn(b, n, err, func() { m.heap.Free(b) })
}

func (m *model) release() { m.heap.Release(m.byte() << 14) }

// setLimit sets a limit of up to 16 MiB, or none. What is backed already may be more.
func (m *model) setLimit() {
	limit := uint64(m.byte()) << 16
	m.heap.SetLimit(int64(limit))
	if m.limit = limit; limit > 0 {
		m.limit = max(limit, m.heap.Backed())
	}
}

func (m *model) changeProcs() { runtime.GOMAXPROCS(1 + m.byte()%4) }

func (m *model) verify() {
	m.work += m.bytes + 1<<20
	for _, x := range m.live {
		m.check(x.intact())
	}
	m.check(m.heap.Verify())
	m.check(m.other.Verify())
	s := m.heap.Stats()
	m.check(plausible(s))
	require.EqualValues(m.t, len(m.live), s.LiveBlocks)
	require.EqualValues(m.t, m.bytes, s.Live)
	require.Equal(m.t, s.Backed, m.heap.Backed())
	if m.limit > 0 {
		require.LessOrEqual(m.t, s.Backed, m.limit)
	}
}

// misuse must be reported as one of the kinds.
func (m *model) misuse(use func(), kinds ...spanheap.MisuseKind) {
	e := caught(m.t, func(f func()) { f() }, use)
	require.Contains(m.t, kinds, e.Kind)
}

func (m *model) freeInside() {
	if len(m.live) == 0 {
		return
	}
	if x := m.live[m.pick()]; len(x.bytes) > 1 {
		at := 1 + m.byte()*len(x.bytes)/256
		if at < len(x.bytes) {
			m.misuse(func() { m.heap.Free(x.bytes[at:]) }, spanheap.InteriorAddress)
		}
	}
}

func (m *model) freeByOther() {
	if len(m.live) > 0 {
		x := m.live[m.pick()]
		m.misuse(func() { m.other.Free(x.bytes) }, spanheap.WrongHeap)
	}
}

func (m *model) freeTwice() {
	if len(m.dead) == 0 {
		return
	}
	b := m.dead[m.byte()%len(m.dead)]
	taken := slices.ContainsFunc(m.live, func(x resident) bool { // the address is somebody else's by now
		return addressOf(b)-addressOf(x.bytes) < uintptr(spanheap.UsableSize(x.bytes))
	})
	if !taken {
		m.misuse(func() { m.heap.Free(b) }, spanheap.DoubleFree, spanheap.InteriorAddress)
	}
}
