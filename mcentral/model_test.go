package mcentral_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestListsAfterRandomOperations plays several caches, and callers without one, and looks at every
// list after every operation.
func TestListsAfterRandomOperations(t *testing.T) {
	for _, size := range []uintptr{64, 512, 1536, 4096, 8192} {
		r := newRigOn(t, 4<<10, size)
		random := rand.New(rand.NewPCG(uint64(size), 1))
		var held [3]*mheap.Span
		var out []mheap.Slot // taken
		owned := map[uintptr]bool{}
		hollowed := uint64(0)
		keep := func(slots []mheap.Slot) {
			for _, slot := range slots {
				require.False(t, owned[slot.Addr], "slot %#x was taken twice", slot.Addr)
				owned[slot.Addr] = true
			}
			out = append(out, slots...)
		}
		for range 1500 {
			i := random.IntN(len(held))
			switch random.IntN(10) {
			case 0:
				held[i] = r.exchange(held[i])
			case 1:
				if held[i] != nil {
					r.Put(held[i])
					held[i] = nil
				}
			case 2:
				if held[i] != nil {
					dst := make([]mheap.Slot, random.IntN(9))
					keep(dst[:held[i].Take(dst)])
				}
			case 3:
				dst := make([]mheap.Slot, 1+random.IntN(5))
				n, err := r.Take(dst)
				require.NoError(t, err)
				keep(dst[:n])
			case 4, 6:
				random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
				n := random.IntN(len(out) + 1)
				for _, slot := range out[:n] {
					delete(owned, slot.Addr)
				}
				if random.IntN(2) == 0 {
					r.Return(out[:n])
				} else {
					r.Stash(out[:n])
				}
				out = out[n:]
			case 7:
				dst := make([]mheap.Slot, random.IntN(9))
				n, span, err := r.Refill(held[i], dst, mcentral.Taker{Home: uint8(i), AtWork: uint64(random.IntN(4)) << 1})
				require.NoError(t, err)
				require.True(t, n > 0 || span.Free() > 0)
				held[i] = span
				keep(dst[:n])
			case 5:
				r.Drain()
			case 8:
				r.Hollow(random.IntN(4), uint32(random.IntN(3)))
			case 9:
				r.Round(random.IntN(2) == 0)
			}
			hollowed = max(hollowed, r.Usage().Hollow)
			spans := bySpan(append(r.Stashed(), out...))
			holding := 0
			for _, s := range held {
				if s != nil {
					holding++
					spans[s] = nil
				}
			}
			have := int(r.Usage().Spans)
			require.GreaterOrEqual(t, have, len(spans))
			require.LessOrEqual(t, have, len(spans)+1, "no span but those in use and a spare")
			r.verify(have, holding)
		}
		for _, s := range held {
			if s != nil {
				r.Put(s)
			}
		}
		r.Return(out)
		r.Drain()
		r.verify(0, 0)
		require.Equal(t, r.slots() > 1, hollowed > 0, "slots of %d bytes", size)
	}
}

func TestManyTakeAndReturnAtOnce(t *testing.T) {
	for _, size := range sizes {
		r := newRigOn(t, 4<<10, size)
		var owner sync.Map // slot -> true
		var exchange [64]atomic.Pointer[mheap.Slot]
		var all sync.WaitGroup
		for g := range uint64(8) {
			all.Go(func() {
				random := rand.New(rand.NewPCG(g, uint64(size)))
				var span *mheap.Span
				var dst [8]mheap.Slot
				for range 300 {
					n := 0
					if random.IntN(4) == 0 {
						var err error
						n, err = r.Take(dst[:])
						assert.NoError(t, err)
					} else {
						if span != nil {
							n = span.Take(dst[:])
						}
						if n == 0 {
							var err error
							n, span, err = r.Refill(span, dst[:], mcentral.Taker{Home: uint8(g), AtWork: random.Uint64N(256) << 1})
							if !assert.NoError(t, err) {
								return
							}
							if n == 0 {
								n = span.Take(dst[:])
							}
						}
					}
					// Most slots come back by other hands than those that took them.
					var run []mheap.Slot
					for _, slot := range dst[:n] {
						if _, taken := owner.LoadOrStore(slot.Addr, true); taken {
							t.Errorf("slot %#x was taken twice", slot.Addr)
						}
						if other := exchange[random.IntN(len(exchange))].Swap(&slot); other != nil {
							owner.Delete(other.Addr)
							run = append(run, *other)
						}
					}
					if random.IntN(2) == 0 {
						r.Return(run)
					} else {
						r.Stash(run)
					}
					if random.IntN(50) == 0 {
						r.Drain()
						runtime.Gosched()
					}
				}
				if span != nil {
					r.Put(span)
				}
			})
		}
		others := make(chan struct{})
		go func() {
			defer close(others)
			all.Wait()
		}()
		for done := false; !done; {
			select {
			case <-others:
				done = true
			default:
				r.Hollow(8, 0)
				runtime.Gosched()
			}
		}
		_, err := r.Verify()
		require.NoError(t, err)
		var left []mheap.Slot
		for i := range exchange {
			if slot := exchange[i].Load(); slot != nil {
				left = append(left, *slot)
			}
		}
		r.Return(left)
		r.Drain()
		r.verify(0, 0)
	}
}
