package spanheap

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	h, err := NewHeap(Options{})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for g := 0; g < 8; g++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(uint64(g), 2))
			live := make([][]byte, 1000)
			for i := 0; i < 100000; i++ {
				k := r.IntN(len(live))
				if live[k] != nil {
					h.Free(live[k])
				}
				n := 1 << r.IntN(14)
				n += r.IntN(n)
				if r.IntN(100) == 0 {
					n *= 30
				}
				b, err := h.Alloc(n)
				if err != nil {
					t.Error(err)
					return
				}
				b[0], b[n-1] = 1, 1
				live[k] = b
			}
			for _, b := range live {
				h.Free(b)
			}
		}()
	}
	wg.Wait()
	require.NoError(t, h.Verify())
	s := h.Stats()
	require.Zero(t, s.LiveBlocks)
	t.Logf("%+v", s)
	t.Log(h.Release(1 << 30))
	require.NoError(t, h.Verify())
	s = h.Stats()
	t.Logf("%+v", s)
	require.NoError(t, h.Close())
}

func BenchmarkPair(b *testing.B) {
	for _, n := range []int{8, 64, 1024, 32768, 256 << 10} {
		b.Run("", func(b *testing.B) {
			h := Default()
			for i := 0; i < b.N; i++ {
				p, _ := h.AllocUninit(n)
				p[0] = 1
				h.Free(p)
			}
		})
	}
}

func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{64, 1024} {
		b.Run("", func(b *testing.B) {
			h := Default()
			var ps [1000][]byte
			for i := 0; i < b.N; i += 1000 {
				for j := range ps {
					p, _ := h.AllocUninit(n)
					p[0] = 1
					ps[j] = p
				}
				for j := range ps {
					h.Free(ps[j])
				}
			}
		})
	}
}
