//go:build !peer || peer_spanheap_local || peer_make || peer_modernc

package pattern

import (
	"slices"
	"time"
	"unsafe"

	"github.com/spanheap/spanheap/bench/flat"
	"github.com/spanheap/spanheap/bench/resident"
)

// Replay replays the flat trace in file on the subject, on one goroutine, for about the time given and
// three rounds at least. The resident memory is that of the first round.
func Replay(file string, about time.Duration) (Replayed, error) {
	t, err := flat.Read(file)
	if err != nil {
		return Replayed{}, err
	}
	p := &player{hand: open(), blocks: make([]unsafe.Pointer, t.Blocks)}
	clear(p.blocks)
	defer p.hand.close()
	r := Replayed{Events: len(t.Events), PeakLive: t.PeakLive}
	before, known := resident.Now()
	var rounds []float64
	for spent := time.Duration(0); len(rounds) < 3 || spent < about; {
		start := time.Now()
		p.play(t.Events)
		elapsed := time.Since(start)
		if len(rounds) == 0 && known {
			highest, _ := resident.Highest()
			r.Resident = highest - min(before, highest)
		}
		p.play(t.Survivors)
		p.born = 0
		rounds = append(rounds, float64(elapsed.Nanoseconds())/float64(max(len(t.Events), 1)))
		spent += elapsed
	}
	slices.Sort(rounds)
	r.Best, r.Median, r.Rounds = rounds[0], rounds[len(rounds)/2], len(rounds)
	return r, nil
}

// A player holds blocks by their addresses, as the C program does.
type player struct {
	hand   handle
	blocks []unsafe.Pointer // by number; nil when dead
	born   int
}

const (
	opAlloc = iota
	opFree
	opRealloc
	opZeroed
	opAligned
)

// play makes the calls and touches every block.
func (p *player) play(events []flat.Event) {
	h, blocks, born := p.hand, p.blocks, p.born
	for i := range events {
		e := &events[i]
		var b []byte
		switch e.Op {
		case opFree:
			h.put(block(unsafe.Slice((*byte)(blocks[e.ID]), int(e.Size))))
			blocks[e.ID] = nil
			continue
		case opAlloc:
			b = h.get(int(e.Size))
		case opRealloc:
			b = h.regrow(unsafe.Slice((*byte)(blocks[e.ID]), int(e.Was)), int(e.Size))
			blocks[e.ID] = nil
		case opZeroed:
			b = h.getZeroed(int(e.Size))
		case opAligned:
			b = h.getAligned(int(e.Size), 1<<e.Align)
		}
		touchAll(b)
		blocks[born] = unsafe.Pointer(unsafe.SliceData(b))
		born++
	}
	p.born = born
}

var ones = [64]byte{
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
}

// touchAll writes the block's first 64 bytes and a byte of each 4 KiB behind them.
func touchAll(b []byte) {
	copy(b, ones[:])
	for i := 4096; i < len(b); i += 4096 {
		b[i] = 1
	}
}
