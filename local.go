package spanheap

import (
	"runtime"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Local is a cache that one goroutine has to itself: a worker's, a shard's, an event loop's. Its
// methods need not ask on which P the goroutine runs. The blocks are ordinary blocks of the heap: anyone may free
// them, by any way, and a Local frees any block of its heap.
//
// A Local comes from Heap.Local; calls of its zero value panic. It must not be used by two goroutines at once: both might get the
// same block, or a call never return. Builds with the race detector report it, as a data race or by a panic; those with the
// tag spanheap_debug panic when two calls meet.
//
// What a Local holds, as much as a P may, neither Release nor an allocation at a limit can collect, but for what others
// sent it; Close gives it back, the heap's as well, but for some 28 KiB of records, which are the heap's next Local's. A Local
// that is dropped without Close is closed when the collector finds it. The first sixty or so Locals and Ps of a heap free their
// own blocks with a plain store, later ones with an atomic step, which takes several times as long.
type Local struct {
	use     localUse
	cache   *mcache.Cache // Nobody's after Close, the heap's too, and where there was no memory for one
	key     mheap.Key     // the heap's
	heap    *Heap
	closed  bool
	cleanup runtime.Cleanup // of the cache
}

// Local returns a new cache for the calling goroutine, or for another that it is handed to. Where there is no memory
// for a cache, or the heap is closed, the Local does without: each of its calls is the heap's own, errors included.
func (h *Heap) Local() *Local {
	l := &Local{key: h.key, heap: h, cache: mcache.Nobody()}
	_, err := h.insist(0, func() (_ uintptr, err error) {
		c, err := h.caches.Lease()
		if err == nil {
			l.cache = c
		}
		return 0, err
	})
	if err == nil {
		l.cleanup = runtime.AddCleanup(l, h.takeLocal, l.cache)
		h.locals.add(l)
	}
	return l
}

// takeLocal takes back the cache of a Local.
func (h *Heap) takeLocal(c *mcache.Cache) {
	h.locals.remove(c)
	h.caches.Return(c)
}

// Close gives back what the Local holds. Its blocks live on. Afterwards Alloc, AllocUninit, Realloc and Close return ErrClosed;
// Free goes on, by way of the heap.
func (l *Local) Close() error {
	l.use.begin()
	defer l.use.end()
	if l.closed {
		return localClosed{}
	}
	l.closed = true
	if c := l.cache; c != mcache.Nobody() {
		l.cleanup.Stop()
		l.cache = mcache.Nobody()
		l.heap.takeLocal(c)
	}
	runtime.KeepAlive(l)
	return nil
}

// localClosed is ErrClosed of a Local, whose heap may be open.
type localClosed struct{}

func (localClosed) Error() string { return "spanheap: the Local is closed" }

func (localClosed) Is(target error) bool { return target == ErrClosed }

// AllocUninit returns a block of n bytes whose contents are undefined. See Heap.AllocUninit.
//
//go:noinline
//go:nosplit
func (l *Local) AllocUninit(n int) ([]byte, error) { // not split, which spares the look at the stack
	if c := l.cache; uintptr(n) <= sizeclass.MaxSmall {
		l.use.begin()
		class := mheap.SmallNoscan(uintptr(n))
		if p := c.Next(class); c.Covers(class, uintptr(n)) && p != 0 {
			c.Take(class, uintptr(n))
			l.use.end()
			raceAlloc(p, uintptr(n))
			return smallBytesAt(p, n), nil
		}
		l.use.end()
	}
	return l.allocBytes(n, false)
}

// Alloc returns a block of n zeroed bytes. See Heap.Alloc.
//
//go:noinline
//go:nosplit
func (l *Local) Alloc(n int) ([]byte, error) {
	if c := l.cache; uintptr(n) <= sizeclass.MaxSmall {
		l.use.begin()
		class := mheap.SmallNoscan(uintptr(n))
		if p := c.Next(class); c.Covers(class, uintptr(n)) && p != 0 {
			c.Take(class, uintptr(n))
			l.use.end()
			raceAlloc(p, uintptr(n))
			b := smallBytesAt(p, n)
			clear(b)
			return b, nil
		}
		l.use.end()
	}
	return l.allocBytes(n, true)
}

// allocBytes is the way when there is no slot at hand, or none for the size.
func (l *Local) allocBytes(n int, zero bool) ([]byte, error) {
	l.use.begin()
	c, h, closed := l.cache, l.heap, l.closed
	l.use.end()
	if closed {
		return nil, localClosed{}
	}
	if c == mcache.Nobody() || n <= 0 || n > sizeclass.MaxSmall || h.checks != nil {
		if zero {
			return h.Alloc(n)
		}
		return h.AllocUninit(n)
	}
	size := uintptr(n)
	p, err := h.obtain(c, size, func() (p, rate uintptr, err error) {
		l.use.begin()
		defer l.use.end()
		return h.caches.Alloc(c, mheap.SmallNoscan(size), size)
	})
	runtime.KeepAlive(l)
	if err != nil {
		return nil, err
	}
	raceAlloc(p, size)
	b := bytesAt(p, n)
	if zero {
		clear(b)
	}
	return b, nil
}

// Realloc changes the size of a block of the Local's heap, whoever allocated it. See Heap.Realloc. A small block that must move
// goes the way of Free, and the new one comes as from AllocUninit. After Close it returns ErrClosed, and b stays valid.
func (l *Local) Realloc(b []byte, n int) ([]byte, error) {
	l.use.begin()
	h, here, closed := l.heap, l.cache != mcache.Nobody() && l.heap.checks == nil, l.closed
	l.use.end()
	switch {
	case closed:
		return nil, localClosed{}
	case cap(b) == 0:
		return l.Alloc(n)
	case !here || cap(b) > sizeclass.MaxSmall || uint(n-1) >= sizeclass.MaxSmall:
		return h.Realloc(b, n)
	}
	p := addressOf(b)
	if e := h.liveBlock("Realloc", p); goodSize(uintptr(n)) == usableSize(e, p) {
		return h.Realloc(b, n)
	}
	moved, err := l.AllocUninit(n)
	if err != nil {
		return nil, err
	}
	clear(moved[copy(moved, b):])
	freeMoved(l.Free, b, moved)
	return moved, nil
}

// Free gives back a block of the Local's heap, whoever allocated it. See Heap.Free.
func (l *Local) Free(b []byte) { l.freeBlock(addressOf(b), uintptr(cap(b))) }

// freeBlock is Free of the block of n bytes at p. It is not split: between the look at a block that the Local owns and the
// store that frees it nothing stops the goroutine.
//
//go:noinline
//go:nosplit
func (l *Local) freeBlock(p, n uintptr) {
	if c := l.cache; n <= sizeclass.MaxSmall {
		class := mheap.SmallNoscan(n)
		if found := l.key.Find(p); found.Own(p) {
			e := found.Arena().Entry(p)
			if spot := e.Spot(class, p); e.Class() == class && spot.First(class) {
				state := e.StateOf(spot)
				if s := mheap.SlotState(state); c.Owns(s) && c.HasRoom(class) {
					raceFree(p, n)
					l.use.begin()
					c.Push(class, p, state, n)
					l.use.end()
					return
				} else if mheap.IsLive(s) {
					l.freeOtherwise(p, state, n)
					return
				}
			}
		}
	}
	l.freeElsewhere(p, n)
}

// freeElsewhere is freeBlock of a block that has not the slot that its size leads to, or is not of the heap, or is noted.
// The slot of a noted one is the Local's as well: given to the P, and from there to others, it would lie among theirs.
//
//go:noinline
func (l *Local) freeElsewhere(p, n uintptr) {
	if l.cache == mcache.Nobody() || n-1 >= sizeclass.MaxSmall {
		l.use.begin() // with what others do here meanwhile
		l.use.end()
		l.heap.freeBlock(p, n)
		return
	}
	l.use.begin()
	defer l.use.end()
	l.heap.free(l.cache, "Free", p, n)
	runtime.KeepAlive(l)
}

// freeOtherwise gives back the block of n bytes at p, whose state was seen Live, where the Local does not own it or has
// no room.
func (l *Local) freeOtherwise(p, state, n uintptr) {
	c, class, freed := l.cache, mheap.SmallNoscan(n), true
	if c == mcache.Nobody() {
		l.heap.freeBlock(p, n)
		return
	}
	raceFree(p, n)
	l.use.begin()
	owned := c.Owns(mheap.SlotState(state))
	if owned || !c.HasRoomAside() {
		l.heap.caches.MakeRoom(c, class, 0)
	}
	switch {
	case owned && l.freeOwn(class, p, state, n):
	case !owned && c.HasRoomAside():
		if freed = c.FreeAside(state); freed {
			c.PutAside(class, p, state, n)
		}
	default:
		var was uint8
		if was, freed = hold(state); freed {
			l.heap.caches.Free(c, class, p, state, n, mheap.Owned(was))
		}
	}
	l.use.end()
	runtime.KeepAlive(l)
	if !freed {
		panic(misuse("Free", DoubleFree, p))
	}
	l.heap.tellOfDoubleFree("Free")
}

// freeOwn gives back the block at p if the Local owns it and has room; it tells whether it did. Like freeBlock it is not split.
//
//go:noinline
//go:nosplit
func (l *Local) freeOwn(class mheap.SpanClass, p, state, n uintptr) bool {
	c := l.cache
	own := c.Owns(mheap.SlotState(state)) && c.HasRoom(class)
	if own {
		c.Push(class, p, state, n)
	}
	return own
}
