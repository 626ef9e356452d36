// Command service has two call sites, of which one grows between the profiles before and after, which it writes
// to the folder that is its argument.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/spanheap/spanheap"
)

func main() {
	spanheap.SetProfileRate(1)
	heap, err := spanheap.NewHeap(spanheap.Options{Name: "store"})
	check(err)
	for range 10 {
		fillIndex(heap)
		openSession(heap)
	}
	write(heap, "before")
	for range 500 {
		openSession(heap)
	}
	write(heap, "after")
	check(heap.Close())
}

//go:noinline
func fillIndex(heap *spanheap.Heap) {
	_, err := heap.Alloc(100_000)
	check(err)
}

//go:noinline
func openSession(heap *spanheap.Heap) {
	_, err := heap.Alloc(1000)
	check(err)
}

func write(heap *spanheap.Heap, name string) {
	file, err := os.Create(filepath.Join(os.Args[1], name))
	check(err)
	check(heap.WriteHeapProfile(file))
	check(file.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
