package spanheap_test

import (
	"fmt"
	"log"
	"time"

	"github.com/spanheap/spanheap"
)

func ExampleHeap_Leaks() {
	h, err := spanheap.NewHeap(spanheap.Options{Debug: spanheap.DebugStacks})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Alloc(100); err != nil {
		log.Fatal(err)
	}
	r := h.Leaks()
	fmt.Println(r.Exact, r.Leaks[0].Blocks, r.Leaks[0].Bytes)
	// Output: true 1 100
}

func ExampleHeap_LeaksSince() {
	h, err := spanheap.NewHeap(spanheap.Options{Debug: spanheap.DebugStacks})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Alloc(100); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(h.LeaksSince(time.Now().Add(time.Hour)).Leaks))
	// Output: 0
}

func ExampleLeaks() {
	fmt.Print(spanheap.Leaks()) // what lives in all heaps, the most bytes first
}
