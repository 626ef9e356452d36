package mheap

import "github.com/spanheap/spanheap/arena"

// Extent is a stretch of a heap's address space, for those who ask the operating system about it.
type Extent struct{ Addr, Bytes uintptr }

// ArenaBases returns where the heap's arenas begin.
func (h *Heap) ArenaBases() (bases []uintptr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.arenas {
		bases = append(bases, a.region.Base)
	}
	return bases
}

// Extents returns the heap's arenas and the chunks of its records, in no order.
func (h *Heap) Extents() []Extent {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.meta.extents()
	for _, a := range h.arenas {
		all = append(all, Extent{a.region.Base, arena.Size})
	}
	return all
}

func (m *Meta) extents() (all []Extent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.chunks {
		all = append(all, Extent{c.base, metaChunk})
	}
	return all
}
