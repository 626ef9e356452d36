package mcentral

import (
	"slices"

	"github.com/spanheap/spanheap/mheap"
)

const MaxSpares = maxSpares

// Lists returns how many spans lie on the list without room, and on all lists with room together.
func (c *Central) Lists() (empty, nonempty int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.nonempty {
		nonempty += c.nonempty[i].length()
	}
	return c.empty.length(), nonempty
}

func (l *list) length() (n int) {
	for s := l.first; s != nil; s = s.Next {
		n++
	}
	return n
}

// Stashed returns the slots in the stash.
func (c *Central) Stashed() []mheap.Slot { return slices.Clone(c.stash.slots[:c.stash.n]) }

// Breaks are ways to break a central that has a full span and one with room, by what Verify is to say of them.
// Each returns what undoes it.
var Breaks = map[string]func(c *Central) (undo func()){
	"list loop: ":         func(c *Central) func() { return with(&c.empty.first.Next, c.empty.first) },
	"list links: ":        func(c *Central) func() { return with(&c.empty.first.Prev, c.empty.first) },
	"list length: ":       func(c *Central) func() { return with(&c.empty.n, c.empty.n+1) },
	"held spans: ":        func(c *Central) func() { return with(&c.empty.first.Held, true) },
	"list membership: ":   func(c *Central) func() { return with(&c.empty.first.List, 1) },
	"slot conservation: ": func(c *Central) func() { return with(&c.empty.first.Returned, c.empty.first.Returned+1) },
	"spare spans: ":       func(c *Central) func() { return with(&c.spares, c.spares+1) },
	"room: ":              func(c *Central) func() { return with(&c.room, c.room+1) },
	"stash: ": func(c *Central) func() {
		state := c.stash.slots[0].State
		mheap.SetSlotState(state, mheap.Live)
		return func() { mheap.SetSlotState(state, mheap.Held) }
	},
}

// with sets a variable for as long as the structure is broken.
func with[T any](x *T, broken T) (undo func()) {
	was := *x
	*x = broken
	return func() { *x = was }
}
