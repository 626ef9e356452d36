//go:build !linux

package spanheap

import "github.com/spanheap/spanheap/mheap"

func viewOf([]mheap.Extent) (SystemView, error) { return SystemView{}, errNoView }
