package spanheap

import (
	"fmt"
	"os"

	"github.com/spanheap/spanheap/internal/smaps"
	"github.com/spanheap/spanheap/mheap"
)

func viewOf(extents []mheap.Extent) (v SystemView, err error) {
	ours := make([]smaps.Extent, len(extents))
	for i, e := range extents {
		ours[i] = smaps.Extent{Addr: uint64(e.Addr), Bytes: uint64(e.Bytes)}
	}
	s, err := smaps.Read("/proc/self", ours)
	if os.IsNotExist(err) {
		return v, errNoView
	}
	if err != nil {
		return v, fmt.Errorf("spanheap: %w", err)
	}
	return SystemView{
		Mapped: s.Mapped, Resident: s.Resident, Swapped: s.Swapped, Huge: s.Huge, Untouched: s.Untouched, Mappings: s.Mappings,
		Process: ProcessView(s.Process),
	}, nil
}
