package statpage

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"unicode/utf8"
)

// Where things are, in bytes: in the page, in a frame, in a record.
const (
	magic       = "spanheap"
	headerBytes = 64
	atVersion   = 8
	atSize      = 16

	frames     = 2
	atFrames   = 4096
	FrameBytes = frameHeaps + MaxHeaps*heapBytes
	PageBytes  = (atFrames + frames*FrameBytes + 4095) &^ 4095

	frameCounter = 0  // odd while the frame is written
	frameLength  = 8  // 32 bits: bytes of the frame in use
	frameSum     = 12 // 32 bits: CRC-32C of all that is behind it, up to the length
	frameProcess = 16
	frameCounts  = 496 // numbers of extents and heaps, 32 bits each
	frameExtents = 512
	frameHeaps   = 2048

	heapName    = 0
	heapPurpose = heapName + MaxName
	heapWords   = heapPurpose + MaxName
	heapCount   = 504 // number of rows
	heapRows    = 512
	heapBytes   = heapRows + MaxRows*rowBytes
	rowBytes    = 160
)

var little = binary.LittleEndian

var sums = crc32.MakeTable(crc32.Castagnoli)

// header returns the page's first bytes.
func header() []byte {
	b := append(make([]byte, 0, headerBytes), magic...)
	b = little.AppendUint64(b, Version)
	b = little.AppendUint64(b, PageBytes)
	return b[:headerBytes]
}

// checkHeader tells whether the page has this layout.
func checkHeader(b []byte) error {
	switch {
	case len(b) < headerBytes || string(b[:len(magic)]) != magic:
		return ErrNoPage
	case little.Uint64(b[atVersion:]) != Version || little.Uint64(b[atSize:]) != PageBytes:
		return ErrVersion
	}
	return nil
}

// appendFrame appends the frame but for its counter, which is 0. Heaps, rows and extents beyond the page's
// room are left out.
func (p *Page) appendFrame(b []byte) []byte {
	heaps := p.Heaps[:min(len(p.Heaps), MaxHeaps)]
	extents := p.Extents[:min(len(p.Extents), MaxExtents)]
	start, n := len(b), frameHeaps+len(heaps)*heapBytes
	if n > 0 {
		b = slices.Grow(b, n)[:start+n]
	}
	frame := b[start:]
	clear(frame)
	words := p.Process.words()
	putWords(frame[frameProcess:], words[:])
	little.PutUint32(frame[frameCounts:], uint32(len(extents)))
	little.PutUint32(frame[frameCounts+4:], uint32(len(heaps)))
	for i, e := range extents {
		little.PutUint64(frame[frameExtents+16*i:], e.Addr)
		little.PutUint64(frame[frameExtents+16*i+8:], e.Bytes)
	}
	for i := range heaps {
		heaps[i].put(frame[frameHeaps+i*heapBytes:])
	}
	little.PutUint32(frame[frameLength:], uint32(n))
	little.PutUint32(frame[frameSum:], checksum(frame))
	return b
}

func (h *Heap) put(b []byte) {
	copy(b[heapName:], cut(h.Name))
	copy(b[heapPurpose:], cut(h.Purpose))
	words := h.words()
	putWords(b[heapWords:], words[:])
	rows := h.Rows[:min(len(h.Rows), MaxRows)]
	little.PutUint64(b[heapCount:], uint64(len(rows)))
	for i := range rows {
		words := rows[i].words()
		putWords(b[heapRows+i*rowBytes:], words[:])
	}
}

// cut returns as many characters of s as a name may have.
func cut(s string) string {
	if len(s) <= MaxName {
		return s
	}
	n := MaxName
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// readFrame fills in the page from a frame. It returns ErrBroken for one that is being written, has not been
// written, or is damaged.
func (p *Page) readFrame(frame []byte) error {
	p.Reset()
	if len(frame) < frameHeaps || little.Uint64(frame)%2 != 0 {
		return ErrBroken
	}
	n := int64(little.Uint32(frame[frameLength:]))
	extents := int64(little.Uint32(frame[frameCounts:]))
	heaps := int64(little.Uint32(frame[frameCounts+4:]))
	switch {
	case n > int64(len(frame)) || n != frameHeaps+heaps*heapBytes || heaps > MaxHeaps || extents > MaxExtents:
		return ErrBroken
	case little.Uint32(frame[frameSum:]) != checksum(frame[:n]):
		return ErrBroken
	}
	words := p.Process.words()
	getWords(frame[frameProcess:], words[:])
	for i := range extents {
		b := frame[frameExtents+16*i:]
		p.Extents = append(p.Extents, Extent{little.Uint64(b), little.Uint64(b[8:])})
	}
	for i := range heaps {
		if err := p.AddHeap().get(frame[frameHeaps+i*heapBytes:][:heapBytes]); err != nil {
			return err
		}
	}
	return nil
}

func (h *Heap) get(b []byte) error {
	h.Name = text(b[heapName:][:MaxName])
	h.Purpose = text(b[heapPurpose:][:MaxName])
	words := h.words()
	getWords(b[heapWords:], words[:])
	n := little.Uint64(b[heapCount:])
	if n > MaxRows {
		return ErrBroken
	}
	for i := range n {
		var r Row
		words := r.words()
		getWords(b[heapRows+i*rowBytes:], words[:])
		h.Rows = append(h.Rows, r)
	}
	return nil
}

// text returns what stands before the zeros, without what is no text.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.ToValidUTF8(s, "?")
}

func putWords(b []byte, words []*uint64) {
	for i, w := range words {
		little.PutUint64(b[8*i:], *w)
	}
}

func getWords(b []byte, words []*uint64) {
	for i, w := range words {
		*w = little.Uint64(b[8*i:])
	}
}

// words returns the record's words in the order in which they lie on the page.
func (p *Process) words() [17]*uint64 {
	return [...]*uint64{
		&p.PID, &p.Started, &p.Written, &p.Flags, &p.OpenHeaps, &p.Backed, &p.Limit, &p.Goroutines, &p.Procs, &p.GCCycles,
		&p.GoLimit, &p.GoTotal, &p.GoReleased, &p.GoObjects, &p.GoUnused, &p.GoFree, &p.GoStacks,
	}
}

func (h *Heap) words() [22]*uint64 {
	return [...]*uint64{
		&h.ID, &h.Summed, &h.Live, &h.Rounding, &h.SpanTail, &h.CachedSlots, &h.CentralSlots, &h.FreePages, &h.Metadata,
		&h.Backed, &h.Released, &h.Mapped, &h.Untouched, &h.Reserved, &h.Guards, &h.HugeAsked, &h.LiveBlocks, &h.Mallocs, &h.Frees,
		&h.Spans, &h.Arenas, &h.Limit,
	}
}

func (r *Row) words() [19]*uint64 {
	o := &r.Occupancy
	return [...]*uint64{
		&r.Class, &r.Size, &r.Spans, &r.SpanBytes, &r.Slots, &r.LiveSlots, &r.Live, &r.Rounding, &r.SpanTail,
		&r.CachedSlots, &r.CentralSlots, &r.Mallocs, &r.Frees, &o[0], &o[1], &o[2], &o[3], &o[4], &o[5],
	}
}

// checksum is of a frame as long as it is in use.
func checksum(frame []byte) uint32 { return crc32.Checksum(frame[frameProcess:], sums) }
