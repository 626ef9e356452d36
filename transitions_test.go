package spanheap_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// TestTransitions makes everything happen that can happen to a slot, a span, a large object and
// a P's cache (doc.go and model/ say what that is), while other goroutines work on the same heap, with fewer
// and with more Ps than processors. Each transition is tried until its effect is seen; the others may
// be quicker and take a slot away before it is looked at, so not every try counts. What takes several Ps is
// in procs_test.go, and what a race detector reports, rightly, in doublefree_test.go.
func TestTransitions(t *testing.T) {
	for _, procs := range []int{1, 2, 8, 64} {
		t.Run(fmt.Sprint(procs), func(t *testing.T) {
			profileRate(t, 0)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			d := driver{T: t, stress: stress{heap: newHeap(t)}, procs: procs}
			stop := d.startOthers(2 * min(procs, 4))
			outcomes := make([]outcome, len(transitions))
			for i, x := range transitions {
				outcomes[i] = d.drive(x)
			}
			stop()
			for i, x := range transitions {
				t.Logf("%v: %s", outcomes[i], x.name)
				if procs >= x.procs && outcomes[i].seen == 0 {
					t.Errorf("does not happen: %s", x.name)
				}
			}
			require.NoError(t, d.clear())
			closeEmpty(t, d.heap)
		})
	}
}

// transition is a way to make one happen, and tells whether it did. It takes so many Ps.
type transition struct {
	name    string
	procs   int
	happens func(*driver) bool
}

var transitions = []transition{
	{"slot: InSpan to Held, into a magazine", 1, func(d *driver) bool {
		d.heap.Release(everything)
		before := d.scannedSlots()
		x := must(spanheap.New[scanned](d.heap))
		defer spanheap.Delete(x)
		return before == 0 && d.scannedSlots() > 0
	}},
	{"slot: Held to Live, by an allocation", 1, func(d *driver) bool {
		b := d.bytes(64)
		defer d.heap.Free(b)
		return mheap.IsLive(stateOf(b))
	}},
	{"slot: Live to Held, by its own cache", 1, func(d *driver) bool {
		l := d.heap.Local()
		defer l.Close()
		b := must(l.AllocUninit(64))
		l.Free(b)
		return stateOf(b) == mheap.Held
	}},
	{"slot: Live to Held or Away, by another goroutine", 1, func(d *driver) bool {
		b := d.bytes(64)
		inTurn(func() { d.heap.Free(b) })
		return mheap.IsHeld(stateOf(b))
	}},
	{"slot: Live to Away, through a Local that did not allocate it", 1, func(d *driver) bool {
		b, l := d.bytes(64), d.heap.Local()
		l.Free(b)
		defer l.Close()
		return isAway(stateOf(b))
	}},
	{"slot: Away to Held, when it has waited", 1, func(d *driver) bool {
		l := d.heap.Local()
		defer l.Close()
		var blocks [200][]byte
		for i := range blocks {
			blocks[i] = d.bytes(64)
		}
		for _, b := range blocks {
			l.Free(b)
		}
		return stateOf(blocks[0]) == mheap.Held || stateOf(blocks[0]) == mheap.InSpan
	}},
	{"slot: Live to Held or Away, in a batch", 1, func(d *driver) bool {
		var batch [4][]byte
		must(d.heap.AllocBatch(64, batch[:]))
		d.heap.FreeBatch(batch[:])
		return mheap.IsHeld(stateOf(batch[0])) && mheap.IsHeld(stateOf(batch[3]))
	}},
	{"slot: Live to Held or Away, by the first of two who free it", 1, func(d *driver) bool {
		x := must(spanheap.New[scanned](d.heap)) // which nobody else allocates
		spanheap.Delete(x)
		_, refused := doubleFreeOf(func() { spanheap.Delete(x) })
		return refused
	}},
	{"slot: Held by one cache, then by another, through the central", 1, func(d *driver) bool {
		first, second := d.heap.Local(), d.heap.Local()
		defer first.Close() // it holds what it has no room to keep no longer
		defer second.Close()
		var freed, taken [400][]byte
		must(d.heap.AllocBatch(64, freed[:]))
		at := map[uintptr]bool{}
		for _, b := range freed {
			first.Free(b)
			at[addressOf(b)] = true
		}
		passed := 0
		for i := range taken {
			taken[i] = must(second.AllocUninit(64))
			if at[addressOf(taken[i])] {
				passed++
			}
		}
		d.freeAll(taken[:])
		return passed > 0
	}},
	{"slot: Held to Noted and to Held again, by a sample", 1, func(d *driver) bool {
		spanheap.SetProfileRate(1)
		defer spanheap.SetProfileRate(0)
		b := d.bytes(64)
		noted := stateOf(b) == mheap.Noted
		d.heap.Free(b)
		return noted && stateOf(b) == mheap.Held
	}},
	{"slot: Held to InSpan, beside a live one", 1, func(d *driver) bool {
		a, b := d.bytes(200), d.bytes(200)
		defer d.heap.Free(a)
		d.heap.Free(b)
		d.heap.Release(everything)
		return mheap.EntryOf(addressOf(b)).InUse() && stateOf(b) == mheap.InSpan
	}},

	{"span: begun, filled up, with room again, empty and given back", 1, func(d *driver) bool {
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
	{"span: claimed by another cache", 1, func(d *driver) bool {
		first, second := d.heap.Local(), d.heap.Local()
		a := must(first.AllocUninit(3000))
		defer d.heap.Free(a)
		require.NoError(d, first.Close())
		b := must(second.AllocUninit(3000))
		defer d.heap.Free(b)
		require.NoError(d, second.Close())
		return mheap.SpanOf(addressOf(a)) == mheap.SpanOf(addressOf(b))
	}},

	{"large: kept by a cache, and allocated again", 1, func(d *driver) bool {
		a := d.bytes(100_000)
		d.heap.Free(a)
		b := d.bytes(100_000)
		defer d.heap.Free(b)
		return addressOf(a) == addressOf(b)
	}},
	{"large: kept by a cache, and taken from it", 1, func(d *driver) bool {
		a := d.bytes(100_000)
		d.heap.Free(a)
		kept := mheap.EntryOf(addressOf(a)).InUse()
		d.heap.Release(everything)
		return kept && !mheap.EntryOf(addressOf(a)).InUse()
	}},

	{"cache: emptied while its owners come and go", 1, func(d *driver) bool {
		before := d.done.Load()
		d.heap.Release(everything)
		for waits := 0; waits < 1000 && d.done.Load() == before; waits++ {
			d.turns.Lock() // when the turns are over that have begun
			d.turns.Unlock()
			runtime.Gosched()
		}
		d.heap.Release(everything)
		return d.done.Load() > before
	}},
}
