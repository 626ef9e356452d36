//go:build !race && !spanheap_portable && (amd64 || arm64) && !openbsd

package mcache

var (
	PlaceOfP = placeOfP
	StopOnce = stopOnce
)

// OffsetOfP is what is known of threads' records.
func OffsetOfP() uintptr { return offsetOfP }

// ForgetOffsetOfP has it unknown until what it returns is called; sets that were made before must not be used meanwhile.
func ForgetOffsetOfP() (recall func()) {
	was := offsetOfP
	offsetOfP = 0
	return func() { offsetOfP = was }
}

// Owner returns the number of the caller's P.
func Owner(s *Set) int { return s.owner() }
