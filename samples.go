package spanheap

import (
	"math"
	"math/bits"
	"slices"
)

// Samples: what the profile knows. Every sampled block counts for all those that were not: one in so
// many of its size is sampled, and so many it weighs. The weights of a record's blocks are summed up as
// they come and go, so records hold estimates of what there is, whatever the rate was when.

// maxDepth bounds the frames of a stack that are kept, innermost first, and maxRecords the records of a
// heap; what comes later is counted in one record a class, without a stack.
const (
	maxDepth   = 64
	maxRecords = 1 << 13
)

// samples is a heap's records, guarded by the lock of its notes.
type samples struct {
	records map[uint64]*record // by the hashes of their places; those of one hash are chained
	count   int
	epoch   uint32
}

// record is what the profile knows of one place. It is cut into epochs: recent counts the blocks that were
// allocated in the epoch.
type record struct {
	place
	next         *record // of the same hash
	ever, recent counts
	epoch        uint32 // of recent
}

// place is what tells records apart: from where blocks were allocated, and of what size class. It does not
// change.
type place struct {
	stack []uintptr // PCs, innermost first
	class uint8
}

// counts are sums over the blocks that were allocated, and over those of them that live.
type counts struct{ allocated, live totals }

// totals are sums over blocks, each times its weight.
type totals struct {
	blocks uint64 // in parts of 1/weightOne
	bytes  uint64 // asked for
	waste  uint64 // bytes that the blocks have beyond what was asked for
}

// sample is a sampled block's part of the profile.
type sample struct {
	record *record // nil for a block that is not sampled
	weight uint64
	epoch  uint32 // of the allocation
}

// weightOne is the weight of a block that counts for itself alone.
const (
	weightOne  = 1 << weightBits
	weightBits = 16
)

// weightOf returns what a block of n bytes weighs that was sampled with the rate: the reciprocal of the
// probability with which it was.
func weightOf(n, rate uintptr) uint64 {
	if rate <= 1 {
		return weightOne
	}
	x := float64(n) / float64(rate)
	if x > 1 {
		return uint64(math.Round(-weightOne / math.Expm1(-x)))
	}
	series := float64(rate)/float64(n) + 1./2 + x*(1./12-x*x*(1./720-x*x/30240)) // Bernoulli's, to a part in a million
	return uint64(math.Round(weightOne * series))
}

// record returns the record of a place, whose stack it copies where it keeps it.
func (s *samples) record(p place) *record {
	hash := p.hash()
	if r := s.find(hash, p); r != nil {
		return r
	}
	if s.count >= maxRecords {
		p.stack = nil
		hash = p.hash()
		if r := s.find(hash, p); r != nil {
			return r
		}
	}
	if s.records == nil {
		s.records = map[uint64]*record{}
	}
	r := &record{place: place{slices.Clone(p.stack), p.class}, next: s.records[hash]}
	s.records[hash] = r
	s.count++
	return r
}

func (s *samples) find(hash uint64, p place) *record {
	r := s.records[hash]
	for r != nil && (r.class != p.class || !slices.Equal(r.stack, p.stack)) {
		r = r.next
	}
	return r
}

// hash is a step of rotate, multiply and exclusive or for each PC; the products do not wait for one another.
func (p place) hash() uint64 {
	h := uint64(p.class)
	for _, pc := range p.stack {
		h = bits.RotateLeft64(h, 7) ^ uint64(pc)*0x9e3779b97f4a7c15
	}
	return h
}

// each visits all records.
func (s *samples) each(visit func(r *record)) {
	for _, r := range s.records {
		for ; r != nil; r = r.next {
			visit(r)
		}
	}
}

// minus returns the difference of two counts, whose sums are below 0 where more has gone than come.
func (c counts) minus(d counts) counts {
	c.allocated.subtract(d.allocated)
	c.live.subtract(d.live)
	return c
}

// placedCounts are the counts of a place, which is the record's own.
type placedCounts struct {
	*place
	counts
}

// all returns what was ever sampled.
func (s *samples) all() []placedCounts {
	all := make([]placedCounts, 0, s.count)
	s.each(func(r *record) { all = append(all, placedCounts{&r.place, r.ever}) })
	return all
}

// cut returns what was sampled in the epoch, and begins another.
func (s *samples) cut() (recent []placedCounts) {
	s.each(func(r *record) {
		if r.epoch == s.epoch {
			recent = append(recent, placedCounts{&r.place, r.recent})
		}
	})
	s.epoch++
	return recent
}

// totals returns the block's part of a record.
func (s sample) totals(size, usable uintptr) totals {
	return totals{
		blocks: s.weight,
		bytes:  s.weight * uint64(size) / weightOne,
		waste:  s.weight * uint64(usable-size) / weightOne,
	}
}

// begin counts the block, which was just allocated, or got its size where it lies.
func (s sample) begin(size, usable uintptr, allocated bool) {
	t, r := s.totals(size, usable), s.record
	if r.epoch != s.epoch {
		r.recent, r.epoch = counts{}, s.epoch
	}
	if allocated {
		r.ever.allocated.add(t)
		r.recent.allocated.add(t)
	}
	r.ever.live.add(t)
	r.recent.live.add(t)
}

// freed counts the end of the block.
func (s sample) freed(size, usable uintptr) {
	if s.record == nil {
		return
	}
	t := s.totals(size, usable)
	s.record.ever.live.subtract(t)
	if s.epoch == s.record.epoch {
		s.record.recent.live.subtract(t)
	}
}

// resized counts that other bytes were asked for of the block, in place.
func (s sample) resized(before, after, usable uintptr) {
	if s.record == nil {
		return
	}
	s.freed(before, usable)
	t := s.totals(after, usable)
	s.record.ever.live.add(t)
	if s.epoch == s.record.epoch {
		s.record.recent.live.add(t)
	}
}

func (t *totals) add(u totals) {
	t.blocks += u.blocks
	t.bytes += u.bytes
	t.waste += u.waste
}

func (t *totals) subtract(u totals) {
	t.blocks -= u.blocks
	t.bytes -= u.bytes
	t.waste -= u.waste
}
