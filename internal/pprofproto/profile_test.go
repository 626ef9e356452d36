package pprofproto_test

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/spanheap/spanheap/internal/pprofproto"
	"github.com/spanheap/spanheap/internal/pprofproto/pprofprototest"
	"github.com/stretchr/testify/require"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	leaf := pprofproto.Frame{PC: math.MaxUint64, Function: "a/b.leaf", File: "leaf.go", Line: 7}
	root := pprofproto.Frame{PC: 0x1000, Function: "main.main", File: "main.go", Line: 1 << 20}
	inlined := root
	inlined.Function = "main.inlined"
	p := pprofproto.Profile{
		Types:   []pprofproto.ValueType{{Type: "objects", Unit: "count"}, {Type: "space", Unit: "bytes"}},
		Default: "space",
		Samples: []pprofproto.Sample{
			{Stack: []pprofproto.Frame{leaf, root}, Values: []int64{1, math.MaxInt64}, Labels: []pprofproto.Label{
				{Key: "heap", Text: "index"}, {Key: "bytes", Num: 300, Unit: "bytes"},
			}},
			{Stack: []pprofproto.Frame{leaf, inlined, root}, Values: []int64{0, -128}},
			{Stack: []pprofproto.Frame{root}, Values: []int64{127, 128}},
		},
		Period:     512 << 10,
		PeriodType: pprofproto.ValueType{Type: "space", Unit: "bytes"},
		Time:       time.Unix(1_700_000_000, 123),
		Duration:   3 * time.Second,
		Binary:     "program",
	}
	var written bytes.Buffer
	require.NoError(t, p.Write(&written))
	back, err := pprofprototest.Decode(written.Bytes())
	require.NoError(t, err)
	require.Equal(t, p, back)
}

var errFull = errors.New("disk full")

// fullAfter is a writer that takes so many bytes.
type fullAfter int

func (n *fullAfter) Write(b []byte) (int, error) {
	if len(b) > int(*n) {
		return 0, errFull
	}
	*n -= fullAfter(len(b))
	return len(b), nil
}

func TestWriteTellsTheWritersError(t *testing.T) {
	var written bytes.Buffer
	require.NoError(t, new(pprofproto.Profile).Write(&written))
	for n := range written.Len() {
		room := fullAfter(n)
		require.ErrorIs(t, new(pprofproto.Profile).Write(&room), errFull, "room for %d bytes", n)
	}
}
