// Package flat holds heap traces decoded: files of records of one length in the machine's byte order,
// which the players in Go and in C read as they are. A file is made for one run and never kept.
package flat

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"unsafe"

	"github.com/spanheap/spanheap/internal/trace"
)

// magic begins a file.
const magic uint64 = 0x3130544c464e5053

// A Trace is a header, the calls of the program, and the frees that the program never made.
type Trace struct {
	Header
	Events    []Event
	Survivors []Event // frees of the blocks that are live at the end
}

// A Header begins the file; Events and Survivors follow.
type Header struct {
	Magic     uint64
	Events    uint64 // how many
	Survivors uint64 // how many
	Blocks    uint64 // blocks born
	PeakLive  uint64 // the highest sum of the sizes of live blocks, in bytes
}

// An Event is one call. Who plays it need not remember sizes.
type Event struct {
	Op    uint8 // as in a trace
	Align uint8 // log2 of the alignment, aligned allocations only
	_     uint16
	ID    uint32 // the block that a free or reallocation ends: how many were born before it
	Size  uint32 // bytes asked for; of a free, the bytes of the block
	Was   uint32 // of a reallocation, the bytes of the block that it ends
}

// Decode flattens a recorded trace. Blocks of 4 GiB and more are refused.
func Decode(r io.Reader) (*Trace, error) {
	t, err := trace.Read(r)
	if err != nil {
		return nil, err
	}
	f := &Trace{Events: make([]Event, len(t.Events))}
	sizes := make([]uint32, 0, t.Blocks)
	live := make([]bool, 0, t.Blocks)
	for i, e := range t.Events {
		if e.Size > math.MaxUint32 {
			return nil, fmt.Errorf("event %d: a block of %d bytes", i, e.Size)
		}
		flat := Event{Op: uint8(e.Op), Align: e.Align, ID: e.ID, Size: uint32(e.Size)}
		switch e.Op {
		case trace.Free:
			flat.Size, live[e.ID] = sizes[e.ID], false
		case trace.Realloc:
			flat.Was, live[e.ID] = sizes[e.ID], false
		}
		if e.Op != trace.Free {
			sizes, live = append(sizes, flat.Size), append(live, true)
		}
		f.Events[i] = flat
	}
	for id, alive := range live {
		if alive {
			f.Survivors = append(f.Survivors, Event{Op: uint8(trace.Free), ID: uint32(id), Size: sizes[id]})
		}
	}
	f.Blocks, f.PeakLive = uint64(t.Blocks), t.PeakLive
	return f, nil
}

// Write writes the file. It fills in what the header counts.
func (t *Trace) Write(file string) error {
	t.Magic, t.Header.Events, t.Header.Survivors = magic, uint64(len(t.Events)), uint64(len(t.Survivors))
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, header := out.Write(bytesOf([]Header{t.Header}))
	_, events := out.Write(bytesOf(t.Events))
	_, survivors := out.Write(bytesOf(t.Survivors))
	return errors.Join(header, events, survivors, out.Close())
}

// Read reads a file that Write wrote.
func Read(file string) (*Trace, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	var head [1]Header
	if _, err := io.ReadFull(in, bytesOf(head[:])); err != nil {
		return nil, fmt.Errorf("%s: header: %w", file, err)
	}
	h := head[0]
	records := uint64(info.Size()-int64(unsafe.Sizeof(h))) / uint64(unsafe.Sizeof(Event{}))
	if h.Magic != magic || h.Events > records || h.Survivors != records-h.Events {
		return nil, fmt.Errorf("%s: not a flat trace", file)
	}
	t := &Trace{h, make([]Event, h.Events), make([]Event, h.Survivors)}
	for _, part := range [][]Event{t.Events, t.Survivors} {
		if _, err := io.ReadFull(in, bytesOf(part)); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return t, nil
}

// bytesOf returns the memory of records.
func bytesOf[T Header | Event](records []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(records))), len(records)*int(unsafe.Sizeof(one)))
}
