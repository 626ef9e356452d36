package mcache

import "github.com/spanheap/spanheap/mheap"

// Lease returns a cache that is the caller's alone until Return: one goroutine's, say, which then
// uses it without Enter and Leave. Nobody else can empty it. The error is the operating system's.
func (s *Set) Lease() (*Cache, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, mheap.ErrClosed
	}
	if last := len(s.unused) - 1; last >= 0 {
		c := s.unused[last]
		s.unused = s.unused[:last]
		if rate := s.rate.Load(); c.pacing.rate != rate {
			c.learn(rate)
		}
		return c, nil
	}
	c, err := s.newCache(s.owning.nextLeased(s.owners()))
	if err != nil {
		return nil, err
	}
	s.locals = append(s.locals, c)
	return c, nil
}

// Return takes back a leased cache, and gives what it holds to the centrals.
func (s *Set) Return(c *Cache) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.flush(c)
		s.emptyMail(c.home, true)
		s.unused = append(s.unused, c)
	}
}
