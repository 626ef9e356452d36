// Package callstack takes the stack of its caller, for a sample of the heap profile. Where Go keeps frame
// pointers, it follows them, which costs a nanosecond or two a frame where runtime.Callers costs twenty and more
// (the way of Go's execution tracer since 1.21); elsewhere it is runtime.Callers.
package callstack

import (
	"iter"
	"runtime"
	"strings"
)

// PCs fills buf with the return addresses of its caller's callers, innermost first, and returns how many there
// are. Whether the caller itself and functions of this package are among them depends on the compiler.
func PCs(buf []uintptr) int {
	if len(buf) == 0 {
		return 0
	}
	return pcs(buf)
}

// Frames returns the functions of a stack that PCs took, innermost first, those that were inlined among them,
// and those left out that the compiler made to wrap a call.
func Frames(pcs []uintptr) iter.Seq[runtime.Frame] {
	return func(yield func(runtime.Frame) bool) {
		for more, it := len(pcs) > 0, runtime.CallersFrames(pcs); more; {
			var f runtime.Frame
			f, more = it.Next()
			if !wraps(f.Function) && !yield(f) {
				return
			}
		}
	}
}

// wraps tells a wrapper of a go or defer statement, or of a method's value, by its name.
func wraps(function string) bool {
	last := function[strings.LastIndexByte(function, '.')+1:]
	return strings.HasPrefix(last, "gowrap") || strings.HasPrefix(last, "deferwrap") || strings.HasSuffix(last, "-fm")
}
