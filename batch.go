package spanheap

import (
	"fmt"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Batches: many blocks for one pin.

// runLength is how many blocks of a batch are dealt with while pinned.
const runLength = 64

// AllocBatch fills dst with blocks of n bytes whose contents are undefined, and returns how many it
// made: len(dst), or fewer with the error that kept it from going on; those it made stay valid.
// See AllocUninit.
func (h *Heap) AllocBatch(n int, dst [][]byte) (int, error) {
	made := 0
	for made < len(dst) {
		if uint(n-smallest) <= sizeclass.MaxSmall-smallest {
			class := mheap.SmallNoscan(uintptr(n))
			c := h.caches.Enter()
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
			c := h.caches.Enter()
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

// pushRun frees the blocks that head bs as long as they are live, of the class, and find room. Blocks
// whose states share a word are freed by one atomic.
func (h *Heap) pushRun(c *mcache.Cache, class mheap.SpanClass, bs [][]byte) int {
	slots := c.Room(class)
	bs = bs[:min(len(bs), len(slots))]
	var group mheap.StateGroup
	first := 0                                              // the group's first block
	size, page, e := uintptr(0), uintptr(0), mheap.Entry(0) // of the block before: its size, its page and the page's entry
	i, bytes := 0, uintptr(0)
	for ; i < len(bs); i++ {
		p, n := addressOf(bs[i]), uintptr(cap(bs[i]))
		if n != size {
			if n-smallest > sizeclass.MaxSmall-smallest || mheap.SmallNoscan(n) != class {
				break
			}
			size = n
		}
		if p>>mheap.PageShift != page {
			a := h.key.ArenaOf(p)
			if a == nil {
				break
			}
			page, e = p>>mheap.PageShift, a.Entry(p)
		}
		state := e.LiveSlot(class, p)
		if state == 0 {
			break
		}
		raceFree(p, n)
		if !group.Add(state) {
			if won := group.Free(slots[first:i]); first+won < i {
				return h.pushed(c, class, bs[:first+won])
			}
			first = i
			group.Start(state)
		}
		slots[i] = mheap.Slot{Addr: p, State: state}
		bytes += n
	}
	if won := group.Free(slots[first:i]); first+won < i {
		return h.pushed(c, class, bs[:first+won])
	}
	c.PushRun(class, i, bytes)
	return i
}

// pushed ends the run of those blocks that have been freed and lie in the magazine's room.
func (h *Heap) pushed(c *mcache.Cache, class mheap.SpanClass, bs [][]byte) int {
	bytes := uintptr(0)
	for _, b := range bs {
		bytes += uintptr(cap(b))
	}
	c.PushRun(class, len(bs), bytes)
	return len(bs)
}

// freeOne frees the block that stands at place i of a batch.
func (h *Heap) freeOne(b []byte, i int) {
	defer func() {
		if r := recover(); r != nil {
			if m, ok := r.(*MisuseError); ok {
				m.Op, m.Index = "FreeBatch", i
			}
			panic(r)
		}
	}()
	h.Free(b)
}
