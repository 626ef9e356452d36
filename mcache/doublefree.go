package mcache

import "sync/atomic"

// doubleFrees is what was found of blocks that two freed at one moment: by settling what one of them had set aside.
type doubleFrees struct {
	untold atomic.Uintptr // the address of one that nobody was told of, or 0
	found  atomic.Uint64  // blocks, ever
}

// noteDoubleFree remembers such a block until somebody asks.
func (s *Set) noteDoubleFree(addr uintptr) {
	s.doubles.found.Add(1)
	s.doubles.untold.CompareAndSwap(0, addr)
}

// HasUntold tells whether Untold has an address.
func (s *Set) HasUntold() bool { return s.doubles.untold.Load() != 0 }

// Untold returns the address of a block that two were found to have freed at one moment, which nobody was told of yet, or 0.
func (s *Set) Untold() uintptr {
	if !s.HasUntold() {
		return 0
	}
	return s.doubles.untold.Swap(0)
}

// DoubleFrees returns how many blocks that two had freed at one moment were found, ever.
func (s *Set) DoubleFrees() uint64 { return s.doubles.found.Load() }
