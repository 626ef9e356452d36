package spanheap

import (
	"fmt"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Realloc returns a block of n bytes that begins with the first min(len(b), n) bytes of b and is
// zero behind them; b must not be used any more. Realloc of nil, or of a block of 0 bytes, is Alloc;
// n == 0 frees b. On an error, which is one of Alloc's, b stays valid. Realloc panics with a *MisuseError
// when b is no live block of h.
//
// The block stays where it is when n gets a slot of the size it has, unless it is guarded (Options.Guard). A
// block above 32 KiB also stays when the pages behind it are free, or to become shorter, as long as it is above
// 32 KiB: its tail is given back to the heap when it is an eighth of the block or more. Where it must move, its
// bytes are copied; but from 1 MiB on, where the heap has no free memory for them, or above 16 MiB, its pages are moved
// if the system can (Linux), which costs neither a copy nor memory for two.
// A block that grew by moving lies where it can grow on, if there is such a place.
func (h *Heap) Realloc(b []byte, n int) ([]byte, error) {
	if cap(b) == 0 {
		return h.Alloc(n)
	}
	if moved := h.moveSmall(b, n); moved != nil {
		return moved, nil
	}
	p := addressOf(b)
	e := h.liveBlock("Realloc", p)
	if n < 0 || uintptr(n) > maxBytes {
		return nil, fmt.Errorf("spanheap: %w: %d bytes", ErrSize, n)
	}
	if n == 0 {
		h.free(nil, "Realloc", p, uintptr(cap(b)))
		return h.Alloc(0)
	}
	if h.checks != nil {
		return h.reallocChecked(b, e, uintptr(n))
	}
	guarded := e.Class() == mheap.Guarded
	if !guarded && goodSize(uintptr(n)) == usableSize(e, p) {
		h.caches.Recount(e.Class(), uintptr(n)-min(uintptr(cap(b)), usableSize(e, p)))
		if noted(e, p) {
			h.notes.resize(p, uintptr(n))
		}
		grown := bytesAt(p, n)
		if n > len(b) {
			clear(grown[len(b):])
		}
		return grown, nil
	}
	if e.Class().Large() && uintptr(n) > sizeclass.MaxSmall {
		return h.reallocLarge(b, e, uintptr(n))
	}
	return h.move(b, e, uintptr(n))
}

// mostCopied bounds the bytes that moveSmall copies, since nobody can stop the caller meanwhile.
const mostCopied = 1 << 10

// moveSmall is Realloc of a small block to one of n bytes in another class, when the P's cache has what it takes; else
// it does nothing and returns nil. As in move, the block's slot is Held before its bytes are copied.
//
//go:noinline
//go:nosplit
func (h *Heap) moveSmall(b []byte, n int) []byte {
	p, was := addressOf(b), uintptr(cap(b))
	if was-1 >= sizeclass.MaxSmall || uint(n-1) >= sizeclass.MaxSmall || min(len(b), n) > mostCopied {
		return nil
	}
	from, to := mheap.SmallNoscan(was), mheap.SmallNoscan(uintptr(n))
	if from == to {
		return nil
	}
	c := h.caches.Visit(mcache.Here())
	if found := h.key.Find(p); found.Own(p) && c.HasRoom(from) {
		e := found.Arena().Entry(p)
		if spot := e.Spot(from, p); e.Class() == from && spot.First(from) {
			state, q := e.StateOf(spot), c.Next(to)
			if c.Owns(mheap.SlotState(state)) && q != 0 && c.Covers(to, uintptr(n)) {
				c.Take(to, uintptr(n))
				raceAlloc(q, uintptr(n))
				moved := smallBytesAt(q, n)
				raceFree(p, was)
				c.Push(from, p, state, was)
				kept := copy(moved, b)
				h.caches.Done(c)
				clear(moved[kept:])
				return moved
			}
		}
	}
	h.caches.Done(c)
	return nil
}

// move is Realloc to another block of n bytes. Meanwhile its slot is Held or Away, so that a free of it by
// somebody else is the misuse that it is.
func (h *Heap) move(b []byte, e mheap.Entry, n uintptr) ([]byte, error) {
	p := addressOf(b)
	state, _ := e.Slot(p)
	was, won := hold(state)
	if !won {
		panic(misuse("Realloc", DoubleFree, p))
	}
	stays := true // also if OnLimit panics
	defer func() {
		if stays {
			mheap.Unfree(mheap.Slot{Addr: p, State: state}, e.Class(), was)
		}
	}()
	class, asked := e.Class(), min(uintptr(cap(b)), blockBytes(e))
	if class == mheap.Guarded {
		class = h.guards.at(p).class
	}
	q, err := h.allocate(n, class.Noscan(), false)
	if err != nil {
		return nil, err
	}
	moved := bytesAt(q, int(n))
	clear(moved[copy(moved, b):])
	stays = false
	raceFree(p, asked)
	if was == mheap.Noted {
		h.notes.end(p)
	}
	h.takeBack(nil, e, p, state, asked, was)
	return moved, nil
}

// freeMoved frees b, a block whose bytes have been copied to a new one; or the new one, when another has freed b meanwhile.
func freeMoved(free func([]byte), b, moved []byte) {
	freed := false
	defer func() {
		if !freed {
			free(moved)
			panicAs("Realloc", recover())
		}
	}()
	free(b)
	freed = true
}

// panicAs goes on with a panic that came of a free on behalf of another call, op.
func panicAs(op string, r any) {
	if m, ok := r.(*MisuseError); ok {
		m.Op = op
	}
	panic(r)
}

// Realloc changes the size of a block of any heap. A block of 0 bytes grows on the default heap.
// See Heap.Realloc.
func Realloc(b []byte, n int) ([]byte, error) {
	if cap(b) == 0 {
		return Default().Realloc(b, n)
	}
	h := heapOf(addressOf(b))
	if h == nil {
		panic(misuse("Realloc", ForeignAddress, addressOf(b)))
	}
	return h.Realloc(b, n)
}

// GoodSize returns how many bytes a block of n bytes really has: asking for so many costs no more
// memory. It returns 0 for n <= 0, and n for sizes that Alloc refuses.
func GoodSize(n int) int {
	if n <= 0 {
		return 0
	}
	if uintptr(n) > maxBytes {
		return n
	}
	return int(goodSize(uintptr(n)))
}

func goodSize(n uintptr) uintptr {
	switch {
	case n <= mheap.TinyMax:
		return mheap.TinyMax
	case n <= sizeclass.MaxSmall:
		return uintptr(sizeclass.Size[sizeclass.Of(n)])
	}
	return (n + mheap.PageSize - 1) &^ (mheap.PageSize - 1)
}

// UsableSize returns how many bytes the block b, of any heap, could hold: at least cap(b), and
// GoodSize of what was asked for unless it was asked for aligned, or became a little shorter; in a heap at a DebugLevel
// what was asked for, since a canary lies behind it. It is 0 for nil and for blocks of 0 bytes. Like Free it panics when
// b is no live block.
func UsableSize(b []byte) int {
	if cap(b) == 0 {
		return 0
	}
	p := addressOf(b)
	e, kind := lookUp(p)
	if kind != 0 {
		panic(misuse("UsableSize", kind, p))
	}
	if h := heapOf(p); h != nil && h.checks != nil {
		return int(h.notes.size(p))
	}
	return int(usableSize(e, p))
}

// usableSize returns how many bytes the block at p has, whose page's entry is e.
func usableSize(e mheap.Entry, p uintptr) uintptr {
	if noted(e, p) {
		return heapOf(p).notes.usable(p)
	}
	return blockBytes(e)
}
