package spanheap

import (
	"fmt"
	"reflect"
	"strings"
)

// Unreached is what Unreachable finds.
type Unreached struct {
	Heap    string           `json:"heap"`    // name
	Reached uint64           `json:"reached"` // blocks that a root reaches
	Blocks  uint64           `json:"blocks"`  // blocks that none does
	Bytes   uint64           `json:"bytes"`   // what these could hold
	Classes []UnreachedClass `json:"classes"` // those with such blocks, in the order of Stats
	Listed  []UnreachedBlock `json:"listed"`  // such blocks by address, the first ones
}

// UnreachedClass sums up the unreached blocks of a class.
type UnreachedClass struct {
	Class  string `json:"class"` // as ClassStats.Name
	Blocks uint64 `json:"blocks"`
	Bytes  uint64 `json:"bytes"`
}

// UnreachedBlock is a live block that no root reaches.
type UnreachedBlock struct {
	Addr   uintptr `json:"addr"`
	Size   uintptr `json:"size"` // bytes of its slot or, of a large object, its span
	Class  string  `json:"class"`
	Noscan bool    `json:"noscan"` // it holds no references
}

// Unreachable returns the live blocks that none of the roots reaches: leaks, if the roots are all that the
// program keeps of the heap. At most most of them are listed, all for a negative number; all are counted.
//
// A root is a []byte or other slice, a *T, a Ptr or an unsafe.Pointer, and refers to a live block of the heap
// or into one; those that are nil or without capacity reach nothing. A block is reached by a root, or by a word
// of a reached block of a scan class, at a multiple of the word's size, that is an address within it: of New's
// and MakeSlice's Ts with Ptrs. Any such word counts, whether it is a reference or only looks like one.
// What noscan blocks hold does not, all []byte among them, nor does what lies elsewhere. A block
// that was guarded is of the class "guarded".
//
// It is for debugging: while it runs nobody may allocate on the heap, free, or write to its blocks. It takes
// a byte of Go's heap for each slot, and about a second for a million blocks. Errors: ErrClosed; and for
// a root of another type or that is in no live block of the heap, one that names the root.
func (h *Heap) Unreachable(most int, roots ...any) (Unreached, error) {
	if !h.readable() {
		return Unreached{}, fmt.Errorf("spanheap: %w", ErrClosed)
	}
	defer h.readers.RUnlock()
	w := h.newReachWalk()
	for i, root := range roots {
		p, ok := rootAddress(root)
		if !ok {
			return Unreached{}, fmt.Errorf("spanheap: %s: root %d is a %T, no slice, pointer or Ptr", h.name, i, root)
		}
		if p != 0 && p != zeroBase && !w.reach(p) {
			return Unreached{}, fmt.Errorf("spanheap: %s: root %d, a %T to %#x, is in no live block of the heap", h.name, i, root, p)
		}
	}
	w.finish()
	return w.unreached(most), nil
}

// rootAddress returns the address that a root holds, 0 for none, and whether it is of a type that roots have.
func rootAddress(root any) (uintptr, bool) {
	if root == nil {
		return 0, true
	}
	if p, ok := root.(interface{ address() uintptr }); ok {
		return p.address(), true
	}
	switch v := reflect.ValueOf(root); v.Kind() {
	case reflect.Slice:
		if v.Cap() == 0 || v.Type().Elem().Size() == 0 {
			return 0, true
		}
		return v.Pointer(), true
	case reflect.Pointer:
		if v.Type().Elem().Size() == 0 {
			return 0, true
		}
		return v.Pointer(), true
	case reflect.UnsafePointer:
		return v.Pointer(), true
	}
	return 0, false
}

// String tells people what no root reaches: the sums, by class, and the blocks that are listed.
func (u Unreached) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s of %d bytes that no root reaches, beside %s that one does\n", u.Heap, countBlocks(u.Blocks), u.Bytes, countBlocks(u.Reached))
	for _, c := range u.Classes {
		fmt.Fprintf(&b, "  class %s: %s of %d bytes\n", c.Class, countBlocks(c.Blocks), c.Bytes)
	}
	for _, x := range u.Listed {
		kind := "scan"
		if x.Noscan {
			kind = "noscan"
		}
		fmt.Fprintf(&b, "  %#x: %d bytes, class %s, %s\n", x.Addr, x.Size, x.Class, kind)
	}
	if rest := u.Blocks - uint64(len(u.Listed)); rest > 0 && len(u.Listed) > 0 {
		fmt.Fprintf(&b, "  and %d more\n", rest)
	}
	return b.String()
}

// countBlocks says so many blocks in words.
func countBlocks[N int64 | uint64](n N) string {
	if n == 1 {
		return "1 block"
	}
	return fmt.Sprintf("%d blocks", n)
}
