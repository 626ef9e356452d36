package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spanheap/spanheap/internal/smaps"
	"github.com/spanheap/spanheap/internal/statpage"
)

// A sight is one look at a target.
type sight struct {
	title   string
	pid     int    // 0 for one that is not of this machine
	program string // empty where it is not told
	page    *statpage.Page
}

// age returns how long ago the process wrote its figures.
func (s *sight) age(now time.Time) time.Duration {
	return max(now.Sub(s.page.Process.WrittenAt()), 0)
}

// local tells whether the kernel can be asked about the process.
func (s *sight) local() bool { return s.pid != 0 }

// resident returns how many bytes of a local process are in memory, without a look at every mapping.
func (s *sight) resident() uint64 {
	if !s.local() {
		return 0
	}
	text, _ := os.ReadFile(filepath.Join(folderOf(s.pid), "status"))
	n, _ := kibibytes(text, "VmRSS:")
	return n
}

// view returns what the kernel says of a local process and of its heaps' extents.
func (s *sight) view() (smaps.View, error) {
	extents := make([]smaps.Extent, len(s.page.Extents))
	for i, e := range s.page.Extents {
		extents[i] = smaps.Extent(e)
	}
	v, err := smaps.Read(folderOf(s.pid), extents)
	if err != nil {
		err = fmt.Errorf("process %d: %w", s.pid, ended(err))
	}
	return v, err
}
