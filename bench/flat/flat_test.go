package flat

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/internal/trace"
)

// program is a trace of every operation. Block 2 is what became of block 0.
func program(t *testing.T) *bytes.Buffer {
	var file bytes.Buffer
	w := trace.NewWriter(&file)
	for _, e := range []trace.Event{
		{Op: trace.Alloc, ID: 0, Size: 10},
		{Op: trace.AllocZeroed, ID: 1, Size: 20},
		{Op: trace.Realloc, ID: 0, Size: 30},
		{Op: trace.AllocAligned, ID: 3, Align: 6, Size: 40},
		{Op: trace.Free, ID: 1},
	} {
		_, err := w.Write(e)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return &file
}

func TestEventsKnowTheSizesTheyEnd(t *testing.T) {
	f, err := Decode(program(t))
	require.NoError(t, err)
	require.Equal(t, []Event{
		{Op: 0, ID: 0, Size: 10},
		{Op: 3, ID: 1, Size: 20},
		{Op: 2, ID: 0, Size: 30, Was: 10},
		{Op: 4, ID: 3, Align: 6, Size: 40},
		{Op: 1, ID: 1, Size: 20},
	}, f.Events)
	require.Equal(t, []Event{{Op: 1, ID: 2, Size: 30}, {Op: 1, ID: 3, Size: 40}}, f.Survivors)
	require.EqualValues(t, 4, f.Blocks)
	require.EqualValues(t, 90, f.PeakLive)
}

func TestAFileIsReadAsItWasWritten(t *testing.T) {
	f, err := Decode(program(t))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "flat")
	require.NoError(t, f.Write(file))
	again, err := Read(file)
	require.NoError(t, err)
	require.Equal(t, f, again)
}

func TestOtherFilesAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flat")
	for _, text := range []string{"", "short", string(make([]byte, 100))} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := Read(file)
		require.ErrorContains(t, err, file)
	}
}
