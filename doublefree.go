package spanheap

// Blocks that two goroutines freed at one moment, so that neither could see the other, one of them on the P that had
// allocated the block. Both frees went well, and the slot is free once. The heap finds it out when it would use the slot
// again (mcache's slots set aside); whoever comes to a slow path next is told, or who calls Release or Verify.

// untoldDoubleFree returns the misuse of such a block that was found and nobody was told of, or nil. The call that tells
// is op.
func (h *Heap) untoldDoubleFree(op string) error {
	p := h.caches.Untold()
	if p == 0 {
		return nil
	}
	m := misuse(op, DoubleFree, p)
	m.FoundLater = true
	return m
}

// tellOfDoubleFree panics with untoldDoubleFree's. The caller holds no lock, and no block.
func (h *Heap) tellOfDoubleFree(op string) {
	if err := h.untoldDoubleFree(op); err != nil {
		panic(err)
	}
}

// tellOfDoubleFreeBut is tellOfDoubleFree for a caller that has just allocated the block of n bytes at p, which is freed
// first.
func (h *Heap) tellOfDoubleFreeBut(p, n uintptr) {
	if err := h.untoldDoubleFree("Alloc"); err != nil {
		raceAlloc(p, n)
		h.free(nil, "Free", p, n)
		panic(err)
	}
}
