package mheap

import (
	"fmt"
	"sync"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/internal/lockrank"
)

// Meta makes the records and tables of a heap, off the Go heap: span records, arena records, and
// what the caches ask for. Blocks are zeroed, lie at multiples of 64 bytes and stay where they are.
//
// Memory comes in chunks that are committed step by step as they fill. A freed block goes to the
// list of its size and serves the next request of that size; when there is none, a larger block is
// split. Lists are queues: a record that has just been freed is the last to be used again, so that
// whoever still reads it by a stale address finds it unchanged for long. Blocks never join, so a
// heap's metadata stays within the sum of the sizes' peaks. Chunks are never unmapped: when the
// heap is closed they serve heaps made later.
//
// A Meta is safe for concurrent use.
type Meta struct {
	mu     lockrank.Mutex
	system arena.System
	budget *Budget

	chunks []metaArea // all but the last are used up
	next   uintptr    // the last chunk's first byte not yet handed out
	mark   uintptr    // up to here the last chunk has had memory since this heap has it
	lists  [metaLists]metaList
	large  uintptr // head of the list of freed blocks above metaSmall bytes

	closed   bool
	backed   uint64 // committed bytes
	reserved uint64
}

const (
	metaUnit  = 64
	metaSmall = 4096 // blocks up to this size have a list of their own size
	metaLists = metaSmall/metaUnit + 1
	metaChunk = 256<<10 + arena.Size>>26<<20 // reserved at a time: 256 KiB, and 1 MiB more where address space is plenty
	metaStep  = 64 << 10                     // committed at a time
)

// metaArea is a chunk: it is committed from base to ready.
type metaArea struct{ base, ready uintptr }

// metaList is a queue of freed blocks, each holding the address of the next in its first word.
type metaList struct{ first, last uintptr }

// chunkPool holds the chunks of closed heaps, decommitted.
var chunkPool struct {
	sync.Mutex
	chunks []metaArea
}

func (m *Meta) init(system arena.System, budget *Budget) {
	m.mu.Init(lockrank.Metadata)
	m.system, m.budget = system, budget
}

// Alloc returns a zeroed block of n bytes. What has never been used has no memory before the caller writes to it.
// The error wraps the operating system's, or is ErrLimit.
func (m *Meta) Alloc(n uintptr) (uintptr, error) {
	n = metaRound(n)
	m.mu.Lock()
	p, used, err := uintptr(0), false, ErrClosed
	if !m.closed {
		p, used, err = m.find(n)
	}
	m.mu.Unlock()
	if err != nil {
		return 0, fmt.Errorf("metadata of %d bytes: %w", n, err)
	}
	if used {
		clearBytes(p, n)
	}
	return p, nil
}

// Free takes back a block that Alloc(n) returned. Nobody may use it any more, but it may be read.
func (m *Meta) Free(p, n uintptr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed { // or another heap has the memory already
		m.put(p, metaRound(n))
	}
}

// AllocSlots returns n slots, all 0. Its error wraps the operating system's.
func (m *Meta) AllocSlots(n int) ([]Slot, error) {
	p, err := m.Alloc(uintptr(n) * slotSize)
	if err != nil {
		return nil, err
	}
	return slotsAt(p, n), nil
}

// FreeSlots takes back what AllocSlots returned.
func (m *Meta) FreeSlots(slots []Slot) { m.Free(addressOfSlots(slots), uintptr(len(slots))*slotSize) }

// Backed returns how many bytes of memory the metadata has, and how many bytes of address space.
func (m *Meta) Backed() (backed, reserved uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.backed, m.reserved
}

func metaRound(n uintptr) uintptr { return (n + metaUnit - 1) &^ (metaUnit - 1) }

// find tells as well whether the block has been used before; else it reads zero.
func (m *Meta) find(n uintptr) (p uintptr, used bool, err error) {
	if n > metaSmall {
		p = m.takeLarge(n)
	} else {
		p = m.takeSmall(n)
	}
	if p != 0 {
		return p, true, nil
	}
	p, err = m.carve(n)
	return p, false, err
}

// takeSmall returns a freed block of n bytes, or the first n bytes of one of at least twice the size, so that what is
// left of that is of use again; or 0.
func (m *Meta) takeSmall(n uintptr) uintptr {
	if p := m.lists[n/metaUnit].take(); p != 0 {
		return p
	}
	for size := 2 * n; size <= metaSmall; size += metaUnit {
		if p := m.lists[size/metaUnit].take(); p != 0 {
			m.put(p+n, size-n)
			return p
		}
	}
	return 0
}

func (m *Meta) put(p, n uintptr) {
	if n > metaSmall {
		*wordAt(p) = m.large
		*wordAt(p + wordSize) = n
		m.large = p
		return
	}
	m.lists[n/metaUnit].put(p)
}

// takeLarge returns a freed block of exactly n bytes, or 0. There are few sizes above metaSmall.
func (m *Meta) takeLarge(n uintptr) uintptr {
	for link := &m.large; *link != 0; link = wordAt(*link) {
		if p := *link; *wordAt(p + wordSize) == n {
			*link = *wordAt(p)
			return p
		}
	}
	return 0
}

// carve takes n bytes from the last chunk, or from a new one.
func (m *Meta) carve(n uintptr) (uintptr, error) {
	if m.room() < n {
		if err := m.grow(); err != nil {
			return 0, err
		}
	}
	if m.next+n > m.mark {
		chunk := &m.chunks[len(m.chunks)-1]
		to := chunk.base + min(metaChunk, (m.next+n-chunk.base+metaStep-1)&^(metaStep-1))
		if err := m.budget.take(to - m.mark); err != nil {
			return 0, err
		}
		if to > chunk.ready {
			if err := m.system.Commit(chunk.ready, to-chunk.ready); err != nil {
				m.budget.give(to - m.mark)
				return 0, err
			}
			chunk.ready = to
		}
		m.backed += uint64(to - m.mark)
		m.mark = to
	}
	p := m.next
	m.next += n
	return p, nil
}

// room is how many bytes the last chunk has left.
func (m *Meta) room() uintptr {
	if len(m.chunks) == 0 {
		return 0
	}
	return m.chunks[len(m.chunks)-1].base + metaChunk - m.next
}

// grow begins a new chunk. What is left of the last one below the mark goes to the lists.
func (m *Meta) grow() error {
	chunk, err := m.takeChunk()
	if err != nil {
		return err
	}
	for m.next < m.mark {
		n := min(m.mark-m.next, metaSmall)
		m.put(m.next, n)
		m.next += n
	}
	m.chunks = append(m.chunks, chunk)
	m.next, m.mark = chunk.base, chunk.base
	m.reserved += metaChunk
	return nil
}

func (m *Meta) takeChunk() (metaArea, error) {
	chunkPool.Lock()
	defer chunkPool.Unlock()
	if last := len(chunkPool.chunks) - 1; last >= 0 && m.system == arena.Metadata() {
		chunk := chunkPool.chunks[last]
		chunkPool.chunks = chunkPool.chunks[:last]
		return chunk, nil
	}
	base, err := m.system.Reserve(0, metaChunk)
	return metaArea{base, base}, err
}

// close ends every block. The chunks go to heaps made later, or stay unused when the operating
// system refuses to take their memory back.
func (m *Meta) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, chunk := range m.chunks {
		if chunk.ready > chunk.base && m.system.Decommit(chunk.base, chunk.ready-chunk.base) != nil {
			continue
		}
		if m.system == arena.Metadata() {
			chunkPool.Lock()
			chunkPool.chunks = append(chunkPool.chunks, chunk)
			chunkPool.Unlock()
		}
	}
	m.budget.give(uintptr(m.backed))
	m.chunks, m.next, m.mark, m.large = nil, 0, 0, 0
	m.lists = [metaLists]metaList{}
	m.backed, m.reserved = 0, 0
	m.closed = true
}

// take removes and returns the list's first block, or 0.
func (l *metaList) take() uintptr {
	p := l.first
	if p != 0 {
		l.first = *wordAt(p)
	}
	return p
}

// put appends a block to the list.
func (l *metaList) put(p uintptr) {
	*wordAt(p) = 0
	if l.first == 0 {
		l.first = p
	} else {
		*wordAt(l.last) = p
	}
	l.last = p
}
