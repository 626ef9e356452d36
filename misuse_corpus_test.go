//go:build !js && !wasip1 && !race && !spanheap_debug

package spanheap_test

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/spanheap/spanheap"
)

// Programs that misuse blocks, each in one way. A program marks its mistake by wrong; without it the program is
// its own clean twin, and must raise no alarm. What is expected is said for each mode: off, and the
// debug levels 1 to 3.

// crime is one way to misuse a block.
type crime struct {
	name   string
	shapes []shape
	do     func(c *scene, s shape)
	want   outcomes
	but    map[string]outcomes // for shapes that want something else
}

// outcomes says for each mode as what the mistake is found: "" if it is not, and behind "late: " if not by
// the call that makes it.
type outcomes [4]string

func always(kind string) outcomes   { return outcomes{kind, kind, kind, kind} }
func atALevel(kind string) outcomes { return outcomes{"", kind, kind, kind} }
func inQuarantine(kind string) outcomes {
	return outcomes{"late: " + kind, "late: " + kind, kind, kind}
}

// shape is one kind of block.
type shape struct {
	name  string
	alloc func(h *spanheap.Heap) []byte
	free  func(h *spanheap.Heap, b []byte)
}

func free(h *spanheap.Heap, b []byte) { h.Free(b) }

var (
	small   = shape{"small", func(h *spanheap.Heap) []byte { return must(h.Alloc(100)) }, free}
	huge    = shape{"large", func(h *spanheap.Heap) []byte { return must(h.Alloc(40_000)) }, free}
	tiny    = shape{"tiny", func(h *spanheap.Heap) []byte { return must(h.Alloc(4)) }, free}
	aligned = shape{"aligned", func(h *spanheap.Heap) []byte { return must(h.AllocAligned(100, 128)) }, free}
	typed   = shape{"typed", func(h *spanheap.Heap) []byte { return must(spanheap.New[record](h)).bytes() },
		func(_ *spanheap.Heap, b []byte) { spanheap.Delete((*record)(b)) }}
	batched = shape{"batch", func(h *spanheap.Heap) []byte {
		bs := make([][]byte, 1)
		must(h.AllocBatch(100, bs))
		return bs[0]
	}, func(h *spanheap.Heap, b []byte) { h.FreeBatch([][]byte{nil, b}) }}

	shapes  = []shape{small, huge, tiny, aligned, typed}
	aBlock  = []shape{small}
	anyWise = []shape{small, huge, tiny, aligned, typed, batched}
)

type record [200]byte

func (r *record) bytes() []byte { return r[:] }

// scene is where a program runs.
type scene struct {
	heap, other *spanheap.Heap
	clean       bool         // the twin
	on          func(func()) // runs the mistake
}

// wrong makes the mistake with b, and not in the twin.
func (c *scene) wrong(b []byte, f func()) {
	if !c.clean {
		c.on(func() {
			fmt.Printf("%#x\n", addressOf(b))
			f()
		})
	}
}

// innocent marks that the calls from here on are right: what they find is found late.
func (c *scene) innocent() {
	if !c.clean {
		fmt.Println("late")
	}
}

// free frees b, unless the mistake has been made.
func (c *scene) freeIfClean(s shape, b []byte) {
	if c.clean {
		s.free(c.heap, b)
	}
}

var crimes = []crime{
	{"double free, at once", anyWise, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		s.free(c.heap, b)
		c.wrong(b, func() { s.free(c.heap, b) })
	}, always("double free"), nil},

	{"double free, delayed", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		s.free(c.heap, b)
		for i := range 3000 {
			c.heap.Free(must(c.heap.Alloc(1000 + 1000*(i%2))))
		}
		c.wrong(b, func() { s.free(c.heap, b) })
	}, always("double free"), nil},

	{"double free, interleaved", shapes, func(c *scene, s shape) {
		a, b := s.alloc(c.heap), s.alloc(c.heap)
		s.free(c.heap, a)
		s.free(c.heap, b)
		c.wrong(a, func() { s.free(c.heap, a) })
	}, always("double free"), nil},

	{"double free, after the block was used again", shapes, func(c *scene, s shape) {
		runtime.GOMAXPROCS(1) // another P's cache would set the slot aside
		a := s.alloc(c.heap)
		s.free(c.heap, a)
		b := s.alloc(c.heap)
		c.wrong(a, func() { s.free(c.heap, a) })
		c.innocent()
		s.free(c.heap, b)
	}, inQuarantine("double free"), map[string]outcomes{
		"large":   {"late: double free", "double free", "double free", "double free"},
		"aligned": {"double free", "late: double free", "double free", "double free"},
	}},

	{"double free, after its span was given back", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		s.free(c.heap, b)
		c.heap.Release(everything)
		c.wrong(b, func() { s.free(c.heap, b) })
	}, always("double free"), nil},

	{"double free, twice in a batch", aBlock, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b, func() { c.heap.FreeBatch([][]byte{b, b}) })
		c.freeIfClean(s, b)
	}, always("double free"), nil},

	{"double free, through a Local", aBlock, func(c *scene, s shape) {
		l := c.heap.Local()
		b := must(l.Alloc(100))
		l.Free(b)
		c.wrong(b, func() { l.Free(b) })
		l.Close()
	}, always("double free"), nil},

	{"double free, of a slice", aBlock, func(c *scene, s shape) {
		b := must(spanheap.MakeSlice[byte](c.heap, 10, 300))
		spanheap.FreeSlice(b)
		c.wrong(b, func() { spanheap.FreeSlice(b) })
	}, always("double free"), nil},

	{"double free, from two goroutines at the same moment", []shape{small, tiny, aligned, typed}, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b, func() {
			go s.free(c.heap, b)
			s.free(c.heap, b)
			select {}
		})
		c.freeIfClean(s, b)
	}, always("double free"), nil},

	{"use after free: Realloc", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		s.free(c.heap, b)
		c.wrong(b, func() { c.heap.Realloc(b, 500) })
	}, always("double free"), nil},

	{"use after free: UsableSize", aBlock, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		s.free(c.heap, b)
		c.wrong(b, func() { spanheap.UsableSize(b) })
	}, always("double free"), nil},

	{"foreign address: Go heap", aBlock, func(c *scene, s shape) {
		b := make([]byte, 100)
		c.wrong(b, func() { c.heap.Free(b) })
	}, always("foreign address"), nil},

	{"foreign address: global", aBlock, func(c *scene, s shape) {
		c.wrong(global[:], func() { spanheap.Free(global[:]) })
	}, always("foreign address"), nil},

	{"foreign address: never mapped", aBlock, func(c *scene, s shape) {
		b := bytesAt(1<<20, 8)
		c.wrong(b, func() { spanheap.Free(b) })
	}, always("foreign address"), nil},

	{"interior address: misaligned", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b[1:], func() { c.heap.Free(b[1:]) })
		c.freeIfClean(s, b)
	}, always("interior address"), nil},

	{"interior address: the last byte", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b[len(b)-1:], func() { spanheap.Free(b[len(b)-1:]) })
		c.freeIfClean(s, b)
	}, always("interior address"), nil},

	{"interior address: Realloc", aBlock, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b[16:], func() { c.heap.Realloc(b[16:], 300) })
		c.freeIfClean(s, b)
	}, always("interior address"), nil},

	{"wrong heap", []shape{small, huge, tiny, aligned}, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b, func() { s.free(c.other, b) })
		c.freeIfClean(s, b)
	}, always("wrong heap"), nil},

	{"size mismatch: another class", aBlock, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b, func() { spanheap.Delete((*record)(unsafe.Pointer(&b[0]))) })
		c.freeIfClean(s, b)
	}, always("size mismatch"), nil},

	{"size mismatch: the same class", aBlock, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b, func() { spanheap.Delete((*[101]byte)(unsafe.Pointer(&b[0]))) })
		c.freeIfClean(s, b)
	}, atALevel("size mismatch"), nil},

	{"heap closed", shapes, func(c *scene, s shape) {
		h := must(spanheap.NewHeap(spanheap.Options{Name: "closed"}))
		b := s.alloc(h)
		if c.clean {
			s.free(h, b)
		}
		if err := h.Close(); err != nil {
			panic(err)
		}
		c.wrong(b, func() { s.free(h, b) })
	}, always("heap closed"), nil},

	{"overflow by one byte, to Free", anyWise, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b, func() { bytesAt(addressOf(b), len(b)+1)[len(b)] = 0 })
		s.free(c.heap, b)
	}, atALevel("overflow"), nil},

	{"overflow by one byte, to Realloc", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b, func() { bytesAt(addressOf(b), len(b)+1)[len(b)] = 0 })
		c.heap.Free(must(c.heap.Realloc(b, 500)))
	}, atALevel("overflow"), nil},

	{"overflow by one byte, to Verify", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		c.wrong(b, func() { bytesAt(addressOf(b), len(b)+1)[len(b)] = 0 })
		c.verify()
		s.free(c.heap, b)
	}, atALevel("overflow"), nil},

	{"overflow by one byte, where the size fills the slot", aBlock, func(c *scene, s shape) {
		kept := must(c.heap.Alloc(128))
		b := must(c.heap.Alloc(128))
		c.wrong(b, func() { bytesAt(addressOf(b), 129)[128] = 0 })
		c.heap.FreeBatch([][]byte{b, kept})
	}, atALevel("overflow"), nil},

	{"write after free, to Close", anyWise, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		s.free(c.heap, b)
		c.wrong(b, func() { b[3] = 1 })
	}, atALevel("write after free"), nil},

	{"write after free, to Verify", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		s.free(c.heap, b)
		c.wrong(b, func() { b[len(b)-1] = 1 })
		c.verify()
	}, atALevel("write after free"), nil},

	{"write after free, to the next allocation", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		s.free(c.heap, b)
		c.wrong(b, func() { b[0] = 1 })
		next := s.alloc(c.heap)
		c.innocent()
		s.free(c.heap, next)
	}, outcomes{"", "write after free", "late: write after free", "late: write after free"}, map[string]outcomes{
		"large": {"", "late: write after free", "late: write after free", "late: write after free"},
	}},

	{"read after free", shapes, func(c *scene, s shape) {
		b := s.alloc(c.heap)
		s.free(c.heap, b)
		c.wrong(b, func() { sink = b[0] })
	}, outcomes{}, nil},
}

var sink byte

// verify panics with what Verify finds, for a program.
func (c *scene) verify() {
	if err := c.heap.Verify(); err != nil {
		panic(err)
	}
}
