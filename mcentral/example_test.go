package mcentral_test

import (
	"fmt"
	"log"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Slots come from a span and go back to it; one span stays for the next, until Drain.
func Example() {
	h := mheap.New(1, arena.NewSpace(arena.Host()), arena.Metadata())
	defer h.Close()
	var central mcentral.Central
	central.Init(h, mheap.ClassOf(sizeclass.Of(100), true))

	var slots [4]mheap.Slot
	n, err := central.Take(slots[:])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n, "slots taken of", central.Usage().Spans, "span")
	central.Return(slots[:n])
	fmt.Println(central.Usage().Spans, "span")
	central.Drain()
	fmt.Println(central.Usage().Spans, "spans")
	// Output:
	// 4 slots taken of 1 span
	// 1 span
	// 0 spans
}
