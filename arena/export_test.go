package arena

// goMemories is the Systems of GoMemory, kept as Host is.
var goMemories []*goMemory

// GoMemory returns a System over Go memory of its own, which not every build uses.
func GoMemory() System {
	g := new(goMemory)
	goMemories = append(goMemories, g)
	return g
}

// SlabOf returns which slab of a GoMemory holds addr.
func SlabOf(s System, addr uintptr) int {
	for i, slab := range s.(*goMemory).slabs {
		if addr-addressOf(slab) < uintptr(len(slab)) {
			return i
		}
	}
	return -1
}
