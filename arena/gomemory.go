package arena

import (
	"os"
	"slices"
	"sync"
)

// goMemory is a System over Go memory. It allocates slabs, byte slices that the collector does not scan,
// and keeps them for ever, as Host and Metadata keep it, so an address once granted stays valid. To
// reserve is to cut a range off a slab; all else is bookkeeping or nothing:
//
//   - spare is what no grant holds, and was never Ready: it still reads zero as Go made it.
//   - A grant lies in one slab, and the last page of a slab is never granted: two grants that touch are
//     of one slab, so that a range over both is one Go object, as the checks of race builds demand.
//   - Multiples of Size are aligned to Size. What alignment leaves over serves smaller reservations.
type goMemory struct {
	mu    sync.Mutex
	slabs [][]byte
	spare []extent
}

func (g *goMemory) PageSize() uintptr { return uintptr(os.Getpagesize()) }

func (g *goMemory) Reserve(_, size uintptr) (uintptr, error) {
	align := g.PageSize()
	if size%Size == 0 {
		align = Size
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.spare {
		if addr, ok := g.cutLocked(i, size, align); ok {
			return addr, nil
		}
	}
	if err := g.growLocked(size, align); err != nil {
		return 0, refused("reserve", 0, size, err)
	}
	addr, _ := g.cutLocked(len(g.spare)-1, size, align)
	return addr, nil
}

// growLocked adds a slab to spare that has room for size bytes aligned to align. g.mu is held.
func (g *goMemory) growLocked(size, align uintptr) error {
	page := g.PageSize()
	want := size + align + page
	if want < size { // the sum wrapped: let the runtime refuse it
		want = ^uintptr(0)
	}
	slab, err := makeSlab(want)
	if err != nil {
		return err
	}
	g.slabs = append(g.slabs, slab)
	first := alignUp(addressOf(slab), page)
	last := (addressOf(slab)+want)&^(page-1) - page
	g.keepLocked(extent{first, last - first})
	return nil
}

// makeSlab returns n zero bytes, or what the Go runtime says to a length it cannot have.
func makeSlab(n uintptr) (slab []byte, err error) {
	defer func() {
		if e, ok := recover().(error); ok {
			err = e
		}
	}()
	return make([]byte, n), nil
}

// cutLocked cuts size bytes at a multiple of align off spare[i], if it has them. g.mu is held.
func (g *goMemory) cutLocked(i int, size, align uintptr) (addr uintptr, ok bool) {
	addr, below, above, ok := g.spare[i].cut(size, align)
	if !ok {
		return 0, false
	}
	g.spare = slices.Delete(g.spare, i, i+1)
	g.keepLocked(below)
	g.keepLocked(above)
	return addr, true
}

// keepLocked puts e among the spare. g.mu is held.
func (g *goMemory) keepLocked(e extent) {
	if e.size > 0 {
		g.spare = append(g.spare, e)
	}
}

func (g *goMemory) Unreserve(addr, size uintptr) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keepLocked(extent{addr, size})
	return nil
}

// Commit has nothing to do: spare memory is mapped, and zero.
func (g *goMemory) Commit(addr, size uintptr) error { return nil }

// Decommit keeps the memory, for Go memory cannot go back in part, and clears it.
func (g *goMemory) Decommit(addr, size uintptr) error {
	clear(bytesOf(addr, size))
	return nil
}

// Move is not to be had: Go memory stays where it is.
func (g *goMemory) Move(dst, src, size uintptr) error { return unsupported("move", src, size) }

// Protect is not to be had: Go memory may always be touched.
func (g *goMemory) Protect(addr, size uintptr) error { return unsupported("protect", addr, size) }

// Unprotect has nothing to do: nothing is Protected.
func (g *goMemory) Unprotect(addr, size uintptr) error { return nil }

// Advise is not to be had: Go memory is the Go runtime's to advise.
func (g *goMemory) Advise(a Advice, addr, size uintptr) error {
	return unsupported(a.String(), addr, size)
}
