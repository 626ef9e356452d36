package mheap

// Spare records. To give whole physical pages back out of a free span takes records for what stays on both sides of
// them. Where a limit has left no memory for records, what would be given back is what is missing; so where physical
// pages are longer than pages, and few spans can go whole, a heap keeps what one cut takes. h.mu guards them.

// cutRests is how many spans may stay of one that is cut for release.
const cutRests = 2

// stockSpares sees to it that there are spares, as far as there is memory.
func (h *Heap) stockSpares() {
	if h.space.System().PageSize() <= PageSize {
		return
	}
	for i, spare := range h.spares {
		if spare == nil {
			h.spares[i], _ = h.newRecord(LargeNoscan, 1)
		}
	}
}

// cutRecord returns a record for what stays of a span that is cut for release: a spare where there is no other.
func (h *Heap) cutRecord() (*Span, error) {
	record, err := h.newRecord(LargeNoscan, 1)
	for i := 0; record == nil && i < len(h.spares); i++ {
		record, h.spares[i] = h.spares[i], nil
	}
	if record != nil {
		err = nil
	}
	return record, err
}
