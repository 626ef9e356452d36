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
