package spanheap

import (
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// A heap lives through a fixed life on a system that refuses calls, at every step anew. Whatever fails is
// an error that wraps the system's, changes nothing, and succeeds when the system is willing again.
type refusedLife struct {
	t               *testing.T
	heap            *Heap
	memory, records *arenatest.Faulty
	refuse          func(l *refusedLife) // until the end of a step
	refused         int                  // steps
}

func newRefusedLife(t *testing.T, refuse func(l *refusedLife)) *refusedLife {
	l := &refusedLife{
		t:       t,
		memory:  arenatest.NewFaulty(arenatest.NewFakeOver(t, arena.Host(), 4096)),
		records: arenatest.NewFaulty(arena.Metadata()),
		refuse:  refuse,
	}
	h, err := newHeap(Options{}, arena.NewSpace(l.memory), l.records)
	require.NoError(t, err)
	l.heap = h
	return l
}

// step tries with refusals, and if that fails without them.
func (l *refusedLife) step(try func() error) {
	before := l.heap.Stats().LiveBlocks
	l.refuse(l)
	err := try()
	l.memory.Refuse(nil)
	l.records.Refuse(nil)
	if err == nil {
		return
	}
	l.refused++
	require.ErrorIs(l.t, err, ErrOutOfMemory)
	require.ErrorIs(l.t, err, arenatest.ErrRefused)
	require.NoError(l.t, l.heap.Verify())
	require.Equal(l.t, before, l.heap.Stats().LiveBlocks)
	require.NoError(l.t, try())
}

func (l *refusedLife) live() {
	var blocks [][]byte
	alloc := func(n int) {
		l.step(func() error {
			b, err := l.heap.Alloc(n)
			if err == nil {
				l.requireAll(b, 0)
				blocks = append(blocks, fillWith(b, byte(len(blocks))))
			}
			return err
		})
	}
	for _, n := range []int{3, 64, 1000, 32 << 10, 50_000, 300_000, 3, 64} {
		for range max(3, min(12, 1_000_000/n)) {
			alloc(n)
		}
	}
	for i, b := range blocks {
		if i%3 == 0 {
			l.heap.Free(b)
			blocks[i] = nil
		}
	}
	for _, n := range []int{200 << 10, 1 << 30} {
		l.step(func() error {
			l.heap.Release(n) // what is refused stays
			return l.heap.Verify()
		})
	}
	alloc(600_000)
	l.step(func() error {
		b, err := l.heap.AllocAligned(100, 1<<18)
		if err == nil {
			blocks = append(blocks, fillWith(b, byte(len(blocks))))
		}
		return err
	})
	for i, b := range blocks {
		if i%10 == 0 && b != nil {
			l.step(func() error {
				moved, err := l.heap.Realloc(b, len(b)+400_000)
				if err == nil {
					blocks[i] = moved[:len(b)]
				}
				l.requireAll(blocks[i], byte(i)) // as it was, if it failed
				return err
			})
		}
	}
	l.step(func() error {
		local := l.heap.Local() // does without a cache where the system refuses one
		b, err := local.Alloc(1000)
		local.Free(b)
		require.NoError(l.t, local.Close())
		return err
	})
	l.step(func() error {
		p, err := New[Ptr[int]](l.heap)
		Delete(p)
		return err
	})
	for i, b := range blocks {
		l.requireAll(b, byte(i))
		l.heap.Free(b)
	}
	l.heap.Release(1 << 30)
	require.NoError(l.t, l.heap.Verify())
	s := l.heap.Stats()
	require.Zero(l.t, s.LiveBlocks)
	require.Zero(l.t, s.Live)
	require.Zero(l.t, s.Spans)
	require.Zero(l.t, s.FreePages)
	require.NoError(l.t, l.heap.Close())
}

func (l *refusedLife) requireAll(b []byte, want byte) {
	for i, c := range b {
		if c != want {
			require.FailNowf(l.t, "overwritten", "byte %d of %d is %#x, not %#x", i, len(b), c, want)
		}
	}
}

func fillWith(b []byte, c byte) []byte {
	for i := range b {
		b[i] = c
	}
	return b
}

func TestTheSystemMayRefuseEveryCall(t *testing.T) {
	all := func(arenatest.Call) bool { return true }
	for name, refuse := range map[string]func(*refusedLife){
		"all calls": func(l *refusedLife) { l.memory.Refuse(all); l.records.Refuse(all) },
		"arenas":    func(l *refusedLife) { l.memory.Refuse(arenatest.From(arenatest.Reserve, 1)) },
		"commits":   func(l *refusedLife) { l.memory.Refuse(arenatest.From(arenatest.Commit, 1)) },
		"records":   func(l *refusedLife) { l.records.Refuse(all) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newRefusedLife(t, refuse)
			l.live()
			require.NotZero(t, l.refused)
		})
	}
	newRefusedLife(t, func(*refusedLife) {}).live()
}
