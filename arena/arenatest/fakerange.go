package arenatest

import (
	"errors"
	"unsafe"

	"github.com/spanheap/spanheap/arena"
)

// Move takes the memory behind Ready pages to other Ready pages. Where the System below cannot, the Fake
// does what it stands for by copying: every Fake can move.
func (f *Fake) Move(dst, src, size uintptr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, addr := range []uintptr{dst, src} {
		if err := f.wellFormed(Move, addr, size); err != nil {
			return err
		}
		if at, ok := f.all(addr, size, func(p page) bool { return p.state == Ready }); !ok {
			return f.breach("%v of %d bytes from %#x to %#x: the page at %#x is %v", Move, size, src, dst, at, f.pages[at].state)
		}
	}
	if dst-src < size || src-dst < size {
		return f.breach("%v of %d bytes from %#x to %#x: the ranges overlap", Move, size, src, dst)
	}
	if f.below == nil {
		return nil
	}
	err := f.below.Move(dst, src, size)
	if errors.Is(err, errors.ErrUnsupported) {
		copy(memory(dst, size), memory(src, size))
		clear(memory(src, size))
		err = nil
	}
	return err
}

// Advise wants whole huge pages that are Reserved or Ready; HugeNow wants them Ready. Nothing comes of it.
func (f *Fake) Advise(a arena.Advice, addr, size uintptr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if size == 0 || (addr|size)%arena.HugePage != 0 {
		return f.breach("%v of %d bytes at %#x: not whole huge pages", Advise, size, addr)
	}
	ours := func(p page) bool { return p.state == Ready || p.state == Reserved && a != arena.HugeNow }
	if at, ok := f.all(addr, size, ours); !ok {
		return f.breach("%v of %v for %d bytes at %#x: the page at %#x is %v", Advise, a, size, addr, at, f.pages[at].state)
	}
	return nil
}

// Protect makes Ready pages Protected. Over a System that protects nothing it returns that System's error.
func (f *Fake) Protect(addr, size uintptr) error {
	return f.turn(Protect, addr, size, Ready, Protected)
}

// Unprotect makes Protected pages Ready, and leaves those that are.
func (f *Fake) Unprotect(addr, size uintptr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.wellFormed(Unprotect, addr, size); err != nil {
		return err
	}
	grant := f.pages[addr].grant
	ours := func(p page) bool { return (p.state == Ready || p.state == Protected) && p.grant == grant }
	if at, ok := f.all(addr, size, ours); !ok {
		return f.breach("%v of %d bytes at %#x: the page at %#x is %v, or of another grant", Unprotect, size, addr, at, f.pages[at].state)
	}
	if err := f.pass(Unprotect, addr, size); err != nil {
		return err
	}
	f.set(addr, size, page{Ready, grant})
	return nil
}

// all tells whether all pages of the range are as wanted, or which is the first that is not.
func (f *Fake) all(addr, size uintptr, wanted func(page) bool) (first uintptr, ok bool) {
	for at := addr; at-addr < size; at += f.page {
		if !wanted(f.pages[at]) {
			return at, false
		}
	}
	return 0, true
}

// memory is the bytes of a range that the System below granted.
//
//go:nocheckptr
func memory(addr, size uintptr) []byte { return unsafe.Slice((*byte)(unsafe.Add(nil, addr)), size) }
