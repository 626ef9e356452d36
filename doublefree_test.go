//go:build !race

package spanheap_test

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
	"github.com/stretchr/testify/require"
)

// Of several goroutines that free one block at the same moment all but one are found out, whoever allocated it: at once,
// or one of them when the slots that wait are looked at. (A race detector reports the attempt itself, rightly.)
func TestSimultaneousDoubleFree(t *testing.T) {
	for name, newVictim := range victims {
		for _, count := range []int{2, 4} {
			h := newHeap(t)
			kept := newVictim(t, h) // keeps the span, if it is one of slots
			x := movedIn(kept.bytes, 1)
			var v victim
			frees := newTeam(count, func() bool { return isDoubleFree(v.free) })
			for range loops(250) {
				v = newVictim(t, h)
				lost := frees.round()
				if isDoubleFree(func() { h.Release(everything) }) {
					lost++
				}
				require.Equal(t, count-1, lost, "%s: of %d who freed a block so many were found out", name, count)
				require.NoError(t, h.Verify())
			}
			frees.dismiss()
			require.NoError(t, x.intact())
			kept.free()
			closeEmpty(t, h)
		}
	}
}

// A free that has found its block live may be overtaken by another free of the block, and by all that
// becomes of it then. It comes too late, and must leave the slot alone.
func TestOvertakenFreeChangesNothing(t *testing.T) {
	profileRate(t, 0) // no block is Noted
	class := mheap.ClassOf(sizeclass.Of(64), true)
	for name, overtake := range map[string]func(h *spanheap.Heap, b []byte){
		"the slot is in a cache":  func(h *spanheap.Heap, b []byte) { h.Free(b) },
		"the slot is in its span": func(h *spanheap.Heap, b []byte) { h.Free(b); h.Release(everything) },
	} {
		h := newHeap(t)
		kept, b := alloc(t, h, 64), alloc(t, h, 64)
		state := mheap.EntryOf(addressOf(b)).LiveSlot(class, addressOf(b))
		require.NotZero(t, state)
		overtake(h, b)
		before := h.Stats()
		require.False(t, mheap.FreeSlot(state, mheap.Away), name)
		require.NoError(t, h.Verify(), name)
		require.Equal(t, before, h.Stats(), name)
		h.Free(kept)
		closeEmpty(t, h)
	}
}

// A large block that its own P did not free waits as small ones do, until a store of the own P would have arrived.
func TestABigBlockThatAnotherPGivesBackWaits(t *testing.T) {
	if runtime.NumCPU() == 1 {
		t.Log("two goroutines do not run at once")
		return
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	profileRate(t, 0)
	h := newHeap(t)
	waited := 0
	for i, begun := 0, time.Now(); i < loops(200) || waited == 0 && time.Since(begun) < 20*time.Second; i++ { // who is alone on a busy machine meets nobody
		var b atomic.Pointer[[]byte]
		var freed atomic.Bool
		var both sync.WaitGroup
		both.Go(func() {
			h.Free(alloc(t, h, 64<<10))
			own := alloc(t, h, 64<<10) // what the P has at hand
			b.Store(&own)
			for !freed.Load() { // so that the other is on another P
			}
		})
		both.Go(func() {
			for b.Load() == nil {
			}
			at := mheap.EntryOf(addressOf(*b.Load())).States()
			owned := mheap.Owned(mheap.SlotState(at))
			h.Free(*b.Load())
			if s := mheap.SlotState(at); owned && mheap.IsHeld(s) && s != mheap.Held {
				waited++
			}
			freed.Store(true)
		})
		both.Wait()
	}
	require.Positive(t, waited)
	require.NoError(t, h.Verify())
	closeEmpty(t, h)
}

// isDoubleFree tells whether free panicked as it should when the block is free.
func isDoubleFree(free func()) bool {
	_, refused := doubleFreeOf(free)
	return refused
}

func init() {
	if runtime.NumCPU() > 1 {
		transitions = append(transitions,
			transition{"slot: Live to Away, by one of two who saw it Live", 2, func(d *driver) bool { return d.freeByTwo(true) }},
			transition{"slot: Away to Held, by its own cache, which had seen it Live", 2, func(d *driver) bool { return d.freeByTwo(false) }})
	}
}

// freeByTwo has two goroutines free the same objects, each at the same moment. It tells whether one of them was refused at
// the swap, and not at the look before; or if that is not asked for, whether none was, and the heap found out later.
func (d *driver) freeByTwo(atSwap bool) bool {
	d.turns.Lock() // both need a processor
	defer d.turns.Unlock()
	h := must(spanheap.NewHeap(spanheap.Options{Name: "freed by two"}))
	defer h.Close()
	const count = 1000
	var objects [count]*scanned
	for i := range objects {
		objects[i] = must(spanheap.New[scanned](h))
	}
	var arrived, refusals [count]atomic.Int32
	var overtaken, told atomic.Int32
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for i, x := range objects {
				if arrived[i].Add(1) == 2 {
					for range i % 200 { // the one who waits takes a while to see it
						arrived[i].Load()
					}
				}
				for spins := 1; arrived[i].Load() < 2; spins++ {
					if spins%1000 == 0 {
						runtime.Gosched()
					}
				}
				switch stack, m := misuseOf(func() { spanheap.Delete(x) }); {
				case m == nil:
				case m.FoundLater:
					told.Add(1) // of another object
				default:
					refusals[i].Add(1)
					if passes(stack, "freeSized") {
						overtaken.Add(1)
					}
				}
			}
		})
	}
	both.Wait()
	for {
		if _, m := misuseOf(func() { h.Release(everything) }); m == nil {
			break
		}
		told.Add(1)
	}
	missing := 0
	for i := range refusals {
		require.LessOrEqual(d, refusals[i].Load(), int32(1), "of two who freed an object so many were refused")
		missing += 1 - int(refusals[i].Load())
	}
	found := h.DoubleFrees()
	require.Equal(d, missing, found, "objects that two freed, and neither was refused; and those that were found later")
	require.Equal(d, found > 0, told.Load() > 0, "somebody was told")
	require.NoError(d, h.Verify())
	require.Zero(d, h.Stats().LiveBlocks)
	if atSwap {
		return overtaken.Load() > 0
	}
	return found > 0
}

// passes tells whether the method is on the stack.
func passes(stack *runtime.Frames, method string) bool {
	for {
		frame, more := stack.Next()
		if strings.HasSuffix(frame.Function, "."+method) {
			return true
		}
		if !more {
			return false
		}
	}
}

// team is goroutines that do the same thing at the same moment, again and again.
type team struct {
	do      func() bool
	count   int
	started atomic.Int64 // rounds
	done    atomic.Int64 // goroutines, over all rounds
	yes     atomic.Int64 // goroutines that answered true, in this round
	members sync.WaitGroup
}

func newTeam(count int, do func() bool) *team {
	w := &team{do: do, count: count}
	for range count {
		w.members.Go(w.member)
	}
	return w
}

func (w *team) member() {
	for round := int64(1); ; round++ {
		for w.started.Load() < round {
			runtime.Gosched()
		}
		if w.do == nil {
			return
		}
		if w.do() {
			w.yes.Add(1)
		}
		w.done.Add(1)
	}
}

// round has everybody do it once, and returns how many answered true.
func (w *team) round() int {
	w.yes.Store(0)
	round := w.started.Add(1)
	for w.done.Load() < round*int64(w.count) {
		runtime.Gosched()
	}
	return int(w.yes.Load())
}

// dismiss ends the goroutines.
func (w *team) dismiss() {
	w.do = nil
	w.started.Add(1)
	w.members.Wait()
}
