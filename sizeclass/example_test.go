package sizeclass_test

import (
	"fmt"

	"github.com/spanheap/spanheap/sizeclass"
)

// What a request of 100 bytes gets.
func Example() {
	class := sizeclass.Of(100)
	fmt.Printf("class %d: slots of %d bytes, aligned to %d\n", class, sizeclass.Size[class], sizeclass.MinAlign(class))
	fmt.Printf("a span of %d bytes has %d of them, and %d bytes at its end\n",
		sizeclass.SpanBytes(class), sizeclass.Objects(class), sizeclass.TailWaste(class))
	fmt.Printf("the byte at offset 1000 is in slot %d\n", sizeclass.Slot(1000, class))
	// Output:
	// class 13: slots of 104 bytes, aligned to 8
	// a span of 8192 bytes has 78 of them, and 80 bytes at its end
	// the byte at offset 1000 is in slot 9
}
