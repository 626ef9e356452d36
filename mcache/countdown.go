package mcache

import (
	"math/rand/v2"
	"time"

	"github.com/spanheap/spanheap/mheap"
)

// When the slow path must see a block: because the heap's housekeeping is due, or because the block is to be sampled. What a
// cache may hand out of a class until then is a stretch of bytes, the smaller of two distances:
//
//	to the tick     interval bytes, more for who hands out many in no time, less what its classes have handed out since one
//	to the sample   exponentially distributed, with the rate as its mean
//
// So the sampled bytes are a Poisson process along all bytes that are handed out of a class, and thereby of all classes, and
// a block of n bytes is sampled, because at least one of them is, with the probability 1-exp(-n/rate), whatever was
// allocated before it. The way of Go's runtime and of TCMalloc. Where the tick comes first the distance to the sample is drawn
// anew then: which changes no probability, since it does not depend on what lies behind.
//
// A rate may be paced: an owner that hands out more than so many bytes in the time of pace has a higher one, as many
// bytes as it hands out in that time. The sample is due by the rate with which its distance was drawn.

// interval is how many bytes a cache hands out between two ticks. Where it hands out so many in less than a part of
// pace, one in ticksInPace, it is what it hands out in such a part, but no more than longestInterval.
const (
	interval        = 2 << 20
	longestInterval = 64 << 20
	ticksInPace     = 16
)

// pacing is how fast a cache hands out bytes, and when its next tick is.
type pacing struct {
	since    uintptr // bytes handed out since the tick before, in stretches that have ended
	distance uintptr // bytes from the tick before to the next
	rate     uintptr // of the set, when it was last looked at

	paced  uintptr       // bytes handed out in the time of pace, when it was last reckoned
	began  time.Duration // when that was
	handed uint64        // bytes handed out since then, at the last tick
}

// pace is the time from one sample to the next that a paced rate leaves an owner at least, on average. A sample takes
// less than a hundredth of it.
const pace = 50 * time.Microsecond

// mostPaced bounds a paced rate, in bytes.
const mostPaced = 1 << 30

// clock tells the time. It is read while pinned, which it may be: it waits for nobody.
var clock = func() time.Duration { return time.Since(clockBegins) }

var clockBegins = time.Now()

// handOut notes that bytes were handed out since the tick before. Clocks of coarse steps do no harm: what is handed
// out in less than a pace is added to what comes after it.
func (p *pacing) handOut(bytes uintptr) {
	p.handed += uint64(bytes)
	if took := clock() - p.began; took >= pace {
		p.paced = uintptr(min(mostPaced, p.handed*uint64(pace)/uint64(took)))
		p.handed, p.began = 0, p.began+took
	}
}

// start begins the time of a new cache.
func (p *pacing) start(rate uintptr) { p.rate, p.began, p.distance = rate, clock(), interval }

// pass adds bytes to those handed out, and tells whether a tick is due.
func (p *pacing) pass(bytes uintptr) (tick bool) {
	p.since += bytes
	if p.since <= p.distance {
		return false
	}
	p.handOut(p.since)
	p.since = 0
	p.distance = min(max(interval, p.paced/ticksInPace), longestInterval)
	return true
}

// due is what the slow path has to do beside its allocation.
type due struct {
	tick bool
	rate uintptr // with which the block is sampled, or 0
}

// renew is called when fewer bytes are left of the class's stretch than the n of a block. It tells what is due, and begins
// a new stretch behind the block, with n bytes more, for the block.
func (c *Cache) renew(class mheap.SpanClass, n, rate uintptr, paced bool) (d due) {
	if c.pacing.rate != rate {
		c.learn(rate)
	}
	left, l := c.bins[class].meter.left(), c.ledgers[class]
	d.tick = c.pacing.pass(l.stretch - left + n)
	if paced {
		rate = max(rate, c.pacing.paced)
	}
	d.rate = l.drawn
	behind := gap(rate)
	switch {
	case d.rate != 0:
	case behind < n-left:
		d.rate, behind = rate, gap(rate)
	default:
		behind -= n - left
	}
	drawn := rate
	if most := c.pacing.distance - c.pacing.since; behind > most {
		drawn, behind = 0, most
	}
	c.grant(class, n, behind, drawn)
	return d
}

// learn has all classes draw their distances by another rate.
func (c *Cache) learn(rate uintptr) {
	c.pacing.rate = rate
	for i := range c.ledgers {
		class := mheap.SpanClass(i)
		if l := &c.ledgers[i]; l.stretch|l.drawn != 0 {
			c.pacing.since += l.stretch - c.bins[i].meter.left()
			c.grant(class, 0, 0, 0)
		}
	}
}

// chance returns the rate with which a block of n bytes that no cache counts is sampled, or 0.
func (s *Set) chance(n uintptr) uintptr {
	if rate := s.rate.Load(); Chosen(n, rate) {
		return rate
	}
	return 0
}

// Chosen draws whether a block of n bytes is one that is sampled with the rate.
func Chosen(n, rate uintptr) bool { return gap(rate) < n }

// SetSampleRate makes rate the mean number of bytes from one sampled block to the next: 0 samples none,
// 1 every block. Owners go on meanwhile. What they allocate after it is sampled with the new rate, but
// that a leased cache, which nobody but its owner may touch, can hand out a stretch of each class first.
// A paced rate gives way to owners that allocate fast.
func (s *Set) SetSampleRate(rate uintptr, paced bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !paced {
		s.paced.Store(false) // who reads the new rate reads this
	}
	s.rate.Store(rate)
	s.paced.Store(paced)
	var ids []int
	for id, c := range s.all[:s.top] {
		if c != nil {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	s.seize(ids)
	for _, id := range ids {
		s.all[id].learn(rate)
	}
	s.restore(ids)
}

// never is a distance in bytes that no program comes to, and that leaves room for the sum of a few.
const never = ^uintptr(0) >> 2

// gap returns a distance to the next sample: random, exponentially distributed, with the rate as its mean.
func gap(rate uintptr) uintptr {
	switch rate {
	case 0:
		return never
	case 1:
		return 0
	}
	if x := rand.ExpFloat64() * float64(rate); x < float64(never) {
		return uintptr(x)
	}
	return never
}
