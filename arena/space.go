package arena

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// Space hands out arenas of one System. It is safe for concurrent use; its lock is the last in the
// module's order, since under it only the system is called.
//
// Every address that the system granted and did not get back is in exactly one place: in an arena that
// has an owner, in idle, in dirty, or in stray. An arena stays one for ever; stray goes when it can.
type Space struct {
	system System

	mu    sync.Mutex
	hints []uintptr // where to ask for fresh arenas, best first; see reserveLocked
	idle  pool      // arenas for the next Take
	dirty []Region  // arenas given back that the system refused to decommit: not zero, so not yet idle
	stray []extent  // no arenas, and the system refused to take them back

	protected map[uintptr]bool // arenas, by their base, of which parts may be Protected
}

// process is the Space of Process.
var process = NewSpace(Host())

// NewSpace returns an empty Space over s.
func NewSpace(s System) *Space { return &Space{system: s, hints: openCountry()} }

// Process returns the Space over Host, which all heaps of the process share.
func Process() *Space { return process }

// System returns what the Space takes its address space from.
func (p *Space) System() System { return p.system }

// addressBits is how many bits the layers above keep of an address.
const addressBits = min(48, bits.UintSize)

// maxArenas is the most arenas at once; one more would not fit into the addresses.
const maxArenas = 1<<(addressBits-Shift) - 1

// openCountry returns addresses far from what else a process maps: where programs, stacks and the
// kernel's own choices lie, the quarters of each TiB where the Go runtime asks for its heap, and the
// shadows of the sanitizers. The later ones suit systems with 38-bit, and with 32-bit, addresses.
func openCountry() []uintptr {
	var hints []uintptr
	for _, hint := range [...]uint64{0x5280_0000_0000, 0x5380_0000_0000, 0x5480_0000_0000, 0x20_0000_0000, 0x5000_0000} {
		if uint64(uintptr(hint)) == hint {
			hints = append(hints, uintptr(hint))
		}
	}
	return hints
}

// Take returns n arenas, each the neighbour of the one before, for the caller to own until Give. They
// start at after, a multiple of Size, if that can be had: a heap asks for the end of its last arena, so
// that its arenas join; 0 is no wish. Otherwise they are arenas given back, of which the part below the
// mark needs no commit; otherwise fresh address space. All of them read zero.
//
// It is an error if n is not from 1 to what fits into 48-bit addresses, after is no multiple of Size, or
// the system has no address space that fits.
func (p *Space) Take(n int, after uintptr) ([]Region, error) {
	if n < 1 || n > maxArenas {
		return nil, fmt.Errorf("arena: take of %d arenas: want 1 to %d", n, maxArenas)
	}
	if after%Size != 0 {
		return nil, fmt.Errorf("arena: take after %#x: not a multiple of %d", after, Size)
	}
	size := uintptr(n) << Shift

	p.mu.Lock()
	defer p.mu.Unlock()
	p.settleLocked()
	if after != 0 {
		if regions := p.idle.takeAt(after, n); regions != nil {
			return regions, nil
		}
		if p.reserveAtLocked(after, size) {
			return untouched(after, n), nil
		}
	}
	if regions := p.idle.take(n); regions != nil {
		return regions, nil
	}
	base, err := p.reserveLocked(size)
	if err != nil {
		return nil, err
	}
	return untouched(base, n), nil
}

// Protect makes a range inaccessible, which is the caller's, Ready and in one arena: who touches it gets a
// fault. It is an error if the system refuses, or cannot do it (errors.ErrUnsupported); the range is then as
// before. What is Protected need not be unprotected before Give.
func (p *Space) Protect(addr, size uintptr) error {
	p.mu.Lock()
	if p.protected == nil {
		p.protected = map[uintptr]bool{}
	}
	p.protected[addr&^(Size-1)] = true
	p.mu.Unlock()
	return p.system.Protect(addr, size)
}

// Unprotect undoes Protect, for a range that may be accessible in part. After a refusal it is as before.
func (p *Space) Unprotect(addr, size uintptr) error { return p.system.Unprotect(addr, size) }

// Give takes arenas back from their owner, for later heaps: their memory goes back to the system, their
// addresses stay reserved. An arena whose memory the system refuses to take back is kept from everybody
// until it does; every later Take asks again. Give panics if an arena is none, or was given before.
func (p *Space) Give(regions []Region) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range regions {
		if r.Base == 0 || r.Base%Size != 0 || r.Ready-r.Base > Size {
			panic(fmt.Sprintf("arena: give of %#x, ready to %#x: no arena", r.Base, r.Ready))
		}
		if p.idle.has(r.Base) || slices.ContainsFunc(p.dirty, func(d Region) bool { return d.Base == r.Base }) {
			panic(fmt.Sprintf("arena: give of the arena at %#x: given before", r.Base))
		}
		if p.wipe(r) {
			p.idle.put(r)
		} else {
			p.dirty = append(p.dirty, r)
		}
	}
}

// wipe makes all of r accessible and gives its memory back, so that it reads zero, and tells whether the
// system did it. p.mu is held.
func (p *Space) wipe(r Region) bool {
	if p.protected[r.Base] {
		if p.system.Unprotect(r.Base, r.Ready-r.Base) != nil {
			return false
		}
		delete(p.protected, r.Base)
	}
	return r.Decommit(p.system, r.Base, r.Ready-r.Base) == nil
}

// settleLocked repeats what the system refused earlier. p.mu is held.
func (p *Space) settleLocked() {
	p.dirty = slices.DeleteFunc(p.dirty, func(r Region) bool {
		wiped := p.wipe(r)
		if wiped {
			p.idle.put(r)
		}
		return wiped
	})
	p.stray = slices.DeleteFunc(p.stray, func(e extent) bool {
		return p.system.Unreserve(e.addr, e.size) == nil
	})
}

// reserveAtLocked reserves size bytes at addr and nowhere else, and tells whether it could. p.mu is held.
func (p *Space) reserveAtLocked(addr, size uintptr) bool {
	granted, err := p.system.Reserve(addr, size)
	if err != nil {
		return false
	}
	if granted == addr && isArenas(addr, size) {
		return true
	}
	p.dropLocked(extent{granted, size})
	return false
}

// reserveLocked reserves size bytes, a multiple of Size, as arenas. A hint that is granted moves up
// behind the grant. One that is not is forgotten: somebody else is there, or no address is so high.
// p.mu is held.
func (p *Space) reserveLocked(size uintptr) (uintptr, error) {
	for len(p.hints) > 0 {
		hint := p.hints[0]
		granted, err := p.system.Reserve(hint, size)
		if err != nil {
			break // for want of room, perhaps, and not for the hint: it stays
		}
		if granted == hint {
			p.hints[0] = hint + size
		} else {
			p.hints = p.hints[1:]
		}
		if isArenas(granted, size) {
			return granted, nil
		}
		p.dropLocked(extent{granted, size})
	}
	granted, err := p.system.Reserve(0, size)
	if err != nil {
		return 0, err
	}
	if isArenas(granted, size) {
		return granted, nil
	}
	p.dropLocked(extent{granted, size})
	return p.reserveWideLocked(size)
}

// reserveWideLocked reserves so much that size bytes of it can be arenas, wherever it lies, and gives the
// ends back. p.mu is held.
func (p *Space) reserveWideLocked(size uintptr) (uintptr, error) {
	wide := size + Size - p.system.PageSize()
	granted, err := p.system.Reserve(0, wide)
	if err != nil {
		return 0, err
	}
	whole := extent{granted, wide}
	base, below, above, ok := whole.cut(size, Size)
	if !ok || !isArenas(base, size) {
		p.dropLocked(whole)
		return 0, fmt.Errorf("arena: the system granted %d bytes at %#x: not below 2^%d", wide, granted, addressBits)
	}
	p.dropLocked(below)
	p.dropLocked(above)
	return base, nil
}

// dropLocked gives address space that was never touched back to the system. p.mu is held.
func (p *Space) dropLocked(e extent) {
	if e.size > 0 && p.system.Unreserve(e.addr, e.size) != nil {
		p.stray = append(p.stray, e)
	}
}

// isArenas tells whether size bytes at base, size a multiple of Size, can be arenas.
func isArenas(base, size uintptr) bool {
	end := base + size
	return base%Size == 0 && base < end && uint64(end)>>addressBits == 0
}

// untouched returns n fresh arenas from base on.
func untouched(base uintptr, n int) []Region {
	regions := make([]Region, n)
	for i := range regions {
		at := base + uintptr(i)<<Shift
		regions[i] = Region{Base: at, Ready: at}
	}
	return regions
}
