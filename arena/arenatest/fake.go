package arenatest

import (
	"fmt"
	"sync"

	"github.com/spanheap/spanheap/arena"
)

// State is the state of a page.
type State int

// The states of System's table.
const (
	None State = iota
	Reserved
	Ready
	Protected
)

// String returns the state's name.
func (s State) String() string { return [...]string{"None", "Reserved", "Ready", "Protected"}[s] }

// Reporter is told of breaches; *testing.T is one.
type Reporter interface {
	Errorf(format string, args ...any)
}

// Fake is a System that tracks the state of every page. A call that breaks a pre-condition (a range not
// of whole pages, a page in the wrong state, a range over two grants) is reported, refused, and changes
// nothing. It is safe for concurrent use.
//
// Over another System its ranges are that System's memory. Otherwise they are mere numbers, which nobody
// may touch; in exchange the test chooses where grants lie, see Place.
type Fake struct {
	report Reporter
	page   uintptr
	below  arena.System // nil: mere numbers

	mu       sync.Mutex
	pages    map[uintptr]page // by address; a page that is missing is None
	grants   int
	occupied []extent
	next     uintptr // where the search for room starts
}

// page is the state of a page that is not None, and the Reserve that granted it.
type page struct {
	state State
	grant int
}

// extent is the addresses [addr, end).
type extent struct{ addr, end uintptr }

// place is where a Fake of mere numbers starts to grant: not aligned to an arena.
const place = 0x3000_0000 + 1<<16

// mostPages is the most pages of a grant: the Fake keeps a record of each.
const mostPages = 1 << 22

// NewFake returns a Fake of mere numbers with pages of pageSize bytes, a power of two.
func NewFake(r Reporter, pageSize uintptr) *Fake {
	return &Fake{report: r, page: pageSize, pages: map[uintptr]page{}, next: place}
}

// NewFakeOver returns a Fake over the memory of s, with pages of pageSize bytes, a power of two, or those
// of s if they are larger.
func NewFakeOver(r Reporter, s arena.System, pageSize uintptr) *Fake {
	f := NewFake(r, max(pageSize, s.PageSize()))
	f.below = s
	return f
}

// Occupy makes [addr, addr+size) somebody else's: no grant lies there.
func (f *Fake) Occupy(addr, size uintptr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.occupied = append(f.occupied, extent{addr, addr + size})
}

// Place sets where a Fake of mere numbers grants ranges that have no hint, or whose hint is taken: at the
// first room at or above addr, a multiple of the page size. What was unreserved is room again.
func (f *Fake) Place(addr uintptr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = addr
}

// State returns the state of the page that holds addr.
func (f *Fake) State(addr uintptr) State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pages[addr&^(f.page-1)].state
}

// Bytes returns how many bytes are in the state, which is not None.
func (f *Fake) Bytes(s State) uintptr {
	f.mu.Lock()
	defer f.mu.Unlock()
	var n uintptr
	for _, p := range f.pages {
		if p.state == s {
			n += f.page
		}
	}
	return n
}

// PageSize returns the page size that the Fake was made with.
func (f *Fake) PageSize() uintptr { return f.page }

// Reserve grants the hint if there is room, or other room. It refuses more than 4 Mi pages.
func (f *Fake) Reserve(hint, size uintptr) (uintptr, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.wellFormed(Reserve, hint, size); err != nil {
		return 0, err
	}
	if size/f.page > mostPages {
		return 0, refusal(Call{Verb: Reserve, Addr: hint, Size: size})
	}
	if hint != 0 && f.obstacle(hint, size) != 0 {
		hint = 0
	}
	addr, err := f.grant(hint, size)
	if err != nil {
		return 0, err
	}
	f.grants++
	f.set(addr, size, page{Reserved, f.grants})
	return addr, nil
}

// Unreserve makes Reserved pages None.
func (f *Fake) Unreserve(addr, size uintptr) error {
	return f.turn(Unreserve, addr, size, Reserved, None)
}

// Commit makes Reserved pages Ready.
func (f *Fake) Commit(addr, size uintptr) error {
	return f.turn(Commit, addr, size, Reserved, Ready)
}

// Decommit leaves Ready pages Ready.
func (f *Fake) Decommit(addr, size uintptr) error {
	return f.turn(Decommit, addr, size, Ready, Ready)
}

// turn takes the pages of a range from one state to another, if all are in the first.
func (f *Fake) turn(v Verb, addr, size uintptr, from, to State) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.wellFormed(v, addr, size); err != nil {
		return err
	}
	grant := f.pages[addr].grant
	for at := addr; at-addr < size; at += f.page {
		switch p := f.pages[at]; {
		case p.state != from:
			return f.breach("%v of %d bytes at %#x: the page at %#x is %v, not %v", v, size, addr, at, p.state, from)
		case p.grant != grant && v != Unreserve:
			return f.breach("%v of %d bytes at %#x: another grant begins at %#x", v, size, addr, at)
		}
	}
	if err := f.pass(v, addr, size); err != nil {
		return err
	}
	f.set(addr, size, page{to, grant})
	return nil
}

// pass hands a call to the System below, if there is one.
func (f *Fake) pass(v Verb, addr, size uintptr) error {
	switch {
	case f.below == nil:
		return nil
	case v == Unreserve:
		return f.below.Unreserve(addr, size)
	case v == Commit:
		return f.below.Commit(addr, size)
	case v == Protect:
		return f.below.Protect(addr, size)
	case v == Unprotect:
		return f.below.Unprotect(addr, size)
	default:
		return f.below.Decommit(addr, size)
	}
}

// grant finds room for size bytes: at the hint, if it is not 0, or elsewhere.
func (f *Fake) grant(hint, size uintptr) (uintptr, error) {
	if f.below != nil {
		return f.grantBelow(hint, size)
	}
	if hint != 0 {
		return hint, nil
	}
	addr := f.next
	for {
		end := f.obstacle(addr, size)
		if end == 0 {
			return addr, nil
		}
		if end > -f.page { // no page begins there
			return 0, refusal(Call{Verb: Reserve, Size: size})
		}
		addr = (end + f.page - 1) &^ (f.page - 1)
	}
}

// grantBelow reserves in the System below, at the hint or elsewhere. A grant over what is occupied is left
// alone, so that the next one lies elsewhere.
func (f *Fake) grantBelow(hint, size uintptr) (uintptr, error) {
	addr, err := f.below.Reserve(hint, size)
	if err == nil && addr%f.page != 0 {
		if err := f.below.Unreserve(addr, size); err != nil {
			return 0, err
		}
		addr, err = f.grantBelowAligned(size)
	}
	for err == nil && f.obstacle(addr, size) != 0 {
		addr, err = f.grantBelowAligned(size)
	}
	return addr, err
}

// grantBelowAligned reserves a page more than asked for, and lets the ends be: the System below may know
// smaller pages.
func (f *Fake) grantBelowAligned(size uintptr) (uintptr, error) {
	addr, err := f.below.Reserve(0, size+f.page)
	return (addr + f.page - 1) &^ (f.page - 1), err
}

// obstacle returns the end of something that lies in [addr, addr+size), or 0 if nothing does. The end of
// all addresses is in everybody's way.
func (f *Fake) obstacle(addr, size uintptr) (end uintptr) {
	if addr+size <= addr {
		return ^uintptr(0)
	}
	for _, o := range f.occupied {
		if addr < o.end && o.addr < addr+size {
			return o.end
		}
	}
	for at := addr; at-addr < size; at += f.page {
		if f.pages[at].state != None {
			return at + f.page
		}
	}
	return 0
}

func (f *Fake) set(addr, size uintptr, p page) {
	for at := addr; at-addr < size; at += f.page {
		if p.state == None {
			delete(f.pages, at)
		} else {
			f.pages[at] = p
		}
	}
}

// wellFormed reports a range that is not one of whole pages.
func (f *Fake) wellFormed(v Verb, addr, size uintptr) error {
	if size == 0 || (addr|size)%f.page != 0 {
		return f.breach("%v of %d bytes at %#x: not whole pages of %d bytes", v, size, addr, f.page)
	}
	return nil
}

// breach reports what the caller did wrong, and returns it as an error.
func (f *Fake) breach(format string, args ...any) error {
	err := fmt.Errorf("arenatest: "+format, args...)
	f.report.Errorf("%v", err)
	return err
}
