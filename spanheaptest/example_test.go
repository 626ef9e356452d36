package spanheaptest_test

import (
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/spanheaptest"
)

func ExampleNoLeaks() {
	_ = func(t *testing.T) { // a test
		spanheaptest.NoLeaks(t)
		b, err := spanheap.Alloc(100)
		if err != nil {
			t.Fatal(err)
		}
		spanheap.Free(b) // without it the test fails
	}
}
