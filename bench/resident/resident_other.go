//go:build !linux

package resident

// Now is not known on this system.
func Now() (now uint64, ok bool) { return 0, false }

// Highest is not known on this system.
func Highest() (highest uint64, ok bool) { return 0, false }
