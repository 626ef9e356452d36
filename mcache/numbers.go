package mcache

import "github.com/spanheap/spanheap/mheap"

// numbers are given to caches, which own the blocks that they allocate by them, once and for good. There are fewer than
// there may be caches, so some are kept for owners, and some for leases; caches without a number own nothing.
type numbers struct{ owners, leases uint8 } // how many have one

// mostOwners is how many owners get a number at most.
const mostOwners = 46

// next returns the number of an owner's new cache, or 0.
func (n *numbers) next() uint8 {
	if n.owners >= mostOwners || n.owners+n.leases >= mheap.MaxOwner {
		return 0
	}
	n.owners++
	return n.owners + n.leases
}

// nextLeased returns the number of a new cache for leases, or 0, where there are so many owners, whose caches may be to
// come.
func (n *numbers) nextLeased(owners int) uint8 {
	kept := max(n.owners, uint8(min(owners, mostOwners)))
	if kept+n.leases >= mheap.MaxOwner {
		return 0
	}
	n.leases++
	return n.owners + n.leases
}
