package arena

import "fmt"

// Region is one arena's state, as plain data without pointers, so that it can be kept off the Go heap.
// It belongs to one owner, who guards it.
//
//	Base              Ready              Base+Size
//	│ Ready: usable   │ Reserved: never  │
//	│ or given back   │ touched          │
//
// The committed part grows from the base and never shrinks, so an arena is at most two mappings, and a few more
// for ranges that memory was moved to, or that are Protected.
type Region struct {
	Base  uintptr // first address, a multiple of Size
	Ready uintptr // the mark: everything below has been committed, nothing at or above it has
}

// commitStep is how far the mark moves at least: few calls, and little for a system that counts
// committed memory against a limit.
const commitStep = 1 << 20

// Commit makes [addr, addr+size) usable. What lies above the mark comes from the system and reads zero;
// what lies below keeps its contents. The mark moves to the next multiple of 1 MiB, so most calls need
// nothing from the system. It is an error if the range leaves the arena, or the system refuses; the
// region is then as before.
func (r *Region) Commit(s System, addr, size uintptr) error {
	if !r.holds(addr, size, Size) {
		return fmt.Errorf("arena: commit of %d bytes at %#x: not inside the arena at %#x", size, addr, r.Base)
	}
	end := addr - r.Base + size
	if end <= r.Ready-r.Base {
		return nil
	}
	mark := r.Base + min(alignUp(end, commitStep), Size)
	if err := s.Commit(r.Ready, mark-r.Ready); err != nil {
		return err
	}
	r.Ready = mark
	return nil
}

// Decommit gives the memory behind [addr, addr+size) back; the range stays usable and reads zero. It is
// an error if the range is not one of whole pages of the system's below the mark, or the system refuses;
// after a refusal the contents of the range are undefined.
func (r *Region) Decommit(s System, addr, size uintptr) error {
	if page := s.PageSize(); (addr|size)%page != 0 {
		return fmt.Errorf("arena: decommit of %d bytes at %#x: not whole pages of %d bytes", size, addr, page)
	}
	if !r.holds(addr, size, r.Ready-r.Base) {
		return fmt.Errorf("arena: decommit of %d bytes at %#x: not inside the committed part of the arena at %#x, which ends at %#x",
			size, addr, r.Base, r.Ready)
	}
	if size == 0 {
		return nil
	}
	return s.Decommit(addr, size)
}

// Untouched returns how many bytes of the arena were never committed.
func (r *Region) Untouched() uintptr { return r.Base + Size - r.Ready }

// holds tells whether [addr, addr+size) lies in the region's first n bytes. An address below the base has
// a huge offset.
func (r *Region) holds(addr, size, n uintptr) bool {
	offset := addr - r.Base
	return offset <= n && size <= n-offset
}
