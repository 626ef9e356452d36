//go:build spanheap_debug && !amd64 && !arm64

package lockrank

import (
	"bytes"
	"runtime"
	"strconv"
)

// goroutine tells the goroutine that runs from all others that live: by the number that heads its
// stack trace.
func goroutine() uintptr {
	var buf [64]byte
	line := buf[len("goroutine "):runtime.Stack(buf[:], false)]
	digits, _, _ := bytes.Cut(line, []byte(" "))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic("lockrank: a stack trace that begins with " + string(line))
	}
	return uintptr(n)
}
