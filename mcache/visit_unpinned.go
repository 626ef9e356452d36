//go:build !race && !spanheap_portable && (amd64 || arm64) && !openbsd

package mcache

// A visit pins nothing. A function that the compiler is told not to split has no point at which the scheduler could
// take its goroutine off its P: neither the stack check at its head, nor one at which a signal would be heeded
// (cmd/compile/internal/liveness, IsUnsafe). So what it learns of its P holds as long as it calls none that can be
// split, and is not made a part of one that can: it must not be inlined. What is left to pay is the question which P
// that is. The runtime answers it by procPin alone, which pins and wants procUnpin; but procPin's instructions tell
// where it looks, in the thread's record. See placeOfP.

// offsetOfP is where a thread's record has the address of its P's, which begins with the P's number. Where that is
// not known it is 0: what lies there, the address of the thread's own goroutine, leads to some number, and with any
// number visits find nobody.
var offsetOfP = findOffsetOfP()

// findOffsetOfP returns what procPin's instructions tell, if here and now it is right.
func findOffsetOfP() uintptr {
	offset, known := placeOfP(codeAt(procPin, procPinBytes))
	if !known || !rightHere(offset) {
		return 0
	}
	return offset
}

// rightHere tells whether offset leads to the caller's P.
//
//go:nosplit
func rightHere(offset uintptr) bool {
	id := procPin()
	procUnpin()
	return int(int32At(wordAt(getm()+offset))) == id
}

// visits is where owners find their caches on a visit.
type visits struct{ places }

func (v *visits) put(id int, c *Cache) {
	if offsetOfP != 0 {
		v.places.put(id, c)
	}
}

// Here tells where the caller is, for Visit.
//
//go:nosplit
func Here() uintptr { return getm() }

// Visit returns the cache of the P that the calling function, which is here, runs on. It is the caller's up to Done,
// if that comes in the same function, which must neither be split nor inlined, and if none that is called in between
// can be split.
//
//go:nosplit
func (s *Set) Visit(here uintptr) *Cache {
	return s.visits.places.of(int(int32At(wordAt(here + offsetOfP))))
}

// Done ends a visit. The caller may not use the cache any more.
//
//go:nosplit
func (s *Set) Done(*Cache) {}
