package mcache_test

import (
	"fmt"
	"log"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// A leased cache has nothing at first: the slow path fills its magazine. What is freed is what the
// next allocation gets.
func Example() {
	h := mheap.New(1, arena.NewSpace(arena.Host()), arena.Metadata())
	defer h.Close()
	var caches mcache.Set
	caches.Init(h)
	defer caches.Close()
	cache, err := caches.Lease()
	if err != nil {
		log.Fatal(err)
	}

	const n = 100
	class := mheap.ClassOf(sizeclass.Of(n), true)
	fmt.Println("a slot at hand:", cache.Pop(class, n) != 0)
	p, _, err := caches.Alloc(cache, class, n)
	if err != nil {
		log.Fatal(err)
	}
	state, _ := mheap.EntryOf(p).Slot(p)
	if mheap.FreeSlot(state, mheap.Away) { // the block is Live no more, and the slot the caller's
		cache.Push(class, p, state, n)
	}
	fmt.Println("the same slot:", cache.Pop(class, n) == p)
	// Output:
	// a slot at hand: false
	// the same slot: true
}
