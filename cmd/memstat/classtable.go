package main

import (
	"strconv"

	"github.com/spanheap/spanheap"
)

// A classTable is the size classes, smallest first. Its rows are numbered from 0; large blocks are
// the row behind the last, and tiny ones the row before the first.
type classTable []spanheap.SizeClass

const tinyRow = -1

// place returns the row of a block, and the bytes that it gets.
func (t classTable) place(k kind) (row int, bytes uint64) {
	good := spanheap.GoodSize(int(k.size))
	if k.size == 0 || good < t[0].Size && k.align <= uint64(good) {
		return tinyRow, uint64(good)
	}
	for row, c := range t {
		if good <= c.Size && k.align <= uint64(c.MinAlign) {
			return row, uint64(c.Size)
		}
	}
	beyond := t[len(t)-1].Size + 1
	return len(t), uint64(spanheap.GoodSize(max(int(k.size), beyond)))
}

// name returns what the heap's own Stats call the row.
func (t classTable) name(row int) string {
	switch row {
	case tinyRow:
		return "tiny"
	case len(t):
		return "large"
	}
	return strconv.Itoa(t[row].Class)
}

// slot returns the bytes of the row's slots, 0 where they differ.
func (t classTable) slot(row int) uint64 {
	switch row {
	case tinyRow:
		return uint64(spanheap.GoodSize(1))
	case len(t):
		return 0
	}
	return uint64(t[row].Size)
}

// tails returns the bytes behind the last slots of the full spans that so many blocks take.
func (t classTable) tails(row int, blocks uint64) uint64 {
	if row == tinyRow || row == len(t) {
		return 0
	}
	return blocks * uint64(t[row].TailWaste) / uint64(t[row].Objects)
}
