package spanheap_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/spanheap/spanheap"
)

// Node may lie off the Go heap: it holds no Go pointers, and refers to other nodes by Ptr.
type Node struct {
	Key         uint64
	Left, Right spanheap.Ptr[Node]
}

// A heap of one's own, with two values and a block of bytes in it.
func Example() {
	h, err := spanheap.NewHeap(spanheap.Options{Name: "index"})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close() // ends every block of the heap at once

	root, err := spanheap.New[Node](h) // zeroed
	if err != nil {
		log.Fatal(err) // the operating system refused memory, or Node holds Go pointers
	}
	leaf, err := spanheap.New[Node](h)
	if err != nil {
		log.Fatal(err)
	}
	leaf.Key = 7
	root.Left = spanheap.PtrTo(leaf)
	fmt.Println(root.Left.Get().Key)
	spanheap.Delete(leaf)

	value, err := h.Alloc(100) // []byte, len and cap 100
	if err != nil {
		log.Fatal(err)
	}
	copy(value, "bytes")
	h.Free(value)

	fmt.Println(h.Stats().LiveBlocks, "block lives")
	// Output:
	// 7
	// 1 block lives
}

// insert puts a new node into the tree below link.
func insert(h *spanheap.Heap, link *spanheap.Ptr[Node], key uint64) error {
	for !link.IsNil() {
		if at := link.Get(); key < at.Key {
			link = &at.Left
		} else {
			link = &at.Right
		}
	}
	node, err := spanheap.New[Node](h) // zeroed
	if err != nil {
		return err // the operating system refused memory
	}
	node.Key = key
	*link = spanheap.PtrTo(node)
	return nil
}

// drop prints the keys below p, in order, and deletes the nodes.
func drop(p spanheap.Ptr[Node]) {
	if p.IsNil() {
		return
	}
	node := p.Get()
	drop(node.Left)
	fmt.Println(node.Key)
	drop(node.Right)
	spanheap.Delete(node)
}

// Off-heap values refer to each other by Ptr: a tree.
func ExamplePtr() {
	h, err := spanheap.NewHeap(spanheap.Options{Name: "tree"})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()

	var root spanheap.Ptr[Node]
	for _, key := range []uint64{5, 2, 8} {
		if err := insert(h, &root, key); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(h.Stats().LiveBlocks, "nodes live")
	drop(root)
	fmt.Println(h.Stats().LiveBlocks, "nodes live")
	// Output:
	// 3 nodes live
	// 2
	// 5
	// 8
	// 0 nodes live
}

// Blocks on the process-wide heap need nothing made first.
func ExampleAlloc() {
	b, err := spanheap.Alloc(5)
	if err != nil {
		log.Fatal(err)
	}
	copy(b, "hello")
	if b, err = spanheap.Realloc(b, 11); err != nil {
		log.Fatal(err) // b is valid still, with its 5 bytes
	}
	copy(b[5:], " world")
	fmt.Printf("%s, %d bytes\n", b, cap(b))
	spanheap.Free(b)
	// Output: hello world, 11 bytes
}

// A worker with a cache to itself. Its blocks are ordinary blocks, which whoever gets them frees.
func ExampleHeap_Local() {
	h, err := spanheap.NewHeap(spanheap.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	lines := make(chan []byte, 4)
	go func() { // the only goroutine that uses l
		defer close(lines)
		l := h.Local()
		defer l.Close() // its blocks live on
		for i := range 3 {
			scratch, err := l.AllocUninit(100)
			if err != nil {
				log.Print(err)
				return
			}
			line, err := l.Alloc(1)
			if err != nil {
				log.Print(err)
				return
			}
			line[0] = 'a' + byte(i)
			l.Free(scratch)
			lines <- line
		}
	}()
	for line := range lines {
		fmt.Printf("%s", line)
		h.Free(line)
	}
	fmt.Println("", h.Stats().LiveBlocks, "live")
	// Output: abc 0 live
}

func ExampleHeap_AllocBatch() {
	h, err := spanheap.NewHeap(spanheap.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	rows := make([][]byte, 256)
	made, err := h.AllocBatch(64, rows)
	if err != nil { // there are fewer
		log.Print(err)
	}
	rows = rows[:made]
	for i, row := range rows {
		row[0] = byte(i)
	}
	fmt.Println(len(rows), "rows of", len(rows[0]), "bytes, the last of them", rows[made-1][0])
	h.FreeBatch(rows)
	// Output: 256 rows of 64 bytes, the last of them 255
}

func ExampleMakeSlice() {
	h := spanheap.Default()
	s, err := spanheap.MakeSlice[float64](h, 3, 1000)
	if err != nil {
		log.Fatal(err)
	}
	s = append(s, 1.5) // up to its capacity
	fmt.Println(s)
	spanheap.FreeSlice(s)
	// Output: [0 0 0 1.5]
}

// A type that holds Go pointers is refused, by the name of the field.
func ExampleNew_refused() {
	type user struct {
		ID   int
		Name string
	}
	_, err := spanheap.New[user](spanheap.Default())
	fmt.Println(err)
	// Output: spanheap: type contains Go pointers: spanheap_test.user: user.Name is a string
}

// Whoever wants to go on after a mistake can.
func ExampleMisuseError() {
	b, err := spanheap.Alloc(64)
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if m, ok := recover().(*spanheap.MisuseError); ok {
			fmt.Println(m.Op, "of a block of", m.ClassSize, "bytes:", m.Kind)
		}
	}()
	spanheap.Free(b)
	spanheap.Free(b)
	// Output: Free of a block of 64 bytes: double free
}

// What lies in a heap, and what is free, adds up to what it is backed by.
func ExampleHeap_Stats() {
	h, err := spanheap.NewHeap(spanheap.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Alloc(100); err != nil {
		log.Fatal(err)
	}
	s := h.Stats()
	fmt.Println(s.Live, "bytes live,", s.Rounding, "bytes of rounding")
	fmt.Println(s.Live+s.Rounding+s.SpanTail+s.CachedSlots+s.CentralSlots+s.FreePages+s.Metadata == s.Backed)
	// Output:
	// 100 bytes live, 4 bytes of rounding
	// true
}

// Which code allocated what lives in a heap; what is written here to a buffer goes to a file, for
// go tool pprof.
func ExampleHeap_WriteHeapProfile() {
	defer spanheap.SetProfileRate(spanheap.SetProfileRate(1)) // every block, and then as before
	h, err := spanheap.NewHeap(spanheap.Options{Name: "cache", Purpose: "pages"})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Alloc(1000); err != nil {
		log.Fatal(err)
	}
	var profile bytes.Buffer
	if err := h.WriteHeapProfile(&profile); err != nil {
		log.Fatal(err)
	}
	fmt.Println(profile.Len() > 0)
	// Output: true
}

func ExampleReadMetrics() {
	h, err := spanheap.NewHeap(spanheap.Options{Name: "measured"})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Alloc(1000); err != nil {
		log.Fatal(err)
	}
	samples := []spanheap.MetricSample{{Name: "/spanheap/memory/live:bytes"}, {Name: "/spanheap/blocks/live:blocks"}}
	h.ReadMetrics(samples) // spanheap.ReadMetrics for all heaps together
	for _, s := range samples {
		fmt.Println(s.Name, s.Value.Uint64())
	}
	// Output:
	// /spanheap/memory/live:bytes 1000
	// /spanheap/blocks/live:blocks 1
}

func ExampleHeap_Spans() {
	h, err := spanheap.NewHeap(spanheap.Options{Name: "walked"})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	for _, n := range []int{100, 100, 1000, 100_000} {
		if _, err := h.Alloc(n); err != nil {
			log.Fatal(err)
		}
	}
	for s := range h.Spans() {
		if s.State == spanheap.SpanInUse {
			fmt.Printf("class %s: %d of %d slots live\n", s.Class, s.Live, s.Slots)
		}
	}
	// Unordered output:
	// class 13: 2 of 78 slots live
	// class 40: 1 of 8 slots live
	// class large: 1 of 1 slots live
}
