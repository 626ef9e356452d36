//go:build !amd64 && !arm64

package callstack

import "runtime"

func pcs(buf []uintptr) int { return runtime.Callers(3, buf) }
