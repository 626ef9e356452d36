package spanheap

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/spanheap/spanheap/mheap"
)

// Limits on backed memory. The page heaps' budgets keep them, at every commit. Here is what is done before an
// allocation fails by one: free memory that does not fit goes back to the operating system, then what caches
// hold, then what lies under free slots between live blocks, then what the owner of the blocks can spare.

// SetLimit sets the hard limit of h's backed bytes (Stats.Backed, metadata included); 0 or less is none. It
// returns the limit before, 0 for none. When it returns, nothing more is backed beyond the limit, exactly,
// whatever goroutines do: allocations that would need it return ErrLimit, until enough is freed. If more is
// backed already, free memory goes back to the operating system, as much as there is. The soft
// limit moves along: it is Options.SoftLimit, but no more than the limit; or 7/8 of the limit.
func (h *Heap) SetLimit(bytes int64) (old int64) {
	old = setLimit(h.pages.Budget(), bytes, h.soft)
	h.giveBack(h.pages.Budget().AboveSoft(0))
	return old
}

// SetProcessLimit sets the hard limit of what all heaps together have backed, in bytes, as Heap.SetLimit
// does for one: an allocation must be within both. The soft limit is 7/8 of it. An allocation that would
// exceed it squeezes all heaps, but asks only its own heap's OnLimit.
func SetProcessLimit(bytes int64) (old int64) {
	old = setLimit(&mheap.Process, bytes, 0)
	giveBackAll(mheap.Process.AboveSoft(0))
	return old
}

// Backed returns how many bytes h has backed: Stats.Backed at this moment, exactly, for the cost of a load.
func (h *Heap) Backed() uint64 { return h.pages.Budget().Backed() }

// ProcessBacked returns how many bytes all heaps together have backed, as Heap.Backed does.
func ProcessBacked() uint64 { return mheap.Process.Backed() }

func setLimit(b *mheap.Budget, limit, soft int64) (old int64) {
	limit = max(limit, 0)
	switch {
	case soft <= 0:
		soft = limit - limit/8
	case limit > 0:
		soft = min(soft, limit)
	}
	return int64(b.SetLimit(uint64(limit), uint64(soft)))
}

// giveBack releases up to n bytes, and returns how many, after a drain if there are fewer, and then of spans
// with live blocks too.
func (h *Heap) giveBack(n uint64) uint64 {
	if h.pages.Usage().FreePages < n {
		h.emptyQuarantine("Release")
		h.drain(true, 0)
	}
	released := h.releasePages(n)
	return released + h.hollow(n-min(released, n))
}

// hollow gives back up to n bytes under the free slots of spans with live blocks, and returns how many, with
// what makes up the last span's.
func (h *Heap) hollow(n uint64) (gave uint64) {
	walk := h.caches.Walk(0)
	for more := n > 0; more && gave < n; {
		var bytes uintptr
		bytes, more = walk.Step()
		gave += uint64(bytes)
	}
	return gave
}

// releasePages releases up to n bytes, and returns how many. If there are fewer, it waits for those that others
// are giving back.
func (h *Heap) releasePages(n uint64) uint64 {
	released := uint64(h.pages.Release(uintptr(min(n, math.MaxInt))))
	if released < n {
		h.pages.Settle()
	}
	return released
}

// giveBackAll releases up to n bytes of whatever heaps.
func giveBackAll(n uint64) {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	for id := range registry.heaps {
		if n == 0 {
			return
		}
		if h := registry.heaps[id].Load(); h != nil {
			n -= min(n, h.giveBack(n))
		}
	}
}

// headroom is how many bytes an allocation may need beside its own: the rest of a span, and records.
const headroom = 256 << 10

// relieve makes room for n bytes, which a limit has refused with err, by one measure after the other, and
// tries again after each.
func (h *Heap) relieve(n uintptr, alloc func() (uintptr, error), err error) (uintptr, error) {
	b, need := h.pages.Budget(), uint64(n)+headroom
	if metadata, _ := h.pages.Meta().Backed(); !b.Admits(uint64(n) + metadata) {
		return 0, err
	}
	h.releasePages(b.AboveLimit(need))
	h.pages.Settle()
	p, err := alloc()
	for asked := range maxAsks {
		if err == nil || !errors.Is(err, ErrLimit) {
			return p, err
		}
		h.drain(asked > 0 || h.onLimit == nil, need)
		h.releasePages(b.AboveLimit(need))
		giveBackAll(mheap.Process.AboveLimit(need))
		if p, err = alloc(); err == nil || !h.ask(int(max(uint64(n), b.AboveLimit(uint64(n))))) {
			return p, err
		}
		p, err = alloc()
	}
	return p, err
}

// maxAsks is how often OnLimit is asked for one allocation.
const maxAsks = 64

// asking lets one goroutine at a time ask a heap's OnLimit.
type asking struct {
	mu        sync.Mutex
	goroutine atomic.Uint64 // that holds mu
}

// ask asks OnLimit to free, and tells whether it did. Whoever comes meanwhile waits, and is told that it
// did. An allocation of OnLimit's own is refused.
func (h *Heap) ask(need int) (freed bool) {
	if h.onLimit == nil {
		return false
	}
	me := goroutine()
	if !h.asking.mu.TryLock() {
		if h.asking.goroutine.Load() == me {
			return false
		}
		h.asking.mu.Lock()
		h.asking.mu.Unlock()
		return true
	}
	h.asking.goroutine.Store(me)
	defer func() {
		h.asking.goroutine.Store(0)
		h.asking.mu.Unlock()
	}()
	return h.onLimit(need)
}

// goroutine returns the number that heads the calling goroutine's stack trace.
func goroutine() uint64 {
	var buf [64]byte
	trace := buf[len("goroutine "):runtime.Stack(buf[:], false)]
	digits, _, _ := bytes.Cut(trace, []byte(" "))
	n, _ := strconv.ParseUint(string(digits), 10, 64)
	return n
}
