package mheap_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestManyAllocateFreeAndReleaseAtOnce(t *testing.T) {
	for _, physical := range []uintptr{4 << 10, physical64} {
		r := newRig(t, physical)
		var owner sync.Map // page in use -> span
		var all sync.WaitGroup
		for g := range uint64(8) {
			all.Go(func() {
				random := rand.New(rand.NewPCG(g, uint64(physical)))
				var mine []*mheap.Span
				give := func() {
					i := random.IntN(len(mine))
					s := mine[i]
					mine[i] = mine[len(mine)-1]
					mine = mine[:len(mine)-1]
					for p := s.Base(); p < s.Base()+s.Bytes(); p += mheap.PageSize {
						owner.Delete(p)
					}
					r.Free(s)
				}
				for range 400 {
					switch what := random.IntN(20); {
					case what == 0:
						r.Release(uintptr(random.UintN(1 << 20)))
					case what < 10 && len(mine) > 0:
						give()
					default:
						s, err := r.Alloc(1+uintptr(random.IntN(30)), mheap.LargeNoscan, 0)
						if !assert.NoError(t, err) {
							return
						}
						for p := s.Base(); p < s.Base()+s.Bytes(); p += mheap.PageSize {
							if other, taken := owner.LoadOrStore(p, s); taken {
								t.Errorf("page %#x belongs to %v and %v", p, s, other)
							}
						}
						mine = append(mine, s)
					}
				}
				for len(mine) > 0 {
					give()
				}
			})
		}
		var done atomic.Bool
		var verifier sync.WaitGroup
		verifier.Go(func() {
			for !done.Load() {
				assert.NoError(t, r.Verify(), "while others are at work")
				runtime.Gosched()
			}
		})
		all.Wait()
		done.Store(true)
		verifier.Wait()
		r.verify()
		r.requireEmpty()
	}
}

func TestManyReleaseAtOnce(t *testing.T) {
	r := newRig(t, 4<<10)
	for range 5 {
		var spans []*mheap.Span
		for range 200 {
			spans = append(spans, r.alloc(3))
		}
		for i := 0; i < len(spans); i += 2 {
			r.Free(spans[i])
		}
		before := r.Usage()
		var released atomic.Uint64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for {
					n := r.Release(5 * mheap.PageSize)
					if n == 0 {
						return
					}
					released.Add(uint64(n))
				}
			})
		}
		all.Wait()
		require.Zero(t, r.Usage().FreePages)
		require.Equal(t, before.FreePages, released.Load(), "nothing was given twice")
		r.verify()
		for i := 1; i < len(spans); i += 2 {
			r.Free(spans[i])
		}
	}
	r.requireEmpty()
}
