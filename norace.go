//go:build !race

package spanheap

//go:nosplit
func raceAlloc(p, n uintptr) {}

//go:nosplit
func raceFree(p, n uintptr) {}

func raceIgnore() {}

func raceHeed() {}
