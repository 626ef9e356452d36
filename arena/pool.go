package arena

import (
	"cmp"
	"slices"
)

// pool is arenas that nobody owns, in address order. Each reads zero below its mark.
type pool []Region

// put adds r. No arena is in a pool twice.
func (p *pool) put(r Region) {
	i, _ := p.find(r.Base)
	*p = slices.Insert(*p, i, r)
}

// has tells whether the arena at base is in the pool.
func (p *pool) has(base uintptr) bool {
	_, found := p.find(base)
	return found
}

// takeAt takes the n arenas from base on, or nil if not all of them are here.
func (p *pool) takeAt(base uintptr, n int) []Region {
	if i, found := p.find(base); found && p.run(i) >= n {
		return p.remove(i, n)
	}
	return nil
}

// take takes n arenas without a gap between them, or nil. Of all runs that are long enough it opens the
// shortest, and of those the lowest, to keep long runs whole.
func (p *pool) take(n int) []Region {
	best, shortest := -1, 0
	for i := 0; i < len(*p); {
		run := p.run(i)
		if run >= n && (best < 0 || run < shortest) {
			best, shortest = i, run
		}
		i += run
	}
	if best < 0 {
		return nil
	}
	return p.remove(best, n)
}

// run returns how many arenas follow each other without a gap from the i-th on.
func (p *pool) run(i int) int {
	n := 1
	for i+n < len(*p) && (*p)[i+n].Base == (*p)[i+n-1].Base+Size {
		n++
	}
	return n
}

func (p *pool) find(base uintptr) (i int, found bool) {
	return slices.BinarySearchFunc(*p, base, func(r Region, base uintptr) int { return cmp.Compare(r.Base, base) })
}

func (p *pool) remove(i, n int) []Region {
	taken := slices.Clone((*p)[i : i+n])
	*p = slices.Delete(*p, i, i+n)
	return taken
}
