package spanheap

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// worn is a heap under a random load whose system refuses calls. Every block's bytes are all the same, so
// that what is lost or mixed up shows.
type worn struct {
	t       *testing.T
	heap    *Heap
	random  *rand.Rand
	blocks  []wornBlock
	refused int // steps
}

type wornBlock struct {
	bytes []byte
	fill  byte
}

func (w *worn) step() {
	n := 1 + int(w.random.Uint64()>>1>>(63-w.random.IntN(23)))
	k := w.random.IntN(len(w.blocks) + 1)
	switch op := w.random.IntN(20); {
	case k == len(w.blocks) || op < 6 && len(w.blocks) < 24:
		b, err := w.heap.Alloc(n)
		if w.accepted(err) {
			w.keep(b, 0)
		}
	case op < 7:
		b, err := w.heap.AllocAligned(n, 1<<w.random.IntN(20))
		if w.accepted(err) {
			w.keep(b, len(b))
		}
	case op < 15:
		old := w.blocks[k]
		if op < 12 && len(old.bytes) < 4<<20 {
			n = len(old.bytes) + len(old.bytes)/2 + 1
		}
		b, err := w.heap.Realloc(old.bytes, n)
		w.same(b[:min(len(b), len(old.bytes))], old.fill)
		if w.accepted(err) {
			w.blocks = append(w.blocks[:k], w.blocks[k+1:]...)
			w.keep(b, len(old.bytes))
		} else {
			w.same(old.bytes, old.fill)
		}
	case op < 18:
		w.same(w.blocks[k].bytes, w.blocks[k].fill)
		w.heap.Free(w.blocks[k].bytes)
		w.blocks = append(w.blocks[:k], w.blocks[k+1:]...)
	default:
		w.heap.Release(n) // what is refused stays
	}
}

// accepted tells whether a call succeeded. One that did not changed nothing, and says why.
func (w *worn) accepted(err error) bool {
	if err == nil {
		return true
	}
	w.refused++
	require.ErrorIs(w.t, err, ErrOutOfMemory)
	require.ErrorIs(w.t, err, arenatest.ErrRefused)
	require.NoError(w.t, w.heap.Verify())
	return false
}

// keep adds a block of which all but the first kept bytes must be zero.
func (w *worn) keep(b []byte, kept int) {
	w.same(b[min(kept, len(b)):], 0)
	fill := byte(w.random.Uint32())
	w.blocks = append(w.blocks, wornBlock{fillWith(b, fill), fill})
}

func (w *worn) same(b []byte, want byte) {
	if len(b) == 0 {
		return
	}
	if b[0] != want || string(b[1:]) != string(b[:len(b)-1]) {
		require.FailNow(w.t, "lost", "a block of %d bytes does not hold %#x alone", len(b), want)
	}
}

// live makes the steps, and ends with an empty heap once the system is willing again.
func (w *worn) live(steps int, recover func()) {
	for range steps {
		w.step()
	}
	require.NoError(w.t, w.heap.Verify())
	recover()
	refused := w.refused
	for range 20 {
		w.step()
	}
	require.Equal(w.t, refused, w.refused, "the system has recovered")
	for _, b := range w.blocks {
		w.same(b.bytes, b.fill)
		w.heap.Free(b.bytes)
	}
	w.heap.Release(1 << 30)
	require.NoError(w.t, w.heap.Verify())
	s := w.heap.Stats()
	require.Zero(w.t, s.LiveBlocks)
	require.Zero(w.t, s.Live)
	require.Equal(w.t, s.Metadata, s.Backed, "all else went back")
	require.NoError(w.t, w.heap.Close())
}

// TestARandomLifeUnderRefusals refuses the calls that such a life makes, one after the other: once, and
// from then on.
func TestARandomLifeUnderRefusals(t *testing.T) {
	newMemory := func() (*arenatest.Faulty, *arena.Space) {
		memory := arenatest.NewFaulty(arenatest.NewFakeOver(t, arena.Host(), 4096))
		return memory, arena.NewSpace(memory)
	}
	memory, space := newMemory()
	records := arenatest.NewFaulty(arena.Metadata())
	victims := map[string]*arenatest.Faulty{"memory": memory, "records": records}
	life := func(space *arena.Space, recover func()) (refused int) {
		h, err := newHeap(Options{}, space, records)
		require.NoError(t, err)
		w := worn{t: t, heap: h, random: rand.New(rand.NewPCG(7, 0))}
		w.live(wornSteps, recover)
		return w.refused
	}

	calls := map[string]int{}
	for range 2 { // the second time arenas are there already
		memory.Refuse(nil)
		records.Refuse(nil)
		refused := life(space, func() {
			for name, victim := range victims {
				for _, verb := range arenatest.Verbs() {
					calls[fmt.Sprint(name, verb)] = max(calls[fmt.Sprint(name, verb)], victim.Calls(verb))
				}
			}
		})
		require.Zero(t, refused)
	}
	if memory.PageSize() <= mheap.PageSize && wornSteps >= 300 {
		require.NotZero(t, calls["memoryMove"])
	}

	refusals := 0
	for name, victim := range victims {
		for _, verb := range arenatest.Verbs() {
			n := calls[fmt.Sprint(name, verb)]
			for k := 1; k <= n; k += 1 + n/wornPoints {
				for _, rule := range []func(arenatest.Call) bool{arenatest.Nth(verb, k), arenatest.From(verb, k)} {
					if name == "memory" && (verb == arenatest.Reserve || verb == arenatest.Commit) { // shared arenas are all committed by now
						fresh, freshSpace := newMemory()
						fresh.Refuse(rule)
						refusals += life(freshSpace, func() { fresh.Refuse(nil) })
						continue
					}
					victim.Refuse(rule)
					refusals += life(space, func() { victim.Refuse(nil) })
				}
			}
		}
	}
	require.NotZero(t, refusals)
}
