package mheap_test

import (
	"math"
	"sync"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// roomBytes is how far room reaches.
const roomBytes = 1 << 30

// rig is a page heap over an address space whose pages' states are all known. Arenas are mere
// numbers; records lie in real memory. Whatever the test does, a page in use that goes back to the
// system fails it.
type rig struct {
	*mheap.Heap
	t        testing.TB
	fake     *arenatest.Fake
	system   *arenatest.Faulty // refuses what the test names
	metadata *arenatest.Faulty
	space    *arena.Space
	watch    *watch
}

// newRig returns an empty heap over pages of the operating system of so many bytes.
func newRig(t testing.TB, physicalPage uintptr) *rig {
	t.Helper()
	fake := arenatest.NewFake(t, physicalPage)
	fake.Occupy(0, room)
	fake.Occupy(room+roomBytes, math.MaxUint-room-roomBytes)
	fake.Place(room)
	r := &rig{t: t, fake: fake, watch: &watch{System: fake, t: t}}
	r.system = arenatest.NewFaulty(r.watch)
	r.space = arena.NewSpace(r.system)
	r.Heap, r.metadata = r.another(1)
	return r
}

// another returns one more heap over the rig's space, which ends with the test.
func (r *rig) another(id uint32) (*mheap.Heap, *arenatest.Faulty) {
	chunks := &chunks{System: arena.Metadata()}
	metadata := arenatest.NewFaulty(chunks)
	h := mheap.New(id, r.space, metadata)
	r.t.Cleanup(func() {
		if r.t.Failed() {
			return // a heap that broke may have died with its lock held
		}
		r.system.Refuse(nil)
		metadata.Refuse(nil)
		h.Close()
		chunks.recycle()
	})
	return h, metadata
}

// alloc allocates a large object of so many pages.
func (r *rig) alloc(npages uintptr) *mheap.Span {
	r.t.Helper()
	s, err := r.Alloc(npages, mheap.LargeNoscan, 0)
	require.NoError(r.t, err)
	require.Equal(r.t, npages, s.Pages())
	return s
}

// verify checks all that must hold at any time.
func (r *rig) verify() {
	r.t.Helper()
	require.NoError(r.t, r.Verify())
	u := r.Usage()
	used := uint64(0)
	r.Walk(func(s *mheap.Span) { used += uint64(s.Bytes()) })
	require.Equal(r.t, u.Arenas*arena.Size, used+u.FreePages+u.Released+u.Untouched, "%+v and %d in use", u, used)
	runs, err := r.Runs()
	require.NoError(r.t, err)
	for _, run := range runs {
		last := run.Base + (run.Pages-1)*mheap.PageSize
		if run.State != "scav" {
			for p := run.Base; p < last; p += 64 * mheap.PageSize {
				require.Equal(r.t, arenatest.Ready, r.fake.State(p), "page %#x of %+v", p, run)
			}
			require.Equal(r.t, arenatest.Ready, r.fake.State(last), "page %#x of %+v", last, run)
		}
		for p := run.Base + mheap.PageSize; run.State != "in use" && p < last; p += mheap.PageSize {
			if e := mheap.EntryOf(p); e != 0 {
				require.FailNow(r.t, "stale entry", "page %#x of %+v has %#x", p, run, uint64(e))
			}
		}
	}
}

// watch is a System that fails the test when a page in use goes back, and tells whom it may concern
// which pages did.
type watch struct {
	arena.System
	t     testing.TB
	gone  func(addr, size uintptr)
	inUse bool // pages in use may go back
}

func (w *watch) Decommit(addr, size uintptr) error {
	for p := addr &^ (mheap.PageSize - 1); p < addr+size; p += mheap.PageSize {
		if !w.inUse && mheap.EntryOf(p).InUse() {
			w.t.Errorf("page %#x goes back while it is in use", p)
			break
		}
	}
	if err := w.System.Decommit(addr, size); err != nil {
		return err
	}
	if w.gone != nil {
		w.gone(addr, size)
	}
	return nil
}

// chunks is a System whose reservations serve later tests, since address space lives as long as the
// process: those that read zero, because what was committed of them is decommitted.
type chunks struct {
	arena.System
	granted []chunk
	used    map[uintptr]bool // by address: whether some of the chunk may have been written to
}

type chunk struct{ addr, size uintptr }

var recycled struct {
	sync.Mutex
	chunks []chunk
}

func (c *chunks) Reserve(hint, size uintptr) (uintptr, error) {
	recycled.Lock()
	defer recycled.Unlock()
	if last := len(recycled.chunks) - 1; last >= 0 && recycled.chunks[last].size == size {
		c.granted = append(c.granted, recycled.chunks[last])
		recycled.chunks = recycled.chunks[:last]
		return c.granted[len(c.granted)-1].addr, nil
	}
	addr, err := c.System.Reserve(hint, size)
	if err == nil {
		c.granted = append(c.granted, chunk{addr, size})
	}
	return addr, err
}

func (c *chunks) Commit(addr, size uintptr) error {
	err := c.System.Commit(addr, size)
	for _, chunk := range c.granted {
		if addr-chunk.addr < chunk.size {
			if c.used == nil {
				c.used = map[uintptr]bool{}
			}
			c.used[chunk.addr] = true
		}
	}
	return err
}

// Decommit is called for all that was committed of a chunk.
func (c *chunks) Decommit(addr, size uintptr) error {
	err := c.System.Decommit(addr, size)
	if err == nil {
		delete(c.used, addr)
	}
	return err
}

func (c *chunks) recycle() {
	recycled.Lock()
	defer recycled.Unlock()
	for _, chunk := range c.granted {
		if !c.used[chunk.addr] {
			recycled.chunks = append(recycled.chunks, chunk)
		}
	}
}
