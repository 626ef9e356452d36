package mcache

import (
	"math/rand/v2"
	"time"
)

// The countdown of a cache: how many bytes Pop and its like hand out until the slow path must see a
// block, because the heap's housekeeping is due, or because the block is to be sampled. It is the
// smaller of two distances:
//
//	to the tick     interval bytes, more for who hands out many in no time
//	to the sample   exponentially distributed, with the rate as its mean
//
// So the sampled bytes are a Poisson process along all bytes that are handed out, and a block of n bytes
// is sampled, because at least one of them is, with the probability 1-exp(-n/rate), whatever was
// allocated before it. The way of Go's runtime and of TCMalloc.
//
// A rate may be paced: an owner that hands out more than so many bytes in the time of pace has a higher one, as many
// bytes as it hands out in that time. The sample is due by the rate with which its distance was drawn.

// interval is how many bytes a cache hands out between two ticks. Where it hands out so many in less than a part of
// pace, one in ticksInPace, it is what it hands out in such a part, but no more than longestInterval.
const (
	interval        = 2 << 20
	longestInterval = 16 << 20
	ticksInPace     = 16
)

// beyond is what lies behind the countdown.
type beyond struct {
	tick, sample uintptr // bytes from the countdown's end to the tick and to the sample; one of them is 0
	distance     uintptr // bytes from the tick before to this one
	rate         uintptr // of the set, when it was last looked at
	drawn        uintptr // the rate with which the distance to the sample was drawn

	paced     uintptr       // bytes handed out in the time of pace, when it was last reckoned
	paceBegan time.Duration // when that was
	handed    uint64        // bytes handed out since then, at the last tick
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
func (b *beyond) handOut(bytes uintptr) {
	b.handed += uint64(bytes)
	if took := clock() - b.paceBegan; took >= pace {
		b.paced = uintptr(min(mostPaced, b.handed*uint64(pace)/uint64(took)))
		b.handed, b.paceBegan = 0, b.paceBegan+took
	}
}

// draw returns the distance from one sample to the next, by a rate that is paced or not.
func (b *beyond) draw(rate uintptr, paced bool) uintptr {
	if paced {
		rate = max(rate, b.paced)
	}
	b.drawn = rate
	return gap(rate)
}

// tooFar tells whether the owner has become so slow that the distance to the sample, drawn when it was faster, should be
// drawn anew: which changes no probability, since such a distance does not depend on what lies behind.
func (b *beyond) tooFar(rate uintptr) bool { return b.drawn > 2*max(rate, b.paced) }

// due is what the slow path has to do beside its allocation.
type due struct {
	tick bool
	rate uintptr // with which the block is sampled, or 0
}

// start begins the countdown of a new cache.
func (c *Cache) start(rate uintptr) {
	c.beyond.rate, c.beyond.paceBegan = rate, clock()
	c.beyond.distance = interval
	c.setCountdown(interval, c.beyond.draw(rate, false))
}

// setCountdown puts the tick and the sample so many bytes away.
func (c *Cache) setCountdown(tick, sample uintptr) {
	c.countdown = min(tick, sample)
	c.beyond.tick, c.beyond.sample = tick-c.countdown, sample-c.countdown
}

// renew is called when the countdown has fewer than the n bytes of a block. It tells what is due, and
// begins anew behind the block: the countdown then has n bytes at least, for the block.
func (c *Cache) renew(n, rate uintptr, paced bool) (d due) {
	tick, sample := c.countdown+c.beyond.tick, c.countdown+c.beyond.sample
	if c.beyond.rate != rate {
		c.beyond.rate = rate
		sample = c.countdown + c.beyond.draw(rate, false)
	}
	if tick < n {
		d.tick = true
		c.beyond.handOut(c.beyond.distance + n - tick)
		c.beyond.distance = min(max(interval, c.beyond.paced/ticksInPace), longestInterval)
		tick = n + c.beyond.distance
	}
	if sample < n {
		d.rate = c.beyond.drawn
	}
	if sample < n || d.tick && paced && c.beyond.tooFar(rate) {
		sample = n + c.beyond.draw(rate, paced)
	}
	c.setCountdown(tick, sample)
	return d
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
// that a leased cache, which nobody but its owner may touch, can hand out the bytes to its next tick first.
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
		c := s.all[id]
		c.beyond.rate = rate
		c.setCountdown(c.countdown+c.beyond.tick, c.beyond.draw(rate, false))
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
