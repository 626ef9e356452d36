package arena_test

import (
	"fmt"
	"log"

	"github.com/spanheap/spanheap/arena"
)

// An owner takes an arena, makes a part of it usable, and gives it back for the next owner.
func Example() {
	space := arena.NewSpace(arena.Host())
	taken, err := space.Take(1, 0)
	if err != nil {
		log.Fatal(err) // no address space
	}
	r := taken[0]
	fmt.Println(arena.Size-r.Untouched(), "bytes are ready")
	if err := r.Commit(space.System(), r.Base, 100_000); err != nil {
		log.Fatal(err) // no memory
	}
	fmt.Println(arena.Size-r.Untouched(), "bytes are ready")
	space.Give([]arena.Region{r})

	next, err := space.Take(1, 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same arena:", next[0].Base == r.Base)
	space.Give(next)
	// Output:
	// 0 bytes are ready
	// 1048576 bytes are ready
	// the same arena: true
}
