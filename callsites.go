package spanheap

import (
	"cmp"
	"slices"
)

// CallSite is what the heap profile says of one place in the code that allocates. The figures are estimates, as
// the profile's are, and of a change below 0 where more went than came.
type CallSite struct {
	Function    string `json:"function"`
	File        string `json:"file"`
	Line        int    `json:"line"`
	AllocBlocks int64  `json:"alloc_blocks"` // allocated, ever
	AllocBytes  int64  `json:"alloc_bytes"`
	InUseBlocks int64  `json:"in_use_blocks"` // that live
	InUseBytes  int64  `json:"in_use_bytes"`  // what was asked for
	WasteBytes  int64  `json:"waste_bytes"`   // of slots that live blocks have, less what was asked for
}

// CallSites returns the places that allocated, those first that have most in use. The place is the innermost
// caller of the allocator.
func (p *Profile) CallSites() []CallSite {
	type place struct {
		function, file string
		line           int
	}
	sums := map[place]*CallSite{}
	for _, part := range p.parts {
		for _, s := range part.heap.samples(part.records) {
			at := place{function: "unknown"}
			if len(s.Stack) > 0 {
				at = place{s.Stack[0].Function, s.Stack[0].File, s.Stack[0].Line}
			}
			c := sums[at]
			if c == nil {
				c = &CallSite{Function: at.function, File: at.file, Line: at.line}
				sums[at] = c
			}
			v := s.Values
			c.AllocBlocks += v[0]
			c.AllocBytes += v[1]
			c.InUseBlocks += v[2]
			c.InUseBytes += v[inUseBytes]
			c.WasteBytes += v[4]
		}
	}
	sites := make([]CallSite, 0, len(sums))
	for _, c := range sums {
		sites = append(sites, *c)
	}
	slices.SortFunc(sites, func(a, b CallSite) int {
		return cmp.Or(cmp.Compare(b.InUseBytes, a.InUseBytes), cmp.Compare(a.Function, b.Function), cmp.Compare(a.Line, b.Line))
	})
	return sites
}
