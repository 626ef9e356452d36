//go:build amd64 || arm64

package callstack

func pcs(buf []uintptr) int { return walk(&buf[0], len(buf)) }

// walk follows the frame pointers. It reads nothing but the goroutine's own stack, whose bounds the
// runtime keeps in the first two words of its g: a frame pointer that is none, as frames of C may leave
// one, ends the walk. Nothing can move the stack meanwhile, since assembly is not preempted.
//
//go:noescape
func walk(buf *uintptr, n int) int
