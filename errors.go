package spanheap

import (
	"errors"
	"fmt"

	"github.com/spanheap/spanheap/mheap"
)

// What a caller asks for in vain is a returned error, to be told by errors.Is. No error changes the
// heap.
var (
	// ErrOutOfMemory is returned when the operating system refuses memory; the error wraps the
	// system's own as well, so that errors.Is(err, syscall.ENOMEM) tells.
	ErrOutOfMemory = errors.New("out of memory")

	// ErrLimit is returned when a block would take the heap, or the process, beyond its limit, and nothing that
	// is free could make room; the error's text gives the figures. Freeing makes room again.
	ErrLimit = mheap.ErrLimit

	// ErrSize is returned for a size that is negative or close to 256 GiB or above (half the address
	// space on 32 bits); an alignment above a page counts as part of the size.
	ErrSize = errors.New("invalid size")

	// ErrAlign is returned for an alignment that is not a power of two, or is too large.
	ErrAlign = errors.New("invalid alignment")

	// ErrPointers is returned for a type that contains Go pointers: the collector would not see them.
	ErrPointers = errors.New("type contains Go pointers")

	// ErrClosed is returned by a heap that was closed, and by a Local.
	ErrClosed = mheap.ErrClosed

	// ErrTooManyHeaps is returned when MaxHeaps heaps are open.
	ErrTooManyHeaps = errors.New("too many heaps")
)

// refuse makes the error for n bytes that could not be had.
func refuse(n uintptr, cause error) error {
	if errors.Is(cause, ErrClosed) {
		return fmt.Errorf("spanheap: %w", ErrClosed)
	}
	if errors.Is(cause, ErrLimit) {
		return fmt.Errorf("spanheap: %d bytes: %w", n, cause)
	}
	return fmt.Errorf("spanheap: %d bytes: %w: %w", n, ErrOutOfMemory, cause)
}

// MisuseKind says what a caller did wrong.
type MisuseKind uint8

const (
	// DoubleFree is the free of a block that is not allocated: it was freed before, or its memory, which is a
	// heap's, has not been handed out yet.
	DoubleFree MisuseKind = iota + 1
	// ForeignAddress is the free of an address that is of no heap.
	ForeignAddress
	// InteriorAddress is the free of an address inside a block, or between blocks.
	InteriorAddress
	// WrongHeap is the free of a block through a heap that did not hand it out.
	WrongHeap
	// SizeMismatch is the free of a value through a type whose size is of another size class.
	SizeMismatch
	// HeapClosed is the free of a block whose heap was closed, as long as no other heap has its address.
	HeapClosed
	// Overflow is a write behind the bytes that were asked for. Heaps at a DebugLevel find it, when the
	// block is freed or reallocated.
	Overflow
	// WriteAfterFree is a write to a freed block. Heaps at a DebugLevel find it, in any call that
	// makes the block's memory ready for others. It is found before the call does its work, and once: the call may
	// be made again.
	WriteAfterFree
)

// String returns the kind in words.
func (k MisuseKind) String() string {
	switch k {
	case DoubleFree:
		return "double free"
	case ForeignAddress:
		return "foreign address"
	case InteriorAddress:
		return "interior address"
	case WrongHeap:
		return "wrong heap"
	case SizeMismatch:
		return "size mismatch"
	case HeapClosed:
		return "heap closed"
	case Overflow:
		return "overflow"
	case WriteAfterFree:
		return "write after free"
	}
	return "misuse"
}

// MisuseError is the value of the panic with which the heap meets a caller's mistake. The blocks are
// then as they were before the call, but for what FoundLater says: whoever recovers may go on.
type MisuseError struct {
	Kind MisuseKind
	Op   string  // what was called: "Free" for example, and "Alloc" for all that allocate
	Addr uintptr // the address it was called with

	Index int // FreeBatch: the block's place in the batch; with FoundLater that of another one, which was freed

	// DoubleFree: two goroutines freed the block at Addr at one moment, so that neither was told. The heap found out
	// later, and this call, which may be right, is the first that can tell: a free of whatever kind or a Release, which
	// was done, or an allocation, or a Realloc that wants another slot, which was not. Verify returns it.
	FoundLater bool

	// The span that holds the address, where there is one.
	SpanBase  uintptr // address of its first byte
	SpanBytes uintptr // its length
	Class     string  // its size class, as ClassStats.Name has it
	ClassSize uintptr // bytes of its slots; all of the span for a large object; those asked for of a guarded block
	Block     uintptr // address of the block that the address lies in

	Heap   string  // HeapClosed, WrongHeap: the name of the heap that the address is of
	Size   uintptr // bytes that were asked for of the block; 0 in a heap without a DebugLevel
	Offset uintptr // Overflow, WriteAfterFree: the first byte of the block that was written

	// The stacks of the block's allocation and of its free, at DebugStacks, as from runtime.Callers.
	Allocated, Freed []uintptr
}

// Error returns one line that tells everything the MisuseError knows, and the stacks it has below that.
func (e *MisuseError) Error() string {
	return e.line() + stackText("allocated", e.Allocated) + stackText("freed", e.Freed)
}

func (e *MisuseError) line() string {
	op := e.Op
	if op == "FreeBatch" {
		op = fmt.Sprintf("FreeBatch: block %d", e.Index)
	}
	text := fmt.Sprintf("spanheap: %s: %v: address %#x", op, e.Kind, e.Addr)
	if e.FoundLater {
		text = fmt.Sprintf("spanheap: %s: %v by two at one moment, found later: address %#x", op, e.Kind, e.Addr)
	}
	switch {
	case e.Kind == HeapClosed:
		return text + fmt.Sprintf(" is of heap %q", e.Heap)
	case e.SpanBase == 0 && e.Kind == ForeignAddress:
		return text + " is of no heap"
	case e.SpanBase == 0:
		return text + " lies in no span in use"
	}
	text += fmt.Sprintf(" in span %#x+%d", e.SpanBase, e.SpanBytes)
	switch e.Class {
	default:
		text += fmt.Sprintf(", size class %s (%d bytes)", e.Class, e.ClassSize)
	case large:
		text += ", a large object"
	case guarded:
		text += fmt.Sprintf(", a guarded block of %d bytes", e.ClassSize)
	}
	if e.Block != 0 && e.Block != e.Addr {
		text += fmt.Sprintf(", %d bytes into block %#x", int(e.Addr-e.Block), e.Block)
	}
	switch e.Kind {
	case WrongHeap:
		text += fmt.Sprintf(", of heap %q", e.Heap)
	case Overflow:
		text += fmt.Sprintf(", byte %d of %d was written", e.Offset, e.Size)
	case WriteAfterFree:
		text += fmt.Sprintf(", byte %d was written after the free", e.Offset)
	}
	return text
}

// stackText returns the functions of a stack in lines of their own, below what happened there.
func stackText(what string, stack []uintptr) string {
	if len(stack) == 0 {
		return ""
	}
	text := "\n" + what + " by"
	for _, f := range frames(stack) {
		text += fmt.Sprintf("\n\t%s\n\t\t%s:%d", f.Function, f.File, f.Line)
	}
	return text
}
