package trace_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/internal/trace"
)

// written returns the events as a trace file.
func written(t testing.TB, events []trace.Event) []byte {
	var buf bytes.Buffer
	w := trace.NewWriter(&buf)
	for _, e := range events {
		_, err := w.Write(e)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var events []trace.Event
		var alive []uint32
		born := uint32(0)
		takeAny := func() uint32 {
			i := rng.IntN(len(alive))
			id := alive[i]
			alive[i] = alive[len(alive)-1]
			alive = alive[:len(alive)-1]
			return id
		}
		for range rng.IntN(400) {
			e := trace.Event{Op: trace.Op(rng.IntN(5)), ID: born}
			if rng.IntN(4) == 0 {
				e.Thread = uint16(rng.IntN(3)) * 300
			}
			if e.Op == trace.Free || e.Op == trace.Realloc {
				if len(alive) == 0 {
					continue
				}
				e.ID = takeAny()
			}
			if e.Op == trace.AllocAligned {
				e.Align = uint8(rng.IntN(trace.MaxAlign + 1))
			}
			if e.Op != trace.Free {
				e.Size = rng.Uint64N(1 << rng.IntN(30))
				alive = append(alive, born)
				born++
			}
			events = append(events, e)
		}
		got, err := trace.Read(bytes.NewReader(written(t, events)))
		require.NoError(t, err)
		require.Equal(t, events, got.Events)
		require.EqualValues(t, born, got.Blocks)
	}
}

func TestWriterNumbersTheBlocks(t *testing.T) {
	w := trace.NewWriter(&bytes.Buffer{})
	for want, e := range []trace.Event{
		{Op: trace.Alloc, Size: 8},
		{Op: trace.AllocZeroed, Size: 8},
		{Op: trace.Realloc, ID: 0, Size: 16},
		{Op: trace.AllocAligned, Align: 6},
	} {
		born, err := w.Write(e)
		require.NoError(t, err)
		require.EqualValues(t, want, born)
	}
}

func TestWriterRefusesWhatReadRefuses(t *testing.T) {
	for name, bad := range map[string]trace.Event{
		"no such operation":     {Op: 5},
		"free of no block":      {Op: trace.Free, ID: 2},
		"free of a dead block":  {Op: trace.Free, ID: 0},
		"realloc of a dead one": {Op: trace.Realloc, ID: 0},
		"huge size":             {Op: trace.Alloc, Size: trace.MaxSize + 1},
		"huge alignment":        {Op: trace.AllocAligned, Align: trace.MaxAlign + 1},
		"alignment of a plain":  {Op: trace.Alloc, Align: 3},
		"size of a free":        {Op: trace.Free, ID: 1, Size: 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := trace.NewWriter(&bytes.Buffer{})
			for _, e := range []trace.Event{{Op: trace.Alloc}, {Op: trace.Alloc}, {Op: trace.Free}} {
				_, err := w.Write(e)
				require.NoError(t, err)
			}
			_, err := w.Write(bad)
			require.Error(t, err)
		})
	}
}

var errFull = errors.New("no space left")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriterReturnsTheErrorsOfItsWriter(t *testing.T) {
	require.ErrorIs(t, trace.NewWriter(fullDisk{}).Close(), errFull)
}
