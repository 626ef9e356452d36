// Package trace reads and writes heap traces: every heap call of one run of a program, in order.
//
// A trace is a gzip stream. It opens with the eleven bytes "HEAPTRACE1\n"; records follow to the end:
// one byte, the operation, then its numbers as unsigned LEB128 varints.
//
//	0  allocate             size
//	1  free                 back
//	2  reallocate           back of the old block, size
//	3  allocate zeroed      size
//	4  allocate aligned     log2 of the alignment, size
//	5  thread               the number of the thread that makes the calls after it, 0 at first
//
// Blocks are numbered from 0 in the order of their birth; reallocation ends one block and gives birth
// to another. A block is named by how far back its birth lies: back is the number of blocks born so
// far, less 1, less the block's number. Sizes may be 0. Blocks live at the end were never freed.
//
// Nothing in a trace says how long it is: one whose recording ended early, between two records, is
// sound. A file that was cut short is not, as the end of its gzip stream is missing.
//
// Reader and writer refuse the same things: a block that ends twice, and numbers beyond the limits
// below. Nothing in this package is safe for concurrent use on one value.
package trace

import "fmt"

// An Op says what one event does. Its value is the operation's byte in the file.
type Op uint8

const (
	Alloc Op = iota
	Free
	Realloc
	AllocZeroed
	AllocAligned

	opThread // a record that is no event
)

// Limits of a trace. They keep numbers that no program made from being taken for work to do.
const (
	MaxEvents = 1 << 26 // events of a trace
	MaxSize   = 1 << 40 // bytes of a block
	MaxLive   = 1 << 50 // bytes live at once
	MaxAlign  = 30      // log2 of an alignment
	MaxThread = 1<<16 - 1
)

// An Event is one heap call.
type Event struct {
	Op     Op
	Align  uint8  // log2 of the alignment; AllocAligned only
	Thread uint16 // who made the call
	ID     uint32 // the block that Free and Realloc end, the block that other calls give birth to
	Size   uint64 // bytes asked for; 0 for Free
}

// A Trace is a whole trace, decoded and found to be sound.
type Trace struct {
	Events []Event // thread records are no events

	Blocks     int    // blocks born
	PeakLive   uint64 // the highest sum of the sizes of live blocks, in bytes
	PeakEvents int    // the first moment of PeakLive is after Events[:PeakEvents]
}

// An Error says what is wrong with a trace, and where.
type Error struct {
	Offset int64 // bytes before what is wrong: of the decompressed stream, or with InFile of the file
	InFile bool  // the file cannot be decompressed from there on
	Reason string
	Err    error // what the gzip reader said, or nil
}

func (e *Error) Error() string {
	switch {
	case !e.InFile:
		return fmt.Sprintf("offset %d of the decompressed stream: %s", e.Offset, e.Reason)
	case e.Offset > 0:
		return fmt.Sprintf("offset %d of the compressed file: %s", e.Offset, e.Reason)
	}
	return e.Reason // it is said of the file as a whole
}

func (e *Error) Unwrap() error { return e.Err }
