package arena_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// at returns the bytes of [addr, addr+size), Go memory or not.
//
//go:nocheckptr
func at(addr, size uintptr) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(nil, addr)), size)
}

// fill writes v to every byte of [addr, addr+size).
func fill(addr, size uintptr, v byte) {
	b := at(addr, size)
	for i := range b {
		b[i] = v
	}
}

// requireAll checks that every byte of [addr, addr+size) is v.
func requireAll(t testing.TB, v byte, addr, size uintptr) {
	t.Helper()
	for i, got := range at(addr, size) {
		if got != v {
			require.Failf(t, "wrong contents", "byte %d of %d at %#x is %d, want %d", i, size, addr, got, v)
		}
	}
}
