package main

import (
	"fmt"
	"math/bits"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/trace"
)

// A player makes a trace's calls on a heap, for one goroutine. Its table of blocks is as long as the
// trace has blocks from the start: to play a trace allocates nothing on the Go heap.
type player struct {
	heap   *spanheap.Heap
	blocks [][]byte // by number, as the trace numbers them; nil when dead
	born   int
	err    error // what ended play before the last event
}

// blockEntry is how many bytes of a player's table each block takes: a slice's three words.
const blockEntry = 3 * bits.UintSize / 8

// newPlayer returns a player whose table has been written to, so that it is resident.
func newPlayer(blocks int) *player {
	p := &player{blocks: make([][]byte, blocks)}
	clear(p.blocks)
	return p
}

// play makes the calls, which go on where the last play ended, and touches every block.
func (p *player) play(events []trace.Event) {
	heap, blocks, born := p.heap, p.blocks, p.born
	for i := range events {
		e := &events[i]
		var b []byte
		var err error
		switch e.Op {
		case trace.Free:
			heap.Free(blocks[e.ID])
			blocks[e.ID] = nil
			continue
		case trace.Alloc:
			b, err = heap.AllocUninit(int(e.Size))
		case trace.Realloc:
			if b, err = heap.Realloc(blocks[e.ID], int(e.Size)); err == nil {
				blocks[e.ID] = nil
			}
		case trace.AllocZeroed:
			b, err = heap.Alloc(int(e.Size))
		case trace.AllocAligned:
			b, err = heap.AllocAligned(int(e.Size), 1<<e.Align)
		}
		if err != nil {
			p.err = fmt.Errorf("block %d: %w", born, err)
			return
		}
		touch(b)
		blocks[born] = b
		born++
	}
	p.born = born
}

var ones = [64]byte{
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
}

// touch writes the block's first 64 bytes and a byte of each 4 KiB behind them.
func touch(b []byte) {
	copy(b, ones[:])
	for i := 4096; i < len(b); i += 4096 {
		b[i] = 1
	}
}

// freeSurvivors frees what the trace never freed. The player can then play the trace anew.
func (p *player) freeSurvivors() {
	for i, b := range p.blocks {
		p.heap.Free(b)
		p.blocks[i] = nil
	}
	p.born = 0
}
