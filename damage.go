package spanheap

import (
	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/mheap"
)

// What a MisuseError tells of a block beyond its address: what its heap remembers of it.

// written returns the first byte of the block's canary that was written, or -1. The block lies at p in
// a slot of length bytes.
func (x *note) written(p, length uintptr) int {
	if at := firstOther(bytesAt(p, int(length))[x.size:], canary); at >= 0 {
		return int(x.size) + at
	}
	return -1
}

// overflow makes the error for a block whose canary was written.
func (x *note) overflow(op string, p, length uintptr) *MisuseError {
	m := misuse(op, Overflow, p)
	m.Size, m.Offset, m.Allocated = x.size, uintptr(max(x.written(p, length), 0)), x.stack.pcs()
	return m
}

// written returns the first byte of the freed block that was written, or -1.
func (b *freedBlock) written() int { return firstOther(bytesAt(b.addr, int(b.length)), poison) }

// damage makes the error for a freed block that was written to, or returns nil.
func (b *freedBlock) damage(op string) *MisuseError {
	at := b.written()
	if at < 0 {
		return nil
	}
	m := misuse(op, WriteAfterFree, b.addr)
	m.Size, m.Offset = b.size, uintptr(at)
	m.Allocated, m.Freed = b.allocated.pcs(), b.freed.pcs()
	return m
}

// recall completes the error by what heaps remember of the block.
func (m *MisuseError) recall() {
	if m.Kind == ForeignAddress {
		if name, was := registry.closedHeap(m.Addr); was {
			m.Kind, m.Heap = HeapClosed, name
		}
		return
	}
	h := heapOf(m.Addr)
	if h != nil && m.Kind == WrongHeap {
		m.Heap = h.name
	}
	if h == nil || h.checks == nil {
		return
	}
	h.notes.mu.Lock()
	defer h.notes.mu.Unlock()
	if x, live := h.notes.of[m.Block]; live {
		m.Size, m.Allocated = x.size, x.stack.pcs()
	} else if b := h.checks.quarantine.find(m.Block); b != nil {
		m.Size, m.Allocated, m.Freed = b.size, b.allocated.pcs(), b.freed.pcs()
	}
}

// remember keeps the name of a heap that is being closed for each of its arenas. The caller holds r.mu.
func (r *heapTable) remember(h *Heap) {
	if r.former == nil {
		r.former = map[uintptr]string{}
	}
	for _, p := range h.pages.ArenaBases() {
		r.former[p/arena.Size] = h.name
	}
}

// closedHeap returns the name of the heap that was the last to have address p, if it is closed.
func (r *heapTable) closedHeap(p uintptr) (name string, was bool) {
	if mheap.ArenaOf(p) != nil {
		return "", false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	name, was = r.former[p/arena.Size]
	return name, was
}
