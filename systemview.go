package spanheap

import "errors"

// SystemView is what the operating system says of a heap, to be held against what Stats say, and of the
// process. All figures are bytes unless their comment says otherwise.
//
// The system knows mappings, not heaps. Of one that reaches beyond the heap's address space the part inside
// counts as mapped, and no more than that as resident; where arenas are Go memory (builds with the race
// detector) this is all that can be said.
type SystemView struct {
	Mapped    uint64 `json:"mapped"`    // the heap's address space that may be read and written: Stats.Mapped
	Resident  uint64 `json:"resident"`  // of it, in memory: at most Stats.Backed, which counts what was never written too
	Swapped   uint64 `json:"swapped"`   // of it, moved to a swap device
	Huge      uint64 `json:"huge"`      // of Resident, in huge pages
	Untouched uint64 `json:"untouched"` // the heap's address space that may not be accessed: Stats.Untouched
	Mappings  uint64 `json:"mappings"`  // number of mappings

	Process ProcessView `json:"process"`
}

// ProcessView is what the operating system says of the whole process, the Go heap included.
type ProcessView struct {
	Resident  uint64 `json:"resident"`  // bytes in memory
	Anonymous uint64 `json:"anonymous"` // of Resident, no file's
	Huge      uint64 `json:"huge"`      // of Resident, in huge pages
	Swapped   uint64 `json:"swapped"`   // bytes moved to a swap device
	Mappings  uint64 `json:"mappings"`  // number of mappings; Linux has a limit on them, 65530 as a rule
}

// SystemView asks the operating system about the heap's memory: on Linux by /proc/self/smaps and
// smaps_rollup, whose reading takes the kernel some milliseconds per GiB. Elsewhere, and where /proc is not
// to be read, it returns an error; it wraps errors.ErrUnsupported where there is nobody to ask. Any
// goroutine may call it; what others allocate meanwhile may be seen in part.
func (h *Heap) SystemView() (SystemView, error) {
	if h.closed.Load() {
		return SystemView{}, refuse(0, ErrClosed)
	}
	return viewOf(h.pages.Extents())
}

// errNoView is the error of systems that do not tell.
var errNoView = errors.Join(errors.ErrUnsupported, errors.New("spanheap: this system does not tell of a process's mappings"))
