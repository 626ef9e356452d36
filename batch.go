package spanheap

import (
	"fmt"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Batches: many blocks for one pin.

// runLength is how many blocks of a batch are dealt with while pinned.
const runLength = 64

// AllocBatch fills dst with blocks of n bytes whose contents are undefined, and returns how many it
// made: len(dst), or fewer with the error that kept it from going on; those it made stay valid. So do those in
// dst if it panics, as it may at a DebugLevel.
// See AllocUninit.
func (h *Heap) AllocBatch(n int, dst [][]byte) (int, error) {
	made := 0
	for made < len(dst) {
		if uint(n-smallest) <= sizeclass.MaxSmall-smallest {
			class := mheap.SmallNoscan(uintptr(n))
			c := h.caches.Enter(mcache.Pin())
			made += popRun(c, class, uintptr(n), dst[made:min(len(dst), made+runLength)])
			h.caches.Leave(c)
			if made == len(dst) {
				break
			}
		}
		b, err := h.AllocUninit(n)
		if err != nil {
			return made, fmt.Errorf("block %d of %d: %w", made, len(dst), err)
		}
		dst[made] = b
		made++
	}
	return made, nil
}

// popRun pops as many slots as there are, up to len(dst).
func popRun(c *mcache.Cache, class mheap.SpanClass, n uintptr, dst [][]byte) int {
	slots := c.PopRun(class, n, len(dst))
	dst = dst[:len(slots)]
	for i := range dst {
		s := slots[len(slots)-1-i]
		mheap.SetSlotState(s.State, mheap.Live)
		raceAlloc(s.Addr, n)
		dst[i] = smallBytesAt(s.Addr, int(n))
	}
	return len(slots)
}

// FreeBatch gives back blocks of h, in order, as Free does each of them; nil ones are left alone. It
// panics with a *MisuseError at the first that is no live block, whose Index tells its place: the
// blocks before it are freed then, it and those behind it are not.
func (h *Heap) FreeBatch(bs [][]byte) {
	for i := 0; i < len(bs); {
		n := uintptr(cap(bs[i]))
		if n-smallest <= sizeclass.MaxSmall-smallest {
			class := mheap.SmallNoscan(n)
			c := h.caches.Enter(mcache.Pin())
			freed := h.pushRun(c, class, bs[i:min(len(bs), i+runLength)])
			h.caches.Leave(c)
			if i += freed; freed > 0 {
				continue
			}
		}
		h.freeOne(bs[i], i)
		i++
	}
}

// pushRun frees the blocks that head bs as long as they are live, of the class, and find room.
func (h *Heap) pushRun(c *mcache.Cache, class mheap.SpanClass, bs [][]byte) (freed int) {
	slots := c.Room(class)
	bs = bs[:min(len(bs), len(slots))]
	bytes := uintptr(0)
	for freed < len(bs) {
		found, n := h.liveRun(class, bs[freed:min(len(bs), freed+lookLength)], slots[freed:])
		won := mheap.FreeSlots(slots[freed : freed+found])
		bytes += uintptr(won) * n
		freed += won
		if won == 0 || won < found {
			break
		}
	}
	c.PushRun(class, freed, bytes)
	return freed
}

// lookLength is how many blocks are looked at before the first of them is freed: few, since another who frees
// one of them at that moment is noticed only as long as the block's slot is not used anew.
const lookLength = 16

// liveRun writes to slots those of the live blocks that head bs, as long as they are of the class, lie in one arena
// and have the same capacity, n. It returns how many there are.
func (h *Heap) liveRun(class mheap.SpanClass, bs [][]byte, slots []mheap.Slot) (count int, n uintptr) {
	first := addressOf(bs[0])
	n = uintptr(cap(bs[0]))
	a := h.key.ArenaOf(first)
	if a == nil || n-smallest > sizeclass.MaxSmall-smallest || mheap.SmallNoscan(n) != class {
		return 0, 0
	}
	find := mheap.FinderOf(class)
	slots = slots[:len(bs)]
	for i, b := range bs {
		p := addressOf(b)
		if uintptr(cap(b)) != n || (p^first)>>arena.Shift != 0 {
			return i, n
		}
		state := find.LiveSlot(a.Entry(p), p)
		if state == 0 {
			return i, n
		}
		raceFree(p, n)
		slots[i] = mheap.Slot{Addr: p, State: state}
	}
	return len(bs), n
}

// freeOne frees the block that stands at place i of a batch.
func (h *Heap) freeOne(b []byte, i int) {
	defer func() {
		if r := recover(); r != nil {
			if m, ok := r.(*MisuseError); ok {
				m.Index = i
			}
			panicAs("FreeBatch", r)
		}
	}()
	h.Free(b)
}
