package arena

// extent is the addresses [addr, addr+size).
type extent struct{ addr, size uintptr }

// alignUp returns the first multiple of align, a power of two, at or above addr.
func alignUp(addr, align uintptr) uintptr { return (addr + align - 1) &^ (align - 1) }

// cut takes size bytes at a multiple of align out of e, if e has them, and returns what is left of e
// below and above them.
func (e extent) cut(size, align uintptr) (addr uintptr, below, above extent, ok bool) {
	head := alignUp(e.addr, align) - e.addr
	if head > e.size || size > e.size-head {
		return 0, extent{}, extent{}, false
	}
	addr = e.addr + head
	return addr, extent{e.addr, head}, extent{addr + size, e.size - head - size}, true
}
