package spanheap_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// TestTransitions makes everything happen that can happen to a slot, a tiny slot, a span, a large object and
// a P's cache (doc.go and model/ say what that is), while other goroutines work on the same heap, with fewer
// and with more Ps than processors. Each transition is tried until its effect is seen; the others may
// be quicker and take a slot away before it is looked at, so not every try counts.
func TestTransitions(t *testing.T) {
	for _, procs := range []int{1, 2, 8, 64} {
		t.Run(fmt.Sprint(procs), func(t *testing.T) {
			profileRate(t, 0)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			d := driver{T: t, stress: stress{heap: newHeap(t)}, procs: procs}
			stop := d.startOthers(2 * min(procs, 4))
			tries := make([]int, len(transitions))
			rounds := loops(4)
			for range rounds {
				for i, x := range transitions {
					for seen := false; !seen; tries[i]++ {
						require.Less(t, tries[i], 10_000, "does not happen: %s", x.name)
						seen = x.happens(&d)
						runtime.Gosched()
					}
				}
			}
			stop()
			for i, x := range transitions {
				t.Logf("%d times in %d tries: %s", rounds, tries[i], x.name)
			}
			require.NoError(t, d.clear())
			closeEmpty(t, d.heap)
		})
	}
}

// A driver makes transitions happen on a heap that others use too.
type driver struct {
	*testing.T
	stress
	procs int
	done  atomic.Int64 // by the others, in turns of a few operations
}

var transitions = []struct {
	name    string
	happens func(*driver) bool
}{
	{"slot: Held to Live, by an allocation", func(d *driver) bool {
		b := d.bytes(64)
		defer d.heap.Free(b)
		return stateOf(b) == mheap.Live
	}},
	{"slot: Live to Held, by a free", func(d *driver) bool {
		b := d.bytes(64)
		d.heap.Free(b)
		return stateOf(b) == mheap.Held
	}},
	{"slot: Live to Held, by another goroutine", func(d *driver) bool {
		b := d.bytes(64)
		inTurn(func() { d.heap.Free(b) })
		return stateOf(b) == mheap.Held
	}},
	{"slot: Live to Held, through a Local that did not allocate it", func(d *driver) bool {
		b, l := d.bytes(64), must(d.heap.Local())
		l.Free(b)
		defer l.Close()
		return stateOf(b) == mheap.Held
	}},
	{"slot: Live to Held, in a batch", func(d *driver) bool {
		var batch [4][]byte
		must(d.heap.AllocBatch(64, batch[:]))
		d.heap.FreeBatch(batch[:])
		return stateOf(batch[0]) == mheap.Held && stateOf(batch[3]) == mheap.Held
	}},
	{"slot: Live to Held, by one of two who free it at the same moment", func(d *driver) bool {
		x := must(spanheap.New[scanned](d.heap)) // which nobody else allocates
		var misuses atomic.Int32
		var ready sync.WaitGroup
		ready.Add(2)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				defer func() {
					if recover() != nil {
						misuses.Add(1)
					}
				}()
				ready.Done()
				ready.Wait()
				spanheap.Delete(x)
			})
		}
		both.Wait()
		require.EqualValues(d, 1, misuses.Load())
		return true
	}},
	{"slot: Held to Noted and to Held again, by a sample", func(d *driver) bool {
		spanheap.SetProfileRate(1)
		defer spanheap.SetProfileRate(0)
		b := d.bytes(64)
		noted := stateOf(b) == mheap.Noted
		d.heap.Free(b)
		return noted && stateOf(b) == mheap.Held
	}},
	{"slot: Held to InSpan, beside a live one", func(d *driver) bool {
		a, b := d.bytes(200), d.bytes(200)
		defer d.heap.Free(a)
		d.heap.Free(b)
		d.heap.Release(everything)
		return mheap.EntryOf(addressOf(b)).InUse() && stateOf(b) == mheap.InSpan
	}},

	{"tiny: a block freed, its neighbours live", func(d *driver) bool {
		blocks := d.tinySlot(nil)
		defer d.freeAll(blocks[1:])
		d.heap.Free(blocks[0])
		return len(blocks) > 1 && tinyState(blocks[0]) == mheap.Live
	}},
	{"tiny: the last block freed, after the slot was closed", func(d *driver) bool {
		blocks := d.tinySlot(nil)
		next := d.tinySlot(blocks) // another slot: the one before is closed, unless it is another P's
		d.freeAll(blocks)
		defer d.freeAll(next)
		return tinyState(blocks[0]) == mheap.Held
	}},
	{"tiny: the slot closed, after its last block was freed", func(d *driver) bool {
		blocks := d.tinySlot(nil)
		d.freeAll(blocks)
		if tinyState(blocks[0]) != mheap.Live {
			return false
		}
		next := d.tinySlot(blocks)
		defer d.freeAll(next)
		return tinyState(blocks[0]) == mheap.Held
	}},

	{"span: begun, filled up, with room again, empty and given back", func(d *driver) bool {
		var all []*scanned
		spans := func(is func(spanheap.Span) bool) (n int) {
			for s := range d.heap.Spans() {
				if s.State == spanheap.SpanInUse && !s.Noscan && is(s) {
					n++
				}
			}
			return n
		}
		full := func(s spanheap.Span) bool { return s.Live == s.Slots }
		room := func(s spanheap.Span) bool { return s.Live == s.Slots-1 && s.Cached == 0 }
		any := func(spanheap.Span) bool { return true }
		for spans(full) < 2 {
			all = append(all, must(spanheap.New[scanned](d.heap)))
		}
		spanheap.Delete(all[0])
		d.heap.Release(everything)
		withRoom := spans(room)
		for _, x := range all[1:] {
			spanheap.Delete(x)
		}
		d.heap.Release(everything)
		return withRoom == 1 && spans(any) == 0
	}},
	{"span: claimed by another cache", func(d *driver) bool {
		first, second := must(d.heap.Local()), must(d.heap.Local())
		a := must(first.AllocUninit(3000))
		defer d.heap.Free(a)
		require.NoError(d, first.Close())
		b := must(second.AllocUninit(3000))
		defer d.heap.Free(b)
		require.NoError(d, second.Close())
		return mheap.SpanOf(addressOf(a)) == mheap.SpanOf(addressOf(b))
	}},

	{"large: kept by a cache, and allocated again", func(d *driver) bool {
		a := d.bytes(100_000)
		d.heap.Free(a)
		b := d.bytes(100_000)
		defer d.heap.Free(b)
		return addressOf(a) == addressOf(b)
	}},
	{"large: kept by a cache, and taken from it", func(d *driver) bool {
		a := d.bytes(100_000)
		d.heap.Free(a)
		kept := mheap.EntryOf(addressOf(a)).InUse()
		d.heap.Release(everything)
		return kept && !mheap.EntryOf(addressOf(a)).InUse()
	}},

	{"cache: emptied while its owners come and go", func(d *driver) bool {
		before := d.done.Load()
		d.heap.Release(everything)
		runtime.Gosched()
		d.heap.Release(everything)
		return d.done.Load() > before
	}},
	{"cache: full of slots when its P goes, emptied, and in use when the P is back", func(d *driver) bool {
		runtime.GOMAXPROCS(d.procs + 2)
		d.onManyPs(2 * (d.procs + 2))
		cached := d.scannedSlots()
		runtime.GOMAXPROCS(d.procs)
		d.heap.Release(everything)
		emptied := d.scannedSlots() == 0
		runtime.GOMAXPROCS(d.procs + 2)
		d.onManyPs(2 * (d.procs + 2))
		again := d.scannedSlots()
		runtime.GOMAXPROCS(d.procs)
		return cached > 0 && emptied && again > 0
	}},
}

// scanned is what only the driver allocates, in span classes that the others do not use.
type scanned struct {
	next spanheap.Ptr[scanned]
	_    [500]byte
}

// startOthers has goroutines work on the heap until stop is called.
func (d *driver) startOthers(n int) (stop func()) {
	var stopped atomic.Bool
	var working sync.WaitGroup
	for w := range n {
		working.Go(func() {
			r := rand.New(rand.NewPCG(uint64(d.procs), uint64(w)))
			for turn := 0; !stopped.Load(); turn++ {
				if err := d.work(r, 20, uint64(turn*n+w)); err != nil {
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

// tinySlot allocates tiny blocks until one lies in another slot than those of before, and then those that
// share its slot; the blocks that fill the slots up in between are freed.
func (d *driver) tinySlot(before [][]byte) (blocks [][]byte) {
	slot := func(b []byte) uintptr { return addressOf(b) / mheap.TinySlot }
	for {
		b := d.bytes(7)
		switch {
		case len(blocks) > 0 && slot(b) == slot(blocks[0]):
			return append(blocks, b)
		case len(before) > 0 && slot(b) == slot(before[0]):
			d.heap.Free(b)
		default:
			d.freeAll(blocks)
			blocks = [][]byte{b}
		}
	}
}

// onManyPs has n goroutines allocate and free at once.
func (d *driver) onManyPs(n int) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for range 20 {
				spanheap.Delete(must(spanheap.New[scanned](d.heap)))
			}
		})
	}
	all.Wait()
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

// stateOf returns the state of the slot at which b begins or began.
func stateOf(b []byte) uint8 {
	state, _ := mheap.EntryOf(addressOf(b)).Slot(addressOf(b))
	return mheap.SlotState(state)
}

// tinyState is stateOf for a tiny block.
func tinyState(b []byte) uint8 {
	return mheap.SlotState(mheap.EntryOf(addressOf(b)).TinyState(addressOf(b)))
}
