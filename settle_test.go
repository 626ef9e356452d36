package spanheap

import (
	"runtime"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/stretchr/testify/require"
)

// slow is a System that does something else first when memory goes back.
type slow struct {
	arena.System
	first func()
}

func (s *slow) Decommit(addr, size uintptr) error {
	if first := s.first; first != nil {
		s.first = nil
		first()
	}
	return s.System.Decommit(addr, size)
}

// While one goroutine gives memory back, another that needs it waits instead of being refused: nothing is
// in use.
func TestMemoryOnItsWayBackIsWaitedFor(t *testing.T) {
	const limit, block = 9 << 20, 7 << 20
	newSlow := func(o Options) (*Heap, *slow) {
		system := &slow{System: arena.Host()}
		h, err := newHeap(o, arena.NewSpace(system), arena.Metadata())
		require.NoError(t, err)
		return h, system
	}
	for name, c := range map[string]struct {
		process int64
		options Options
		two     bool // heaps
	}{
		"of a heap at its limit":           {0, Options{Limit: limit}, false},
		"of a heap at the process's limit": {limit, Options{}, false},
		"of another heap":                  {limit, Options{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.process > 0 {
				c.process += int64(ProcessBacked())
			}
			defer SetProcessLimit(SetProcessLimit(c.process))
			c.options.OnLimit = func(int) bool {
				t.Error("there was no need to ask")
				return false
			}
			giver, system := newSlow(c.options)
			taker := giver
			if c.two {
				taker, _ = newSlow(c.options)
				defer taker.Close()
			}
			defer giver.Close()
			b, err := giver.AllocUninit(block)
			require.NoError(t, err)
			giver.Free(b)

			taken := make(chan error, 1)
			system.first = func() {
				go func() {
					_, err := taker.AllocUninit(block)
					taken <- err
				}()
				for i := 0; i < 50_000 && len(taken) == 0; i++ { // time enough to be refused
					runtime.Gosched()
				}
			}
			require.EqualValues(t, block, giver.Release(block))
			require.NoError(t, <-taken)
			require.NoError(t, giver.Verify())
			require.NoError(t, taker.Verify())
		})
	}
}
