package spanheap

import "github.com/spanheap/spanheap/sizeclass"

// SizeClass is one row of the size-class table.
type SizeClass struct {
	Class     int     `json:"class"`
	Size      int     `json:"size"`       // bytes of a slot
	SpanBytes int     `json:"span_bytes"` // bytes of a span
	Objects   int     `json:"objects"`    // slots of a span
	TailWaste int     `json:"tail_waste"` // bytes at the end of a span that make no slot
	MaxWaste  float64 `json:"max_waste"`  // the share of a span that is wasted at worst: tail and rounding
	MinAlign  int     `json:"min_align"`  // bytes, of every slot's address
}

// SizeClasses returns the table of size classes, smallest first, without class 0 of large objects.
func SizeClasses() []SizeClass {
	rows := make([]SizeClass, 0, sizeclass.NumClasses-1)
	for c := uint8(1); c < sizeclass.NumClasses; c++ {
		rows = append(rows, SizeClass{
			Class:     int(c),
			Size:      int(sizeclass.Size[c]),
			SpanBytes: int(sizeclass.Pages[c]) * sizeclass.PageSize,
			Objects:   sizeclass.Objects(c),
			TailWaste: sizeclass.TailWaste(c),
			MaxWaste:  sizeclass.MaxWaste(c),
			MinAlign:  sizeclass.MinAlign(c),
		})
	}
	return rows
}
