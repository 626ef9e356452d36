package spanheap

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/spanheap/spanheap/internal/callstack"
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Heaps at a debug level. No block comes from a fast path, since the caches sample all of them, and each has a
// note. Its slot is longer than what was asked for; a canary fills the rest. Once freed it is full of poison, and
// in the quarantine or on its way to other free slots. Counts are those of the bytes asked for.

// checks is what a heap at a debug level has.
type checks struct {
	level      DebugLevel     // above DebugOff
	rate       atomic.Uintptr // of the heap profile
	quarantine quarantine     // guarded by the lock of the notes
}

// stack is where a block was allocated, or freed: PCs, 0 behind the outermost.
type stack [32]uintptr

// check gives a new heap its level.
func (h *Heap) check(level DebugLevel) {
	if level > DebugOff {
		h.checks = &checks{level: level}
		h.caches.SetSampleRate(1, false)
	}
}

// setSampleRate sets the rate of the heap profile.
func (h *Heap) setSampleRate(rate uintptr) {
	if h.checks != nil {
		h.checks.rate.Store(rate)
		return
	}
	rate = h.guards.sampleRate(rate)
	h.caches.SetSampleRate(rate, rate == DefaultProfileRate)
}

// stack returns the caller's, if the level keeps stacks.
func (c *checks) stack() *stack {
	if c.level < DebugStacks {
		return nil
	}
	s := &stack{}
	callstack.PCs(s[:])
	return s
}

func (s *stack) pcs() []uintptr {
	if s == nil {
		return nil
	}
	return slices.Clone(s[:])
}

// allocChecked is allocate for n bytes, which is more than 0, at a multiple of align, a power of two.
func (h *Heap) allocChecked(n, align uintptr, noscan, zero bool) (uintptr, error) {
	class := classWithRoom(n+leastCanary, align, noscan)
	p, fresh, err := h.reuse(class, n), false, error(nil)
	if p == 0 {
		p, err = h.insist(n, func() (p uintptr, err error) {
			if p, fresh, err = h.takeSlot(class, n, align); err != nil && h.emptyQuarantine("Alloc") {
				p, fresh, err = h.takeSlot(class, n, align)
			}
			return p, err
		})
	}
	if err != nil {
		return 0, err
	}
	length := blockBytes(mheap.EntryOf(p))
	raceAlloc(p, n)
	b := bytesAt(p, int(length))
	if zero && !fresh {
		clear(b[:n])
	}
	overwrite(b[n:], canary)
	h.noteChecked(p, n, class, length)
	return p, nil
}

// classWithRoom returns the class whose slots have n bytes and lie at multiples of align.
func classWithRoom(n, align uintptr, noscan bool) mheap.SpanClass {
	if n <= sizeclass.MaxSmall && align <= mheap.PageSize {
		for class := sizeclass.Of(n); class < sizeclass.NumClasses; class++ {
			if uintptr(sizeclass.Size[class])&(align-1) == 0 {
				return mheap.ClassOf(class, noscan)
			}
		}
	}
	return mheap.ClassOf(0, noscan)
}

// takeSlot returns a Live slot of the class, counted as of n bytes, and whether they read zero.
func (h *Heap) takeSlot(class mheap.SpanClass, n, align uintptr) (p uintptr, fresh bool, err error) {
	if !class.Large() {
		p, _, err = h.caches.Alloc(nil, class, n)
		return p, false, err
	}
	span, fresh, _, err := h.caches.AllocLarge(class, n+leastCanary, align)
	if err != nil {
		return 0, false, err
	}
	less := uintptr(leastCanary)
	h.caches.Recount(class, -less)
	return span.Base(), fresh, nil
}

// reuse returns the slot of the class that was freed last, Live and counted as of n bytes, or 0. With a real
// quarantine there is none.
func (h *Heap) reuse(class mheap.SpanClass, n uintptr) uintptr {
	if h.checks.level >= DebugQuarantine || class.Large() {
		return 0
	}
	h.notes.mu.Lock()
	b := h.checks.quarantine.newest(class)
	h.notes.mu.Unlock()
	if b == nil {
		return 0
	}
	if m := b.damage("Alloc"); m != nil {
		h.caches.LetGo(b.class, b.addr, b.state, b.length)
		panic(m)
	}
	h.caches.Reuse(class, b.state, b.length, n)
	return b.addr
}

// noteChecked makes a note of the block of n bytes at p, which is Live and the caller's.
func (h *Heap) noteChecked(p, n uintptr, class mheap.SpanClass, length uintptr) {
	x := note{size: n, usable: goodSize(n), stack: h.checks.stack()}
	if !class.Noscan() {
		x.usable = goodSize(max(n, mheap.TinyMax+1))
	} else if n <= mheap.TinyMax {
		class = mheap.Tiny
	}
	var pcs [maxDepth]uintptr
	where, rate := place{class: class.Size()}, h.checks.rate.Load()
	chosen := mcache.Chosen(n, rate)
	if chosen {
		where.stack = pcs[:callstack.PCs(pcs[:])]
	}
	t := &h.notes
	t.mu.Lock()
	if t.of == nil {
		t.of = map[uintptr]note{}
	}
	if chosen {
		x.sample = sample{t.samples.record(where), weightOf(n, rate), t.samples.epoch}
		x.sample.begin(n, x.usable, true)
	}
	x.born = t.clock()
	t.of[p] = x
	t.mu.Unlock()
	if state, _ := mheap.EntryOf(p).Slot(p); !mheap.NoteSlot(state) {
		t.end(p)
	}
}

// freeChecked is free for the block at p, which was seen allocated. Whoever finds the block freed finds it in the
// quarantine too, if it stays there.
func (h *Heap) freeChecked(op string, e mheap.Entry, p uintptr) {
	state, _ := e.Slot(p)
	b := &freedBlock{addr: p, state: state, length: blockBytes(e), class: e.Class(), freed: h.checks.stack()}
	t := &h.notes
	h.lockRoom(op, b.length)
	if !mheap.FreeNoted(state) {
		t.mu.Unlock()
		panic(misuse(op, DoubleFree, p))
	}
	x := t.of[p]
	if x.written(p, b.length) >= 0 {
		mheap.SetSlotState(state, mheap.Noted)
		t.mu.Unlock()
		panic(x.overflow(op, p, b.length))
	}
	delete(t.of, p)
	x.sample.freed(x.size, x.usable)
	if b.length > heldBlock {
		t.mu.Unlock()
		raceFree(p, b.length)
		h.caches.FreeLarge(e.Span(), x.size)
		return
	}
	b.size, b.allocated = x.size, x.stack
	overwrite(bytesAt(p, int(b.length)), poison)
	raceFree(p, b.length)
	h.caches.Hold(b.class, b.length, b.size)
	h.checks.quarantine.add(b)
	t.mu.Unlock()
}

// lockRoom returns with the lock of the notes held, and room in the quarantine for a block of length bytes, if it is
// one that is kept.
func (h *Heap) lockRoom(op string, length uintptr) {
	for {
		h.notes.mu.Lock()
		if length > heldBlock {
			return
		}
		out := h.checks.quarantine.excess(heldBlocks-1, heldBytes-length)
		if out == nil {
			return
		}
		h.notes.mu.Unlock()
		h.letGo(op, out)
	}
}

// letGo lets a block go that has left the quarantine, and panics then if it was written to.
func (h *Heap) letGo(op string, b *freedBlock) {
	m := b.damage(op)
	raceFree(b.addr, b.length)
	h.caches.LetGo(b.class, b.addr, b.state, b.length)
	if m != nil {
		panic(m)
	}
}

// emptyQuarantine lets all go that the quarantine holds, and tells whether there was any.
func (h *Heap) emptyQuarantine(op string) (any bool) {
	for h.checks != nil {
		h.notes.mu.Lock()
		out := h.checks.quarantine.excess(0, 0)
		h.notes.mu.Unlock()
		if out == nil {
			break
		}
		any = true
		h.letGo(op, out)
	}
	return any
}

// inspect is emptyQuarantine before the heap is closed.
func (h *Heap) inspect(op string) {
	if !h.closed.Load() {
		h.emptyQuarantine(op)
	}
}

// reallocChecked is Realloc to n bytes, which is more than 0, of a block whose page's entry is e.
func (h *Heap) reallocChecked(b []byte, e mheap.Entry, n uintptr) ([]byte, error) {
	p, length := addressOf(b), blockBytes(e)
	h.lockRoom("Realloc", length) // where a write to another block is found before anything is done
	x, live := h.notes.of[p]
	at := -1
	if live {
		at = x.written(p, length)
	}
	h.notes.mu.Unlock()
	if !live {
		panic(misuse("Realloc", DoubleFree, p))
	}
	if at >= 0 {
		panic(x.overflow("Realloc", p, length))
	}
	if n == x.size {
		grown := bytesAt(p, int(n))
		clear(grown[min(len(b), int(n)):])
		return grown, nil
	}
	q, err := h.allocChecked(n, 1, e.Class().Noscan(), false)
	if err != nil {
		return nil, err
	}
	moved := bytesAt(q, int(n))
	clear(moved[copy(moved, b[:min(len(b), int(x.size))]):])
	freeMoved(h.Free, b, moved)
	return moved, nil
}

// verifyChecks looks at all canaries and all poison, and reports the lowest block that was written to.
func (h *Heap) verifyChecks() error {
	if h.checks == nil {
		return nil
	}
	var lowest uintptr
	var report func() *MisuseError
	count := 0
	found := func(p uintptr, r func() *MisuseError) {
		count++
		if lowest == 0 || p < lowest {
			lowest, report = p, r
		}
	}
	t := &h.notes
	t.mu.Lock()
	for p, x := range t.of {
		if length := blockBytes(mheap.EntryOf(p)); x.written(p, length) >= 0 {
			found(p, func() *MisuseError { return x.overflow("Verify", p, length) })
		}
	}
	h.checks.quarantine.all(func(b *freedBlock) {
		if b.written() >= 0 {
			found(b.addr, func() *MisuseError { return b.damage("Verify") })
		}
	})
	t.mu.Unlock()
	if report == nil {
		return nil
	}
	return fmt.Errorf("debug level %d: %s in %v: %w", h.checks.level, written(count), mheap.SpanOf(lowest), report())
}

// written says of how many blocks Verify has found damage.
func written(blocks int) string {
	if blocks == 1 {
		return "a block was written to,"
	}
	return fmt.Sprintf("%d blocks were written to, the first", blocks)
}
