package mheap

import (
	"errors"

	"github.com/spanheap/spanheap/arena"
)

// Huge pages are for dense arenas: those whose pages are mostly in use, so that little memory is backed for
// nothing, and little of what is huge is torn apart by what goes back. An arena becomes dense when seven
// eighths of its pages are in use, and is so until half of them are not.

// HugePages is what a heap does with its dense arenas.
type HugePages uint8

const (
	HugeOff      HugePages = iota // nothing: the system's own settings hold
	HugeOn                        // ask for huge pages from then on
	HugeCollapse                  // and put what is there into them, a stretch with every span that is allocated
)

const (
	densePages  = pagesPerArena / 8 * 7
	sparsePages = pagesPerArena / 2

	stretchPages   = arena.HugePage >> PageShift
	arenaStretches = arena.Size / arena.HugePage
)

// density is what an arena's record tells of huge pages. Guarded by the heap's lock.
type density struct {
	used  uint32 // pages in spans in use; counted by heaps that use huge pages alone
	asked uint32 // 1 while the system is asked for huge pages
	next  uint32 // the stretch to collapse next
	dense uint32 // 1 while the arena is dense
}

// UseHugePages sets what the heap does. It is called before the first Alloc.
func (h *Heap) UseHugePages(huge HugePages) { h.huge = huge }

// count adds to the pages in use of the arenas that hold npages at base, which came into use or went out
// of it. The caller holds h.mu.
func (h *Heap) count(base, npages uintptr, inUse bool) {
	if h.huge == HugeOff {
		return
	}
	for npages > 0 {
		a := ArenaOf(base)
		n := min(npages, (a.region.Base+arena.Size-base)>>PageShift)
		if inUse {
			a.used += uint32(n)
		} else {
			a.used -= uint32(n)
		}
		h.settle(a)
		base, npages = base+n<<PageShift, npages-n
	}
}

// settle makes a dense or sparse, if it is by now.
func (h *Heap) settle(a *Arena) {
	switch {
	case a.dense == 0 && a.used >= densePages:
		a.dense, a.next = 1, 0
		if h.advise(arena.HugeOn, a.region.Base, arena.Size) {
			a.asked = 1
			h.hugeBytes.Add(arena.Size)
		}
		if h.huge == HugeCollapse {
			h.toCollapse = append(h.toCollapse, a)
		}
	case a.dense == 1 && a.used <= sparsePages:
		a.dense = 0
		h.unadvise(a)
	}
}

// unadvise ends what was asked of the system for a, as far as it does: on Linux a is kept from huge pages
// then, until it is dense again.
func (h *Heap) unadvise(a *Arena) {
	if a.asked == 1 {
		h.advise(arena.HugeOff, a.region.Base, arena.Size)
		a.asked = 0
		h.hugeBytes.Add(^uint64(arena.Size - 1))
	}
}

// advise tells whether the system took the advice. One that has none is not asked again.
func (h *Heap) advise(a arena.Advice, base, size uintptr) bool {
	if h.noAdvice.Load() {
		return false
	}
	err := h.space.System().Advise(a, base, size)
	if a == arena.HugeOn && errors.Is(err, errors.ErrUnsupported) {
		h.noAdvice.Store(true)
	}
	return err == nil
}

// collapse puts one stretch of a dense arena that is wholly in use into a huge page, if there is one. The
// system is called without the lock: a stretch that goes out of use meanwhile is huge nonetheless, until its
// pages are given back or used again.
func (h *Heap) collapse() {
	if h.huge != HugeCollapse {
		return
	}
	h.mu.Lock()
	base := h.nextStretch()
	h.mu.Unlock()
	if base != 0 {
		h.advise(arena.HugeNow, base, arena.HugePage)
	}
}

// nextStretch returns the next stretch to collapse, or 0. Each is returned once while its arena is dense.
func (h *Heap) nextStretch() uintptr {
	for len(h.toCollapse) > 0 {
		a := h.toCollapse[0]
		for a.dense == 1 && a.next < arenaStretches {
			base := a.region.Base + uintptr(a.next)*arena.HugePage
			a.next++
			if a.wholeInUse(base) {
				return base
			}
		}
		h.toCollapse = h.toCollapse[1:]
	}
	return 0
}

// wholeInUse tells whether all pages of the stretch at base are in use.
func (a *Arena) wholeInUse(base uintptr) bool {
	for p := base; p < base+arena.HugePage; p += PageSize {
		if !a.Entry(p).InUse() {
			return false
		}
	}
	return true
}
