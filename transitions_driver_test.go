package spanheap_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/mheap"
)

// A driver makes transitions happen on a heap that others use too.
type driver struct {
	*testing.T
	stress
	procs int
	done  atomic.Int64 // by the others, in turns of a few operations
	turns sync.RWMutex // held by each of the others for a turn, and by who wants them to wait
}

// outcome is how often a transition was tried and seen.
type outcome struct{ tries, seen int }

func (o outcome) String() string { return fmt.Sprintf("%d of %d tries", o.seen, o.tries) }

// drive makes the transition happen twice, if there are Ps enough. It logs nothing while others work: where there
// is one processor for all, as in wasm, that may wait for them to be idle.
func (d *driver) drive(x transition) (o outcome) {
	const mostTries = 200 // one in ten of them succeeds, at worst
	for d.procs >= x.procs && o.seen < 2 && o.tries < mostTries {
		if o.tries++; x.happens(d) {
			o.seen++
		}
		runtime.Gosched()
	}
	return o
}

// scanned is what only the driver allocates, in span classes that the others do not use.
type scanned struct {
	next spanheap.Ptr[scanned]
	_    [500]byte
}

func (x *scanned) bytes() []byte { return bytesAt(uintptr(unsafe.Pointer(x)), 1) }

// startOthers has goroutines work on the heap until stop is called.
func (d *driver) startOthers(n int) (stop func()) {
	var stopped atomic.Bool
	var working sync.WaitGroup
	for w := range n {
		working.Go(func() {
			r := rand.New(rand.NewPCG(uint64(d.procs), uint64(w)))
			for turn := 0; !stopped.Load(); turn++ {
				d.turns.RLock()
				err := d.work(r, 20, uint64(turn*n+w))
				d.turns.RUnlock()
				if err != nil {
					d.Error(err)
					return
				}
				d.done.Add(1)
				runtime.Gosched()
			}
		})
	}
	return func() {
		stopped.Store(true)
		working.Wait()
	}
}

func (d *driver) bytes(n int) []byte { return must(d.heap.AllocUninit(n)) }

func (d *driver) freeAll(blocks [][]byte) {
	for _, b := range blocks {
		d.heap.Free(b)
	}
}

// scannedSlots returns how many free slots of the driver's own class lie in caches.
func (d *driver) scannedSlots() (n int) {
	for s := range d.heap.Spans() {
		if s.State == spanheap.SpanInUse && !s.Noscan {
			n += s.Cached
		}
	}
	return n
}

// inTurn runs f on another goroutine, and waits for it.
func inTurn(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// stateOf returns the state of the slot at which b begins or began; InSpan, too, when its span is gone.
func stateOf(b []byte) uint8 {
	e := mheap.EntryOf(addressOf(b))
	if !e.InUse() {
		return mheap.InSpan
	}
	state, _ := e.Slot(addressOf(b))
	return mheap.SlotState(state)
}

// doubleFreeOf tells whether free panicked as it should when the block is free, and where: on what stack.
func doubleFreeOf(free func()) (stack *runtime.Frames, refused bool) {
	stack, m := misuseOf(free)
	return stack, m != nil && m.Kind == spanheap.DoubleFree
}

// misuseOf returns the misuse that f panicked with, and on what stack, or nil.
func misuseOf(f func()) (stack *runtime.Frames, m *spanheap.MisuseError) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *spanheap.MisuseError:
			var callers [32]uintptr
			stack, m = runtime.CallersFrames(callers[:runtime.Callers(1, callers[:])]), r
		default:
			panic(r)
		}
	}()
	f()
	return nil, nil
}

// isAway tells whether the state is that of a slot that waits.
func isAway(state uint8) bool { return mheap.IsHeld(state) && state != mheap.Held }
