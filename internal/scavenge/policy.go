// Package scavenge decides how much of a heap's free memory should go back to the operating system, and
// when. It holds no heap, starts no goroutine and reads no clock: whoever drives a Policy tells it the
// time and what the heap has.
package scavenge

import "time"

// Usage is what a heap has at a moment, in bytes.
type Usage struct {
	Free  uint64 // backed, and in no span in use
	InUse uint64 // spans in use, the free slots in them too
	Peak  uint64 // the most there was of InUse since the Look before

	// Idle tells that nobody has allocated or freed for as long as memory may stay, so that all that is
	// free has been so for that long, though it may have reached the page heap just now.
	Idle bool
}

// Policy is a rule for one heap. It is not safe for concurrent use. Times are counted from any moment and
// never go back; see Clock.
type Policy interface {
	// Look returns how many bytes should go back now. settled tells that no more will have to as long as
	// nobody allocates or frees.
	Look(now time.Duration, u Usage) (excess uint64, settled bool)

	// Gave tells that n bytes have gone back since the Look before.
	Gave(n uint64)

	// ByAge tells that memory goes when it has been free for some time, wherever it lies.
	ByAge() bool

	// Span returns how long memory may stay at most: the time that Usage.Idle is about.
	Span() time.Duration
}

// Clock counts the time that passes on another clock. When that one is set back, no time has passed.
type Clock struct {
	Read func() time.Duration

	last, passed time.Duration
	begun        bool
}

// Now returns how much time has passed since the first call.
func (c *Clock) Now() time.Duration {
	read := c.Read()
	if c.begun && read > c.last {
		c.passed += read - c.last
	}
	c.last, c.begun = read, true
	return c.passed
}
