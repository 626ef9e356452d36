package spanheap

import (
	"fmt"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Batches: many blocks for one pin.

// runLength is how many blocks of a batch are dealt with at most while pinned. What stops the world waits for them: a microsecond
// or two, some ten where their states lie in no cache of the processor.
const runLength = 512

// AllocBatch fills dst with blocks of n bytes whose contents are undefined, and returns how many it
// made: len(dst), or fewer with the error that kept it from going on, which counts blocks from 0; those it made stay
// valid. So do those in dst if it panics, as it may at a DebugLevel, or like AllocUninit: pass a cleared dst to tell which
// these are. See AllocUninit.
func (h *Heap) AllocBatch(n int, dst [][]byte) (int, error) {
	if n < 0 {
		_, err := h.AllocUninit(n) // of no block in particular
		return 0, err
	}
	made := 0
	for made < len(dst) {
		if uintptr(n)-1 < sizeclass.MaxSmall {
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
			return made, shortBatch(made, len(dst), err)
		}
		dst[made] = b
		made++
	}
	return made, nil
}

// shortBatch is the error of a batch that came so far. It is not inlined: the way there is hot.
//
//go:noinline
func shortBatch(made, wanted int, err error) error {
	return fmt.Errorf("spanheap: block %d of %d: %w", made, wanted, err)
}

// popRun makes blocks of as many slots as the cache gives without its slow path, up to len(dst).
func popRun(c *mcache.Cache, class mheap.SpanClass, n uintptr, dst [][]byte) int {
	slot, count := c.PopRun(class, n, len(dst))
	live, size := c.LiveState(), int(uint16(n))
	made := dst[:count]
	for i := range made {
		slot = slot.Below()
		mheap.SetSlotState(slot.State, live)
		raceAlloc(slot.Addr, n)
		made[i] = runBytesAt(slot.Addr, size)
	}
	return count
}

// FreeBatch gives back blocks of h, in order, as Free does each of them; nil ones are left alone. It
// panics with a *MisuseError at the first that is no live block, whose Index tells its place: the
// blocks before it are freed then, it and those behind it are not. With MisuseError.FoundLater it is freed too.
func (h *Heap) FreeBatch(bs [][]byte) {
	for i := 0; i < len(bs); {
		n := uintptr(cap(bs[i]))
		if n-1 < sizeclass.MaxSmall {
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

// pushRun frees the blocks that head bs as long as they are live and of the class, lie in one arena, have the same
// capacity, and find room.
func (h *Heap) pushRun(c *mcache.Cache, class mheap.SpanClass, bs [][]byte) (freed int) {
	p := addressOf(bs[0])
	a := h.key.ArenaOf(p)
	if a == nil {
		return 0
	}
	var run freeRun
	run.find.Aim(a, class, p)
	run.bytes = uintptr(cap(bs[0]))
	isRow := run.isRow(bs)
	for {
		place, room := c.Room(class)
		own, rest := 0, bs[freed:min(len(bs), freed+room)]
		if isRow {
			own = run.ownRow(c, place, rest)
		} else {
			own = run.own(c, place, rest)
		}
		c.PushRun(class, own, uintptr(own)*run.bytes)
		if freed += own; freed == len(bs) {
			return freed
		}
		others := run.others(c, bs[freed:])
		freed += others
		if own+others == 0 {
			return freed
		}
	}
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
