package pattern

import (
	"fmt"
	"time"

	"github.com/spanheap/spanheap/bench/resident"
)

// A Retained says what stays resident after frees. Figures are bytes; resident ones count from the level
// before the first block, and are 0 where the system does not tell.
type Retained struct {
	Live   uint64 // asked for by the blocks that were not freed
	Full   uint64 // resident before the first free
	AtOnce uint64 // resident after the last free
	Later  uint64 // resident after the wait
}

// Retain allocates blocks as mixed does, writes all their bytes, and frees a share of them, chosen at
// random, in random order. It then waits, without a call to the allocator, after it has called waiting
// with the figures known by then.
func Retain(blocks, percent int, wait time.Duration, waiting func(Retained)) (r Retained, err error) {
	if blocks < 1 || percent < 0 || percent > 100 {
		return r, fmt.Errorf("retention of %d blocks, %d %% freed", blocks, percent)
	}
	hand, s, state := open(), mixedSizes(0), seed(0)
	defer hand.close()
	table := make([]block, blocks)
	clear(table)
	before, _ := resident.Now()
	now := func() uint64 {
		level, _ := resident.Now()
		return level - min(before, level)
	}
	for i := range table {
		state = random(state)
		b := hand.get(s.draw(state))
		clear(bytesOf(b))
		table[i] = b
	}
	r.Full = now()
	freed := int(uint64(blocks) * uint64(percent) / 100)
	for i := range freed {
		state = random(state)
		k := i + pick(state, blocks-i)
		table[i], table[k] = table[k], table[i]
		hand.put(table[i])
	}
	r.AtOnce = now()
	for _, b := range table[freed:] {
		r.Live += uint64(len(bytesOf(b)))
	}
	waiting(r)
	time.Sleep(wait)
	r.Later = now()
	hand.drain(table[freed:])
	return r, nil
}
