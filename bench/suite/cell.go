package suite

import (
	"fmt"
	"strconv"
)

// A Cell is one row of the results: a pattern with its parameters.
type Cell struct {
	Pattern string `json:"pattern"`
	Size    int    `json:"size"` // bytes of a block; 0 where the pattern draws its own sizes
	Procs   int    `json:"procs"`
	Zeroed  bool   `json:"zeroed"` // blocks are asked for zeroed
}

// Name returns the cell's name for benchstat, without the impl.
func (c Cell) Name() string {
	return fmt.Sprintf("pattern=%s/size=%s/procs=%d/fill=%s", c.Pattern, c.SizeText(), c.Procs, c.Fill())
}

// Fill says what blocks hold when they are handed out.
func (c Cell) Fill() string {
	if c.Zeroed {
		return "zeroed"
	}
	return "uninit"
}

// ownSizes says in bytes which sizes the patterns draw that draw their own.
var ownSizes = map[string]string{
	"mixed": "8-8192", "swap": "8-8192", "larson": "8-1000", "sh6bench": "1-1000", "sh8bench": "1-1000",
	"alloc-test": "16-8192", "mstress": "16-8192", "rptest": "16-16000",
}

// SizeText returns the size, or the range of sizes, in bytes.
func (c Cell) SizeText() string {
	if c.Size > 0 {
		return strconv.Itoa(c.Size)
	}
	return ownSizes[c.Pattern]
}

// Large tells whether the cell is about large objects, which the mheap serves.
func (c Cell) Large() bool { return c.Size > 4096 }

// over returns the cells of a pattern over sizes and over goroutines.
func over(pattern string, sizes, procs []int) []Cell {
	var cells []Cell
	for _, s := range sizes {
		for _, p := range procs {
			cells = append(cells, Cell{Pattern: pattern, Size: s, Procs: p})
		}
	}
	return cells
}

func zeroed(cells []Cell) []Cell {
	for i := range cells {
		cells[i].Zeroed = true
	}
	return cells
}

func join(groups ...[]Cell) []Cell {
	var cells []Cell
	for _, g := range groups {
		cells = append(cells, g...)
	}
	return cells
}

var (
	own   = []int{0}
	one   = []int{1}
	many  = []int{2, 4, 8}
	every = []int{1, 2, 4, 8}
)

// FullCells returns all rows: every pattern over its sizes and over the goroutines that it can have. Zeroed blocks differ by who
// zeroes them, which more goroutines do not change.
func FullCells() []Cell {
	return join(
		over("pair", []int{16, 64, 256, 1024, 4096, 32 << 10, 256 << 10}, every),
		over("pair-1000-live", []int{64, 1024, 4096}, every),
		over("batch-64", []int{64, 1024}, every),
		over("batch-1000", []int{64, 1024, 4096}, every),
		over("batch-1000-random", []int{64, 1024, 4096}, every),
		over("mixed", own, every),
		over("mixed-constant", []int{64, 1024}, every),
		over("producer-consumer", []int{64, 1024}, many),
		over("swap", own, many),
		over("larson", own, every),
		over("xmalloc-test", []int{64}, many),
		over("sh6bench", own, every),
		over("sh8bench", own, every),
		over("alloc-test", own, every),
		over("mstress", own, every),
		over("rptest", own, every),
		over("cache-scratch", []int{8}, many),
		over("cache-thrash", []int{8}, many),
		zeroed(join(
			over("pair", []int{16, 64, 256, 1024}, one),
			over("batch-1000-random", []int{16, 64, 256, 1024}, one),
			over("mixed-constant", []int{64, 1024}, one),
			over("mixed", own, []int{1, 2}),
		)),
	)
}

// ShortCells returns the rows of a short run.
func ShortCells() []Cell {
	return join(
		over("pair", []int{64, 1024, 32 << 10, 256 << 10}, one),
		over("pair", []int{64}, []int{2}),
		over("pair-1000-live", []int{64}, one),
		over("batch-1000", []int{64}, one),
		over("batch-1000-random", []int{64, 1024}, one),
		over("batch-1000-random", []int{64}, []int{2}),
		over("mixed", own, []int{1, 2}),
		over("mixed-constant", []int{64}, one),
		over("producer-consumer", []int{64}, []int{2}),
		over("swap", own, []int{2}),
		over("larson", own, []int{2}),
		over("xmalloc-test", []int{64}, []int{2}),
		over("sh6bench", own, one),
		over("alloc-test", own, one),
		over("mstress", own, []int{2}),
		over("rptest", own, []int{2}),
		zeroed(join(
			over("pair", []int{64, 1024}, one),
			over("batch-1000-random", []int{64}, one),
		)),
	)
}

// GuardCells returns the rows of which a short run makes sure that nothing is grossly broken.
func GuardCells() []Cell {
	return join(
		over("pair", []int{64}, []int{1, 2}),
		over("batch-1000-random", []int{64}, []int{1, 2}),
		zeroed(over("pair", []int{64}, one)),
		zeroed(over("batch-1000-random", []int{64}, one)),
	)
}
