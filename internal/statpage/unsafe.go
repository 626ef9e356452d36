package statpage

import "unsafe"

// counterAt returns the word at the beginning of b, which is 8-byte aligned.
func counterAt(b []byte) *uint64 { return (*uint64)(unsafe.Pointer(&b[:8][0])) }

// littleWord returns the word that lies in memory as n does in little-endian order.
func littleWord(n uint64) (word uint64) {
	little.PutUint64((*[8]byte)(unsafe.Pointer(&word))[:], n)
	return word
}
