package pattern

import "sync/atomic"

// pipes is producers that allocate groups of blocks, and consumers, one for each, that read and free
// them. A producer is a few groups ahead at most. An operation is one block.
type pipes struct {
	hands
	size  int
	pipes []pipe
}

// pipeGroups is how many groups a pipe holds.
const pipeGroups = 16

// A pipe is a ring of groups with one writer and one reader.
type pipe struct {
	written atomic.Uint64 // groups, by the writer
	_       cacheLine
	read    atomic.Uint64 // groups, by the reader
	_       cacheLine
	groups  [pipeGroups][groupBlocks]block
}

func newPipes(p Params) workload {
	return &pipes{openAll(p.Procs), p.Size, make([]pipe, p.Procs/2)}
}

func (w *pipes) run(n int) int {
	groups := uint64(n+groupBlocks-1) / groupBlocks
	together(len(w.hands), func(i int) {
		p := &w.pipes[i/2]
		if i%2 == 0 {
			p.write(w.hands[i], groups, w.size)
		} else {
			p.drain(w.hands[i], groups)
		}
	})
	return int(groups) * groupBlocks
}

func (p *pipe) write(h handle, groups uint64, size int) {
	for end := p.written.Load() + groups; p.written.Load() < end; p.written.Add(1) {
		next := p.written.Load()
		for s := spin(0); next-p.read.Load() == pipeGroups; {
			s.again()
		}
		h.fill(p.groups[next%pipeGroups][:], size)
	}
}

func (p *pipe) drain(h handle, groups uint64) {
	for end := p.read.Load() + groups; p.read.Load() < end; p.read.Add(1) {
		next := p.read.Load()
		for s := spin(0); next == p.written.Load(); {
			s.again()
		}
		blocks := p.groups[next%pipeGroups][:]
		for _, b := range blocks {
			if look(b) != 1 {
				panic("pattern: the consumer does not find what the producer wrote")
			}
		}
		h.drain(blocks)
	}
}
