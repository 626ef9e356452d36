package trace

import (
	"compress/gzip"
	"encoding/binary"
	"io"
)

// A Writer writes a trace, event by event.
type Writer struct {
	out    *gzip.Writer
	buf    []byte
	opened bool
	thread uint16
	ledger ledger
}

// NewWriter returns a Writer to w. The trace is complete once Close has returned nil; w stays open.
func NewWriter(w io.Writer) *Writer {
	// The level is a valid one: the only error is an invalid one's.
	out, _ := gzip.NewWriterLevel(w, gzip.BestCompression)
	return &Writer{out: out}
}

// Write adds an event and returns the number of the block that it gave birth to. Free gives birth to
// none: its number means nothing. The ID of an event that ends no block is ignored. An event that
// no program can have made is refused, and the trace can then not be continued.
func (w *Writer) Write(e Event) (born uint32, err error) {
	born = uint32(len(w.ledger.sizes))
	if err := w.ledger.apply(&e); err != nil {
		return 0, err
	}
	b := w.opening()
	if e.Thread != w.thread {
		b = binary.AppendUvarint(append(b, byte(opThread)), uint64(e.Thread))
		w.thread = e.Thread
	}
	b = append(b, byte(e.Op))
	switch e.Op {
	case Free, Realloc:
		b = binary.AppendUvarint(b, uint64(born-1-e.ID))
	case AllocAligned:
		b = binary.AppendUvarint(b, uint64(e.Align))
	}
	if e.Op != Free {
		b = binary.AppendUvarint(b, e.Size)
	}
	w.buf = b
	_, err = w.out.Write(b)
	return born, err
}

// Close ends the trace.
func (w *Writer) Close() error {
	if _, err := w.out.Write(w.opening()); err != nil {
		return err
	}
	return w.out.Close()
}

// opening returns an empty buffer, or at first one that holds the magic.
func (w *Writer) opening() []byte {
	if w.opened {
		return w.buf[:0]
	}
	w.opened = true
	return append(w.buf, magic...)
}
