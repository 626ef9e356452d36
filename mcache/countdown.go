package mcache

import "math/rand/v2"

// The countdown of a cache: how many bytes Pop and its like hand out until the slow path must see a
// block, because the heap's housekeeping is due, or because the block is to be sampled. It is the
// smaller of two distances:
//
//	to the tick     interval bytes
//	to the sample   exponentially distributed, with the rate as its mean
//
// So the sampled bytes are a Poisson process along all bytes that are handed out, and a block of n bytes
// is sampled, because at least one of them is, with the probability 1-exp(-n/rate), whatever was
// allocated before it. The way of Go's runtime and of TCMalloc.

// interval is how many bytes a cache hands out between two ticks.
const interval = 2 << 20

// beyond is what lies behind the countdown.
type beyond struct {
	tick, sample uintptr // bytes from the countdown's end to the tick and to the sample; one of them is 0
	rate         uintptr // of the sample
}

// due is what the slow path has to do beside its allocation.
type due struct {
	tick bool
	rate uintptr // with which the block is sampled, or 0
}

// start begins the countdown of a new cache.
func (c *Cache) start(rate uintptr) {
	c.beyond.rate = rate
	c.setCountdown(interval, gap(rate))
}

// setCountdown puts the tick and the sample so many bytes away.
func (c *Cache) setCountdown(tick, sample uintptr) {
	c.countdown = min(tick, sample)
	c.beyond.tick, c.beyond.sample = tick-c.countdown, sample-c.countdown
}

// renew is called when the countdown has fewer than the n bytes of a block. It tells what is due, and
// begins anew behind the block: the countdown then has n bytes at least, for the block.
func (c *Cache) renew(n, rate uintptr) (d due) {
	tick, sample := c.countdown+c.beyond.tick, c.countdown+c.beyond.sample
	if c.beyond.rate != rate {
		c.beyond.rate = rate
		sample = c.countdown + gap(rate)
	}
	if tick < n {
		d.tick = true
		tick = n + interval
	}
	if sample < n {
		d.rate = rate
		sample = n + gap(rate)
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
// that a leased cache, which nobody but its owner may touch, can hand out another interval of bytes first.
func (s *Set) SetSampleRate(rate uintptr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rate.Store(rate)
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
		c.setCountdown(c.countdown+c.beyond.tick, gap(rate))
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
