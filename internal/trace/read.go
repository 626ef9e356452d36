package trace

import (
	"bufio"
	"fmt"
	"io"
)

const magic = "HEAPTRACE1\n"

// Read decodes a whole trace. What is wrong with a trace is told by an *Error; an error of r itself
// is returned as it is. Memory stays in proportion to the records read, of which MaxEvents are the most.
func Read(r io.Reader) (*Trace, error) {
	d, err := newDecoder(r)
	if err != nil {
		return nil, err
	}
	var t Trace
	for {
		e, err := d.event()
		if err == io.EOF {
			t.Blocks = len(d.ledger.sizes)
			t.PeakLive, t.PeakEvents = d.ledger.peakLive, d.ledger.peakEvents
			return &t, nil
		}
		if err != nil {
			return nil, err
		}
		t.Events = append(t.Events, e)
	}
}

// A decoder walks the records of one decompressed stream.
type decoder struct {
	in     *bufio.Reader
	offset int64 // of the next byte
	record int64 // offset of the record being read
	thread uint16
	ledger ledger
}

// newDecoder returns a decoder that stands at the first record.
func newDecoder(r io.Reader) (*decoder, error) {
	unzipped, err := newUnzipper(r)
	if err != nil {
		return nil, err
	}
	d := &decoder{in: bufio.NewReaderSize(unzipped, 1<<16)}
	var opening [len(magic)]byte
	n, err := io.ReadFull(d.in, opening[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	if string(opening[:n]) != magic {
		return nil, &Error{Reason: fmt.Sprintf("not a heap trace: it opens with %q, not %q", opening[:n], magic)}
	}
	d.offset = int64(n)
	return d, nil
}

// event returns the next event, or io.EOF after the last.
func (d *decoder) event() (Event, error) {
	for {
		d.record = d.offset
		op, err := d.in.ReadByte()
		if err != nil {
			return Event{}, err
		}
		d.offset++
		if Op(op) == opThread {
			if err := d.threadRecord(); err != nil {
				return Event{}, err
			}
			continue
		}
		e := Event{Op: Op(op), Thread: d.thread}
		if err := d.numbers(&e); err != nil {
			return Event{}, err
		}
		if err := d.ledger.apply(&e); err != nil {
			return Event{}, d.recordError(err.Error())
		}
		return e, nil
	}
}

func (d *decoder) threadRecord() error {
	n, err := d.varint()
	if err != nil {
		return err
	}
	if n > MaxThread {
		return d.recordError(fmt.Sprintf("thread %d, more than %d", n, MaxThread))
	}
	d.thread = uint16(n)
	return nil
}

// numbers reads what follows the operation's byte.
func (d *decoder) numbers(e *Event) (err error) {
	switch e.Op {
	case Free, Realloc:
		back, err := d.varint()
		if err != nil {
			return err
		}
		born := len(d.ledger.sizes)
		if back >= uint64(born) {
			return d.recordError(fmt.Sprintf("back %d, but %d blocks were born", back, born))
		}
		e.ID = uint32(born - 1 - int(back))
	case AllocAligned:
		log2, err := d.varint()
		if err != nil {
			return err
		}
		if log2 > MaxAlign {
			return d.recordError(alignError(log2).Error())
		}
		e.Align = uint8(log2)
	}
	if e.Op != Free && e.Op < opThread {
		e.Size, err = d.varint()
	}
	return err
}

func (d *decoder) varint() (uint64, error) {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b, err := d.in.ReadByte()
		if err == io.EOF {
			return 0, d.recordError("the trace ends inside a record")
		}
		if err != nil {
			return 0, err
		}
		d.offset++
		if shift == 63 && b > 1 {
			return 0, d.recordError("a number of more than 64 bits")
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
}

func (d *decoder) recordError(reason string) error {
	return &Error{Offset: d.record, Reason: reason}
}
