package mcache

import (
	"math/bits"
	"runtime"
	"sync/atomic"

	"github.com/spanheap/spanheap/mheap"
)

// What a cache allocates of a class is counted in one word, its meter, since a fast path can afford to write no more: how many
// bytes it may hand out until the slow path must see a block, and below that how many blocks it has handed out. With each
// stretch that the slow path grants, the class's ledger takes over what the meter has counted. So what was asked for is what
// was granted less what is left.

// meter is the bytes that are left of a stretch, shifted by blockBits, and below them mostBlocks less the blocks allocated in
// it. These are fewer, since a stretch has no more bytes, and no block has none.
type meter uint64

const (
	blockBits  = 27
	mostBlocks = 1<<blockBits - 1

	// mostMetered is the largest block that a meter takes, in bytes: 64 GiB, and 2 where words have 32 bits.
	mostMetered = 1 << (26 + bits.UintSize/32*5)
	_           = uint(mostBlocks - longestInterval - MaxCachedLarge)
)

// price is what a block of n bytes takes off a meter.
//
//go:nosplit
func price(n uintptr) meter { return meter(n)<<blockBits | 1 }

// meterOf is the meter of a stretch that begins.
func meterOf(stretch uintptr) meter { return meter(stretch)<<blockBits | mostBlocks }

// covers tells whether n bytes are left.
//
//go:nosplit
func (m meter) covers(n uintptr) bool { return m >= price(n) }

// take takes a block of n bytes, which are left.
//
//go:nosplit
func (m *meter) take(n uintptr) { *m -= price(n) }

// takeRun takes so many blocks of n bytes.
func (m *meter) takeRun(count, n uintptr) { *m -= meter(count) * price(n) }

func (m meter) left() uintptr { return uintptr(m >> blockBits) }

func (m meter) blocks() uintptr { return mostBlocks - uintptr(m&mostBlocks) }

// ledger is what the meter of one class does not tell.
type ledger struct {
	granted uintptr // bytes, ever; but for those that were counted elsewhere
	blocks  uintptr // allocated before the stretch began
	stretch uintptr // how many bytes it has
	drawn   uintptr // the rate with which it was drawn, if a block that goes beyond it is to be sampled; else 0
}

// grant ends the stretch of the class and begins one, behind a block of n bytes that is to be taken first.
func (c *Cache) grant(class mheap.SpanClass, n, stretch, drawn uintptr) {
	m, l := &c.bins[class].meter, &c.ledgers[class]
	left, blocks := m.left(), m.blocks()
	c.changeLedger(func() {
		store(&l.granted, l.granted+n+stretch-left)
		store(&l.blocks, l.blocks+blocks)
		atomic.StoreUint64((*uint64)(m), uint64(meterOf(n+stretch)))
	})
	l.stretch, l.drawn = stretch, drawn
}

// skip takes n bytes of the class's stretch, which are left, for a block that is counted elsewhere.
func (c *Cache) skip(class mheap.SpanClass, n uintptr) {
	m, l := &c.bins[class].meter, &c.ledgers[class]
	c.changeLedger(func() {
		store(&l.granted, l.granted-n)
		atomic.StoreUint64((*uint64)(m), uint64(*m)-uint64(n)<<blockBits)
	})
}

// changeLedger has others who count see all of what change stores or nothing.
func (c *Cache) changeLedger(change func()) {
	store(&c.ledgerChanges, c.ledgerChanges+1)
	change()
	store(&c.ledgerChanges, c.ledgerChanges+1)
}

// counts returns the blocks that the cache has allocated of the class, ever, and the bytes asked for of them less those of
// blocks that it freed: the sum of those over all caches is what is live. Others than the owner may ask.
func (c *Cache) counts(class mheap.SpanClass) (requested, blocks uintptr) {
	b, l := &c.bins[class], &c.ledgers[class]
	for {
		before := load(&c.ledgerChanges)
		m := meter(atomic.LoadUint64((*uint64)(&b.meter)))
		requested, blocks = load(&l.granted)-m.left(), load(&l.blocks)+m.blocks()
		if before&1 == 0 && load(&c.ledgerChanges) == before {
			return requested - load(&b.freed), blocks
		}
		runtime.Gosched()
	}
}

// blocks returns how many blocks of the class the cache, the caller's, has allocated, ever.
func (c *Cache) blocks(class mheap.SpanClass) uintptr {
	return c.ledgers[class].blocks + c.bins[class].meter.blocks()
}

// store writes a word that others may be reading.
func store(p *uintptr, n uintptr) { atomic.StoreUintptr(p, n) }
