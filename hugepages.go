package spanheap

import "strconv"

// HugePages is what a heap does for huge pages (on Linux: transparent huge pages), which cost the processor
// fewer page walks, and memory where they are not full. A heap asks for them in dense arenas alone: from when
// seven eighths of an arena's pages are in use until half of them are not. Systems without such advice do as
// they like. Stats.HugeAsked tells what was asked for, SystemView what came of it. A heap that asks for huge
// pages copies large blocks that grow, since moving their pages would tear huge ones apart.
type HugePages uint8

const (
	HugePagesOff      HugePages = iota // the system's settings hold
	HugePagesOn                        // dense arenas are backed by huge pages from then on: MADV_HUGEPAGE
	HugePagesCollapse                  // and what they hold is put into huge pages, 2 MiB by 2 MiB: MADV_COLLAPSE, from Linux 6.1 on
)

// String returns "off", "on", "collapse", or the number of what is none of them.
func (p HugePages) String() string {
	switch p {
	case HugePagesOff:
		return "off"
	case HugePagesOn:
		return "on"
	case HugePagesCollapse:
		return "collapse"
	}
	return strconv.Itoa(int(p))
}
