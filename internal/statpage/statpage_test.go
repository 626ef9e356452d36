package statpage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// numbered is a page in which no two words are the same.
func numbered(heaps, rows int) *Page {
	next := uint64(1000)
	number := func(words []*uint64) {
		for _, w := range words {
			next++
			*w = next
		}
	}
	p := new(Page)
	words := p.Process.words()
	number(words[:])
	p.Extents = []Extent{{1 << 40, 64 << 20}, {1 << 41, 128 << 20}}
	for range heaps {
		h := p.AddHeap()
		h.Name, h.Purpose = "cache", "sessions"
		words := h.words()
		number(words[:])
		for range rows {
			var r Row
			words := r.words()
			number(words[:])
			h.Rows = append(h.Rows, r)
		}
	}
	return p
}

// memoryPage is a page in ordinary memory.
func memoryPage() *writer {
	w := &writer{memory: make([]byte, PageBytes), populate: func(int, int) error { return nil }}
	copy(w.memory, header())
	return w
}

func (w *writer) read() (*Page, error) { return Read(bytes.NewReader(w.memory)) }

func TestWhatIsWrittenIsRead(t *testing.T) {
	w := memoryPage()
	_, err := w.read()
	require.ErrorIs(t, err, ErrBroken, "nothing is written yet")
	for _, p := range []*Page{numbered(1, 3), numbered(MaxHeaps, MaxRows), numbered(0, 0), numbered(2, 0)} {
		require.NoError(t, w.write(p))
		got, err := w.read()
		require.NoError(t, err)
		require.Equal(t, p.Process, got.Process)
		require.Equal(t, p.Extents, got.Extents)
		require.Equal(t, len(p.Heaps), len(got.Heaps))
		for i := range p.Heaps {
			require.Equal(t, p.Heaps[i], got.Heaps[i])
		}
	}
}

func TestRecordsHaveRoomForTheirWords(t *testing.T) {
	process, heap, row := new(Process).words(), new(Heap).words(), new(Row).words()
	require.LessOrEqual(t, frameProcess+8*len(process), frameCounts)
	require.LessOrEqual(t, frameExtents+16*MaxExtents, frameHeaps)
	require.LessOrEqual(t, heapWords+8*len(heap), heapCount)
	require.LessOrEqual(t, 8*len(row), rowBytes)
	require.Zero(t, FrameBytes%8, "counters are written as words")
}

func TestNamesAreCutBetweenCharacters(t *testing.T) {
	w := memoryPage()
	p := numbered(1, 0)
	p.Heaps[0].Name = strings.Repeat("ä", 30)
	p.Heaps[0].Purpose = "a\xffb"
	require.NoError(t, w.write(p))
	got, err := w.read()
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("ä", 24), got.Heaps[0].Name)
	require.Equal(t, "a?b", got.Heaps[0].Purpose)
}

// A writer that is stopped in the midst of a frame leaves the one before.
func TestAHalfWrittenFrameLeavesTheOther(t *testing.T) {
	w := memoryPage()
	first, second := numbered(1, 1), numbered(1, 2)
	require.NoError(t, w.write(first))
	require.NoError(t, w.write(second))
	second.Process.Written++
	broken := bytes.Clone(w.memory)
	frame := broken[atFrames+FrameBytes:]
	for name, damage := range map[string]func(){
		"an odd counter": func() { *counterAt(frame) |= littleWord(1) },
		"another word":   func() { frame[frameHeaps+heapWords]++ },
		"another length": func() { frame[frameLength]++ },
		"another sum":    func() { frame[frameSum]++ },
	} {
		copy(frame, w.memory[atFrames+FrameBytes:])
		damage()
		got, err := Read(bytes.NewReader(broken))
		require.NoError(t, err, name)
		require.Equal(t, first.Process, got.Process, name)
	}
}

// overtaken is a page that its writer writes between any two reads.
type overtaken struct {
	w     *writer
	page  *Page
	reads int
	left  int // writes
}

func (o *overtaken) ReadAt(b []byte, at int64) (int, error) {
	n, err := bytes.NewReader(o.w.memory).ReadAt(b, at)
	if o.reads++; o.left > 0 {
		o.left--
		o.page.Process.Written++
		if err := o.w.write(o.page); err != nil {
			return 0, err
		}
	}
	return n, err
}

func TestAReaderThatIsOvertakenTriesAgain(t *testing.T) {
	o := &overtaken{w: memoryPage(), page: numbered(2, 2), left: 20}
	require.NoError(t, o.w.write(o.page))
	got, err := Read(o)
	require.NoError(t, err)
	require.Equal(t, numbered(2, 2).Process.Started, got.Process.Started)
	o.left = 1 << 30
	_, err = Read(o)
	require.ErrorIs(t, err, ErrBroken, "it gives up in the end")
}

func TestAPageThatMemoryIsRefusedForStaysAsItWas(t *testing.T) {
	w := memoryPage()
	require.NoError(t, w.write(numbered(1, 1)))
	refusal := errors.New("no memory")
	w.populate = func(int, int) error { return refusal }
	require.ErrorIs(t, w.write(numbered(2, 1)), refusal)
	got, err := w.read()
	require.NoError(t, err)
	require.Len(t, got.Heaps, 1)
	require.NoError(t, w.write(numbered(1, 2)), "there is room for what was there before")
}

func TestWhatIsNoPage(t *testing.T) {
	for _, c := range []struct {
		page []byte
		want error
	}{
		{nil, ErrNoPage},
		{[]byte("spanheap"), ErrNoPage},
		{make([]byte, PageBytes), ErrNoPage},
		{header(), ErrBroken},
		{append(header(), make([]byte, 5000)...), ErrBroken},
		{append([]byte("spanheap\x02"), make([]byte, PageBytes)...), ErrVersion},
	} {
		_, err := Read(bytes.NewReader(c.page))
		require.ErrorIs(t, err, c.want)
	}
	refused := errors.New("refused")
	_, err := Read(failing{refused})
	require.ErrorIs(t, err, refused)
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestHeapsAddUp(t *testing.T) {
	p := numbered(2, 2)
	a, b := p.Heaps[0], p.Heaps[1]
	b.Rows[0].Class = a.Rows[1].Class
	live, row := a.Live, a.Rows[1].Live
	a.Add(&b)
	require.Equal(t, live+b.Live, a.Live)
	require.Len(t, a.Rows, 3)
	require.Equal(t, row+b.Rows[0].Live, a.Rows[1].Live)
	require.Equal(t, b.Rows[0].Class, a.Rows[1].Class)
	require.Equal(t, b.Rows[1], a.Rows[2])
}

func TestWritingTakesNoMemoryOfTheGoHeap(t *testing.T) {
	w, p := memoryPage(), numbered(3, 60)
	require.NoError(t, w.write(p))
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = w.write(p) }))
}

// Whatever a frame holds, it is read or refused.
// Whatever words of a frame are other ones, and wherever it is cut, it is read as what would be written so, or
// refused.
func FuzzRead(f *testing.F) {
	f.Add(uint8(1), uint8(2), uint16(0), []byte{})
	f.Add(uint8(0), uint8(0), uint16(1), []byte{})
	f.Add(uint8(2), uint8(1), uint16(0), []byte{0, 9, 255, 1, 40, 3})
	f.Fuzz(func(t *testing.T, heaps, rows uint8, cut uint16, changes []byte) {
		frame := numbered(int(heaps)%4, int(rows)%4).appendFrame(nil)
		frame = frame[:max(0, len(frame)-int(cut))]
		for ; len(changes) >= 3; changes = changes[3:] {
			if at := int(binary.BigEndian.Uint16(changes)); at < len(frame) {
				frame[at] = changes[2]
			}
		}
		fixSum(frame)
		var got, again Page
		if err := got.readFrame(frame); err != nil {
			require.ErrorIs(t, err, ErrBroken)
			return
		}
		require.NoError(t, again.readFrame(got.appendFrame(nil)))
		require.Equal(t, got.Process, again.Process)
		require.Equal(t, len(got.Heaps), len(again.Heaps))
	})
}

// Wherever a page ends, it is read or refused.
func TestPagesThatEndEarly(t *testing.T) {
	w := memoryPage()
	require.NoError(t, w.write(numbered(1, 1)))
	for n := 0; n < atFrames+FrameBytes; n = n*5/4 + 1 {
		_, err := Read(bytes.NewReader(w.memory[:n]))
		require.True(t, errors.Is(err, ErrBroken) || errors.Is(err, ErrNoPage), "%d bytes: %v", n, err)
	}
}

// fixSum lets a damaged frame come past its checksum.
func fixSum(frame []byte) {
	if len(frame) < frameHeaps {
		return
	}
	if n := int(little.Uint32(frame[frameLength:])); n >= frameHeaps && n <= len(frame) {
		little.PutUint32(frame[frameSum:], checksum(frame[:n]))
	}
}
