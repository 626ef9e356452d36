//go:build !race && !spanheap_portable

package mcache

import _ "unsafe" // for linkname

// What the runtime promises to those who link to it, by name and type (go.dev/issue/67401).

// procPin and procUnpin keep the goroutine on its P, and tell the P's number.

//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()

// getm returns the address of the record of the goroutine's thread.
//
//go:linkname getm runtime.getm
func getm() uintptr
