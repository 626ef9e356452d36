package arena

import (
	"slices"
	"sync"
)

// strangers are the ranges that memory was moved to. A moved mapping remembers where its pages came from,
// and so is never one with its neighbours: each stranger is a mapping more, or two where it lies amidst
// one. The kernel has a limit on mappings (65530), and every one costs it time; so there are few strangers,
// and one that is given back is mapped anew, which makes it one with its neighbours again.
type strangers struct {
	mu     sync.Mutex
	ranges []extent
}

// strange holds the process's strangers.
var strange strangers

// mostStrangers bounds them, and with them the mappings: two each.
const mostStrangers = 128

// full tells whether nothing should be moved any more, until some are given back.
func (s *strangers) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ranges) >= mostStrangers
}

// add makes e, of which nothing is strange, a stranger.
func (s *strangers) add(e extent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ranges = append(s.ranges, e)
}

// drop takes e out of the strangers, of which parts may stay, and tells whether any of it was there.
func (s *strangers) drop(e extent) (found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(s.ranges); i++ {
		r := s.ranges[i]
		if r.addr >= e.addr+e.size || e.addr >= r.addr+r.size {
			continue
		}
		found = true
		s.ranges = slices.Delete(s.ranges, i, i+1)
		if e.addr > r.addr {
			s.ranges = slices.Insert(s.ranges, i, extent{r.addr, e.addr - r.addr})
			i++
		}
		if end := r.addr + r.size; end > e.addr+e.size {
			s.ranges = slices.Insert(s.ranges, i, extent{e.addr + e.size, end - e.addr - e.size})
			i++
		}
		i--
	}
	return found
}
