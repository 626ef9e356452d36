package mcache_test

import "testing"

// deeper calls f with the stack so many frames deeper.
//
//go:noinline
func deeper(frames int, f func()) (pad [12]uintptr) {
	if frames == 0 {
		f()
		return pad
	}
	return deeper(frames-1, f)
}

// TestTheSlowPathsEndAtEveryDepthOfTheStack: where there is no pinning, the stack's place tells the
// owner, which may be one in a function and another in the function that it calls.
func TestTheSlowPathsEndAtEveryDepthOfTheStack(t *testing.T) {
	procs(t, 8)
	for frames := range 40 {
		r := newRig(t)
		deeper(frames, func() {
			for _, class := range smallClasses()[:20] {
				var live []block
				for range 50 {
					live = append(live, r.mustAlloc(class, 8))
				}
				for _, b := range live {
					r.mustFree(b)
				}
			}
		})
		r.requireEmpty()
	}
}
