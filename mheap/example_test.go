package mheap_test

import (
	"fmt"
	"log"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// A span is cut into slots; from any address the page map leads to its slot, and of two frees of one
// slot one wins.
func Example() {
	h := mheap.New(1, arena.NewSpace(arena.Host()), arena.Metadata())
	defer h.Close()
	class := mheap.ClassOf(sizeclass.Of(100), true)
	span, err := h.Alloc(uintptr(class.Layout().Pages), class, 0)
	if err != nil {
		log.Fatal(err)
	}

	var slots [1]mheap.Slot
	span.Take(slots[:])
	mheap.SetSlotState(slots[0].State, mheap.Live)
	fmt.Println(span.Free(), "of", span.Slots(), "slots are in the span")

	p := slots[0].Addr
	state, begins := mheap.EntryOf(p).Slot(p)
	_, inside := mheap.EntryOf(p + 1).Slot(p + 1)
	fmt.Println(state == slots[0].State, begins, inside)
	fmt.Println(mheap.FreeSlot(state, mheap.Away), mheap.FreeSlot(state, mheap.Away))
	// Output:
	// 77 of 78 slots are in the span
	// true true false
	// true false
}
