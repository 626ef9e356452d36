package mcache_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

func all(arenatest.Call) bool { return true }

// exhaustMetadata leaves blocks for records of spans, and no block of bytes or more, nor a system that
// has more to give.
func (r *rig) exhaustMetadata(bytes uintptr) {
	r.t.Helper()
	const records, recordBytes = 300, 4096
	var spans []*mheap.Span // whose records stay, the longest there are
	for range 20 {
		s, err := r.heap.Alloc(1, mheap.Tiny, 0)
		require.NoError(r.t, err)
		spans = append(spans, s)
	}
	for _, s := range spans {
		r.heap.Free(s)
	}
	var blocks []uintptr
	for range records {
		p, err := r.heap.Meta().Alloc(recordBytes)
		require.NoError(r.t, err)
		blocks = append(blocks, p)
	}
	r.metadata.Refuse(all)
	for {
		if _, err := r.heap.Meta().Alloc(bytes); err != nil {
			require.ErrorIs(r.t, err, arenatest.ErrRefused)
			break
		}
	}
	for _, p := range blocks {
		r.heap.Meta().Free(p, recordBytes)
	}
}

// TestWhoHasNoCache goes past the caches, which there is no memory for, and later by way of them.
func TestWhoHasNoCache(t *testing.T) {
	r := newRig(t)
	r.exhaustMetadata(mcache.CacheSize / 2)
	random := rand.New(rand.NewPCG(8, 8))
	owned := ground{}
	var live []block
	for step := range 3000 {
		if step == 1500 {
			require.Empty(t, r.Hoards())
			require.NotEmpty(t, live)
			r.metadata.Refuse(nil)
		}
		if len(live) > 0 && (random.IntN(2) == 0 || step < 1500 && len(live) > 200) {
			i := random.IntN(len(live))
			b := live[i]
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
			owned.give(b)
			r.mustFree(b)
			require.False(t, r.free(b))
		} else {
			b := r.mustAlloc(draw(random))
			owned.take(t, b)
			live = append(live, b)
		}
		if step%100 == 0 {
			r.verify(live)
		}
	}
	require.NotEmpty(t, r.Hoards())
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

// TestWithoutMemoryForMagazines: spans have room, but the cache cannot hold more of their slots, or
// none at all.
func TestWithoutMemoryForMagazines(t *testing.T) {
	procs(t, 1)
	const n = 96
	class := noscan(n)
	for _, rooms := range []uintptr{0, 8} {
		r := newRig(t)
		r.mustFree(r.mustAlloc(noscan(8), 8)) // the cache is there
		live := r.cheese(class, n)
		if rooms > 0 {
			live = append(live, r.mustAlloc(class, n))
		}
		require.Equal(t, rooms, r.roomOf(class))
		r.metadata.Refuse(all)
		for {
			if _, err := r.heap.Meta().Alloc(64); err != nil {
				break
			}
		}
		for range 300 {
			live = append(live, r.mustAlloc(class, n))
		}
		r.verify(live)
		for _, b := range live[100:] {
			r.mustFree(b)
		}
		live = live[:100]
		require.Equal(t, rooms, r.roomOf(class))
		r.verify(live)
		r.metadata.Refuse(nil)
		for _, b := range live {
			r.mustFree(b)
		}
		require.NotZero(t, r.roomOf(class))
		r.requireEmpty()
	}
}

// cheese makes spans of the class with a live block here and there, and free slots in between, without
// the caller's cache. It returns the live blocks.
func (r *rig) cheese(class mheap.SpanClass, n uintptr) (live []block) {
	r.t.Helper()
	own, err := r.Lease()
	require.NoError(r.t, err)
	var holes []block
	for i := range 500 {
		addr, _, err := r.Alloc(own, class, n)
		require.NoError(r.t, err)
		if b := (block{addr, n, class}); i%5 == 0 {
			live = append(live, b)
		} else {
			holes = append(holes, b)
		}
	}
	for _, b := range holes {
		state, _ := mheap.EntryOf(b.addr).Slot(b.addr)
		require.True(r.t, mheap.FreeSlot(state, mheap.Away))
		r.Free(own, class, b.addr, state, n, true)
	}
	r.Return(own)
	r.verify(live)
	return live
}

func TestRefusedMemoryIsAnError(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	for _, class := range []mheap.SpanClass{mheap.Tiny, noscan(16), mheap.ClassOf(20, false), noscan(32768), mheap.LargeNoscan, mheap.LargeScan} {
		n := uintptr(100_000)
		if !class.Large() {
			n = class.Layout().Bytes / 3
		}
		t.Run(fmt.Sprint("class ", class), func(t *testing.T) {
			r.system.Refuse(all)
			r.t = t
			var live []block
			for { // what the heap has already
				b, err := r.alloc(class, n)
				if err != nil {
					require.ErrorIs(t, err, arenatest.ErrRefused)
					break
				}
				live = append(live, b)
			}
			r.verify(live)
			_, err := r.alloc(class, n)
			require.ErrorIs(t, err, arenatest.ErrRefused)
			if len(live) > 0 {
				r.mustFree(live[0])
				live[0] = r.mustAlloc(class, n)
			}
			r.system.Refuse(nil)
			live = append(live, r.mustAlloc(class, n))
			r.verify(live)
			for _, b := range live {
				r.mustFree(b)
			}
			r.requireEmpty()
		})
	}
}
