// Package statpage is the page on which a process keeps its statistics for others to read: a sealed memfd,
// no file, which is there as long as the process is, stopped or not.
//
//	header     64 bytes: magic, version, size
//	frame 0    at 4096
//	frame 1    at 4096 + FrameBytes
//
// A frame is the whole state at one moment: a head, the process's record, its extents, and a record for each
// heap with a row for each size class. All is little-endian, at fixed offsets, in words of 64 bits. Version
// is 1; it grows when a word changes its place or its meaning, not when one comes behind the others of its
// record.
//
// Frames are written in turns, each a seqlock: its counter is odd while it is written, and grows from frame
// to frame. So one of them is whole at any moment, also when the writer is stopped in the midst of the other.
// A checksum stands for what the order of memory accesses does not promise.
package statpage

import (
	"errors"
	"time"
)

// Name is what the memfd's name begins with: /proc/PID/fd/N links to "/memfd:spanheap (deleted)".
const Name = "spanheap"

// Version is the layout's.
const Version = 1

// How much a page has room for. What is beyond is summed up in the last heap, and missing from the extents.
const (
	MaxHeaps   = 32
	MaxRows    = 80 // of a heap
	MaxExtents = 64
	MaxName    = 48 // bytes of a heap's name, and of its purpose
)

// Page is what a process tells at one moment. All figures are bytes unless their comment says otherwise.
type Page struct {
	Process Process
	Extents []Extent // address space of all heaps, in rising order
	Heaps   []Heap
}

// Process is the part that is of no heap.
type Process struct {
	PID        uint64 // as the process itself sees it
	Started    uint64 // when it began to write, in Unix nanoseconds
	Written    uint64 // when it wrote this, in Unix nanoseconds
	Flags      uint64
	OpenHeaps  uint64 // number; more than the page has when it has no room for all
	Backed     uint64 // what all heaps have backed
	Limit      uint64 // of what they may have backed; 0 is none
	Goroutines uint64 // number
	Procs      uint64 // GOMAXPROCS
	GCCycles   uint64 // number, ever
	GoLimit    uint64 // GOMEMLIMIT

	// What Go has mapped, by runtime/metrics.
	GoTotal    uint64 // all of it
	GoReleased uint64 // of it, given back to the operating system
	GoObjects  uint64 // of it, objects of the heap, dead ones that are not swept among them
	GoUnused   uint64 // of it, parts of the heap's spans that no object has
	GoFree     uint64 // of it, the heap's free spans
	GoStacks   uint64 // of it, stacks of goroutines and threads
}

// Flags of a process.
const (
	ArenasInGoHeap = 1 << iota // blocks lie in the Go heap: builds with the race detector
	ExtentsCut                 // there are more extents than the page has room for
)

// WrittenAt returns when the page was written.
func (p *Process) WrittenAt() time.Time { return time.Unix(0, int64(p.Written)) }

// Extent is a stretch of address space.
type Extent struct{ Addr, Bytes uint64 }

// Heap is one heap's record, with the columns of spanheap.Stats.
type Heap struct {
	Name, Purpose string

	ID           uint64 // its number in the process
	Summed       uint64 // how many heaps it is the sum of: 1, but for the last of a full page
	Live         uint64
	Rounding     uint64
	SpanTail     uint64
	CachedSlots  uint64
	CentralSlots uint64
	FreePages    uint64
	Metadata     uint64
	Backed       uint64
	Released     uint64
	Mapped       uint64
	Untouched    uint64
	Reserved     uint64
	HugeAsked    uint64
	LiveBlocks   uint64 // number
	Mallocs      uint64 // number
	Frees        uint64 // number
	Spans        uint64 // number
	Arenas       uint64 // number
	Limit        uint64 // of what it may have backed; 0 is none

	Rows []Row // of the classes that hold a span
}

// Row is a size class's part of a heap.
type Row struct {
	Class        uint64 // its number; Tiny, Guarded or Large
	Size         uint64 // of a slot; 0 for large objects
	Spans        uint64 // number
	SpanBytes    uint64
	Slots        uint64 // number
	LiveSlots    uint64 // number
	Live         uint64
	Rounding     uint64
	SpanTail     uint64
	CachedSlots  uint64
	CentralSlots uint64
	Mallocs      uint64 // number
	Frees        uint64 // number

	Occupancy [Occupancies]uint64 // numbers of spans: see Occupancies
}

// Occupancies is how spans are told apart by their slots: none is free; then a quarter of them at most, a
// half, three quarters, and more; in the end the spans in the hands of caches, whose slots nobody counts.
const Occupancies = 6

// Classes that have no number.
const (
	Tiny    = 0
	Guarded = 1<<32 - 2
	Large   = 1<<32 - 1
)

var (
	// ErrNoPage is the error of what is no page at all.
	ErrNoPage = errors.New("no spanheap page")

	// ErrVersion is the error of a page in another version of the layout.
	ErrVersion = errors.New("another version of the page's layout")

	// ErrBroken is the error of a page that is damaged, or not yet written.
	ErrBroken = errors.New("the spanheap page holds no whole state")
)

// Reset makes the page an empty one, and keeps its memory for what is put there next.
func (p *Page) Reset() { p.Process, p.Extents, p.Heaps = Process{}, p.Extents[:0], p.Heaps[:0] }

// AddHeap returns the record of another heap, which is empty, or nil when the page is full.
func (p *Page) AddHeap() *Heap {
	if len(p.Heaps) == MaxHeaps {
		return nil
	}
	if len(p.Heaps) == cap(p.Heaps) {
		p.Heaps = append(p.Heaps, Heap{})
	} else {
		p.Heaps = p.Heaps[:len(p.Heaps)+1]
	}
	h := &p.Heaps[len(p.Heaps)-1]
	*h = Heap{Rows: h.Rows[:0]}
	return h
}

// Add adds the other heap's figures and rows to h's, which becomes the sum of more heaps.
func (h *Heap) Add(other *Heap) {
	theirs := other.words()
	for i, word := range h.words() {
		*word += *theirs[i]
	}
	h.ID = other.ID
	h.Limit = 0
	for i := range other.Rows {
		h.addRow(&other.Rows[i])
	}
}

func (h *Heap) addRow(other *Row) {
	theirs := other.words()
	for i := range h.Rows {
		r := &h.Rows[i]
		if r.Class != other.Class {
			continue
		}
		for i, word := range r.words() {
			*word += *theirs[i]
		}
		r.Class, r.Size = other.Class, other.Size
		return
	}
	h.Rows = append(h.Rows, *other)
}
