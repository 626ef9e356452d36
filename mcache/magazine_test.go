package mcache_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
	"github.com/stretchr/testify/require"
)

// smallClasses returns all classes of slots but tiny.
func smallClasses() (classes []mheap.SpanClass) {
	for size := uint8(1); size < sizeclass.NumClasses; size++ {
		classes = append(classes, mheap.ClassOf(size, false), mheap.ClassOf(size, true))
	}
	return classes
}

// roomOf returns how many slots the one cache there is has room for.
func (r *rig) roomOf(class mheap.SpanClass) uintptr {
	c := r.Enter(mcache.Pin())
	room := c.RoomOf(class)
	r.Leave(c)
	return room
}

// swing allocates count blocks and frees them, so many times.
func (r *rig) swing(class mheap.SpanClass, count, times int) {
	size := class.Layout().Bytes
	var live []block
	for range times {
		for range count {
			live = append(live, r.mustAlloc(class, size))
		}
		for _, b := range live {
			r.mustFree(b)
		}
		live = live[:0]
	}
}

// requireWithinBudget checks what the magazines of every cache have room for beyond the room for
// allocating alone.
func (r *rig) requireWithinBudget() {
	r.t.Helper()
	for _, h := range r.Hoards() {
		require.LessOrEqual(r.t, h.Beyond, uintptr(mcache.Budget), "cache %d", h.ID)
	}
}

func TestMagazinesOfWhoOnlyAllocatesStaySmall(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	for _, class := range smallClasses() {
		size := class.Layout().Bytes
		for range min(3000, 200_000/size) + 10 {
			r.mustAlloc(class, size)
			r.requireSmall(class)
		}
	}
	for _, h := range r.Hoards() {
		require.Zero(t, h.Beyond)
	}
}

func (r *rig) requireSmall(class mheap.SpanClass) {
	if room := r.roomOf(class); room > mcache.FillRoom(class) {
		require.FailNow(r.t, "too large", "class %d has room for %d slots, not %d", class, room, mcache.FillRoom(class))
	}
}

func TestAMagazineThatSwingsGrowsToHoldTheSwing(t *testing.T) {
	procs(t, 1)
	for _, size := range []uintptr{16, 64, 512, 1024} {
		r := newRig(t)
		r.swing(noscan(size), 200, 12)
		require.GreaterOrEqual(t, r.roomOf(noscan(size)), uintptr(200), "of %d bytes", size)
		r.requireWithinBudget()
		r.requireEmpty()
	}
}

// TestTheFirstSwingStaysInItsMagazine: what another owner would find in the stash, it would mix with its own.
func TestTheFirstSwingStaysInItsMagazine(t *testing.T) {
	procs(t, 1)
	for size, count := range map[uintptr]int{16: 1000, 64: 1000, 1024: 500, 4096: 200} {
		r := newRig(t)
		r.swing(noscan(size), count, 1)
		held := uintptr(0)
		for _, h := range r.Hoards() {
			held += h.Slots + h.Aside
		}
		require.GreaterOrEqual(t, held, uintptr(count), "of %d bytes", size)
		r.requireWithinBudget()
		r.requireEmpty()
	}
}

func TestASwingThatNoMagazineHoldsMakesNoneGrow(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	class := noscan(512)
	r.swing(class, 5_000, 12)
	require.LessOrEqual(t, r.roomOf(class), 2*mcache.FillRoom(class))
	r.requireEmpty()
}

func TestMagazinesShareABudget(t *testing.T) {
	r := newRig(t)
	random := rand.New(rand.NewPCG(3, 3))
	classes := smallClasses()
	for range 150 {
		class := classes[random.IntN(len(classes))]
		r.swing(class, 1+random.IntN(int(max(8, 60_000/class.Layout().Bytes))), 12)
		r.requireWithinBudget()
	}
	r.verify(nil)
	for _, h := range r.Hoards() {
		most := uintptr(mcache.Budget)
		for _, class := range classes {
			most += mcache.FillRoom(class) * class.Layout().Bytes
		}
		require.LessOrEqual(t, h.SlotBytes, most)
	}
	r.requireEmpty()
}

// TestWhatIsFreedElsewhereComesBack lets one goroutine allocate and another free.
func TestWhatIsFreedElsewhereComesBack(t *testing.T) {
	r := newRig(t)
	const atOnce = 100
	blocks := make(chan block, atOnce)
	onProcs(2, func(g int) {
		if g == 0 {
			for range 30_000 {
				b, err := r.alloc(noscan(256), 256)
				if err != nil {
					t.Error(err)
					break
				}
				blocks <- b
			}
			close(blocks)
			return
		}
		for b := range blocks {
			if !r.free(b) {
				t.Error("not live")
			}
		}
	})
	r.verify(nil)
	spans := r.Usage(noscan(256)).Spans
	held := uint64(0)
	for _, h := range r.Hoards() {
		held += uint64(h.SlotBytes)
	}
	require.LessOrEqual(t, spans*mheap.PageSize, held+(atOnce+4*64)*256+8*mheap.PageSize, "%d spans", spans)
	r.requireEmpty()
}

// What the magazines of an idle cache that was emptied lay in is free for others, and for magazines that the cache has later.
func TestAnIdleCacheHasNoMagazines(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	swings := func() {
		for n := uintptr(16); n <= 320; n += 16 {
			r.swing(noscan(n), 800, 4)
		}
	}
	swings()
	require.NotZero(t, r.Hoards()[0].Room)
	metadata := r.heap.Usage().Metadata
	for range 20 {
		r.Rest()
		r.Rest()
		for _, h := range r.Hoards() {
			require.Zero(t, h.Room)
			require.Zero(t, h.Spent)
		}
		swings()
	}
	require.Less(t, r.heap.Usage().Metadata, 2*metadata)
	r.verify(nil)
	r.requireEmpty()
}
