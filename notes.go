package spanheap

import (
	"fmt"
	"math"
	"time"

	"github.com/spanheap/spanheap/internal/callstack"
	"github.com/spanheap/spanheap/internal/lockrank"
	"github.com/spanheap/spanheap/mheap"
)

// Notes: what a heap remembers of single blocks. A block with a note is Noted instead of Live, so that
// the fast paths leave it alone and its free comes to free, which takes the note away. A note is made
// before the caller has the block, and is gone before another can have its slot.

// note is what the heap remembers of a block.
type note struct {
	size   uintptr // bytes asked for
	usable uintptr // bytes the block could hold
	sample sample
	stack  *stack        // of the allocation, at DebugStacks
	born   time.Duration // by the notes' clock; unknownBirth for a block that is older than its note
}

// unknownBirth lies before all births.
const unknownBirth time.Duration = math.MinInt64

// notes holds a heap's notes. It is safe for concurrent use.
type notes struct {
	mu      lockrank.Mutex   // guards what follows
	of      map[uintptr]note // by the blocks' addresses
	samples samples
	clock   func() time.Duration // since notesBegin
}

// notesBegin is when the clock of notes reads 0.
var notesBegin = time.Now()

func (t *notes) init() {
	t.mu.Init(lockrank.Notes)
	t.clock = func() time.Duration { return time.Since(notesBegin) }
}

// noteSample makes a note of the block of n bytes at p, which is Live and the caller's, as one sampled
// with the rate when it was allocated.
func (h *Heap) noteSample(p, n, rate uintptr) { h.noteSized(p, n, rate, h.notes.clock(), true) }

// noteSized is noteSample, also for a block that was not allocated but got its size where it lies.
func (h *Heap) noteSized(p, n, rate uintptr, born time.Duration, allocated bool) {
	e := mheap.EntryOf(p)
	class, usable := e.Class(), blockBytes(e)
	if class == mheap.Guarded {
		class = h.guards.at(p).class
		usable = class.Layout().Bytes
	}
	var pcs [maxDepth]uintptr
	where := place{pcs[:callstack.PCs(pcs[:])], class.Size()}
	t := &h.notes
	t.mu.Lock()
	if t.of == nil {
		t.of = map[uintptr]note{}
	}
	x := note{size: n, usable: usable, born: born, sample: sample{t.samples.record(where), weightOf(n, rate), t.samples.epoch}}
	x.sample.begin(n, usable, allocated)
	t.of[p] = x
	t.mu.Unlock()
	if state, _ := e.Slot(p); !mheap.NoteSlot(state) {
		t.end(p)
	}
}

// hold takes an allocated block out of its caller's hands. It tells what the state was, and whether the caller was the one
// who did, and not another who freed the same block. The slot is the caller's then, but has to wait if the block was owned.
func hold(state uintptr) (was uint8, won bool) {
	was = mheap.SlotState(state)
	if mheap.Owned(was) {
		return was, mheap.FreeSlot(state, mheap.Away)
	}
	return was, mheap.Allocated(was) && mheap.FreeExactly(state, was)
}

// freeState is hold for the block at p, and takes away its note if it has one.
func (h *Heap) freeState(p, state uintptr) (was uint8, won bool) {
	was, won = hold(state)
	if won && was == mheap.Noted {
		h.notes.end(p)
	}
	return was, won
}

// end takes away the note of the block at p, whose state is Held, and returns when the block was born.
func (t *notes) end(p uintptr) (born time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.of[p]
	delete(t.of, p)
	x.sample.freed(x.size, x.usable)
	return x.born
}

// resize makes n the bytes asked for of the block at p, if it has a note.
func (t *notes) resize(p, n uintptr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x, noted := t.of[p]; noted {
		x.sample.resized(x.size, n, x.usable)
		x.size = n
		t.of[p] = x
	}
}

// usable returns how many bytes the block at p, which has a note, could hold; 0 when it was freed meanwhile.
func (t *notes) usable(p uintptr) uintptr {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of[p].usable
}

// size returns how many bytes were asked for of the block at p, which has a note; 0 when it was freed meanwhile.
func (t *notes) size(p uintptr) uintptr {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of[p].size
}

// drop forgets all notes, and what was sampled.
func (t *notes) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of, t.samples = nil, samples{}
}

// sampled returns what was ever sampled.
func (t *notes) sampled() []placedCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.samples.all()
}

// cut returns what was sampled since it was called before.
func (t *notes) cut() []placedCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.samples.cut()
}

// noted tells whether the block at p, whose page's entry is e, has a note.
func noted(e mheap.Entry, p uintptr) bool {
	state, _ := e.Slot(p)
	return mheap.SlotState(state) >= mheap.Noted
}

// verifyNotes checks that there are as many notes as Noted blocks, and each of one.
func (h *Heap) verifyNotes() error {
	t := &h.notes
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := range t.of {
		if e := mheap.EntryOf(p); !e.InUse() || !noted(e, p) {
			return fmt.Errorf("notes: the block at %#x has a note and is not noted: %v", p, e.Span())
		}
	}
	blocks := 0
	h.pages.Walk(func(s *mheap.Span) {
		for i := range uintptr(s.Slots()) {
			if mheap.SlotState(s.State(i)) >= mheap.Noted {
				blocks++
			}
		}
	})
	if blocks != len(t.of) {
		return fmt.Errorf("notes: there are %d, a recount finds %d noted blocks", len(t.of), blocks)
	}
	return nil
}
