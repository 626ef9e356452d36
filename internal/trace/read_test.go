package trace_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/internal/trace"
)

const magic = "HEAPTRACE1\n"

// zipped returns the parts, one after the other, as a gzip stream.
func zipped(t testing.TB, parts ...string) []byte {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.NoCompression)
	require.NoError(t, err)
	_, err = io.WriteString(w, strings.Join(parts, ""))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func TestReadDecodesEveryOperation(t *testing.T) {
	got, err := trace.Read(bytes.NewReader(zipped(t, magic,
		"\x00\x80\x01", // allocate 128: block 0
		"\x03\x00",     // allocate zeroed 0: block 1
		"\x05\x07",     // thread 7
		"\x04\x0c\x03", // allocate 3 aligned to 4096: block 2
		"\x02\x02\x64", // reallocate block 0 to 100: block 3
		"\x05\x00",     // thread 0
		"\x01\x02",     // free block 1
	)))
	require.NoError(t, err)
	require.Equal(t, &trace.Trace{
		Events: []trace.Event{
			{Op: trace.Alloc, ID: 0, Size: 128},
			{Op: trace.AllocZeroed, ID: 1},
			{Op: trace.AllocAligned, Thread: 7, Align: 12, ID: 2, Size: 3},
			{Op: trace.Realloc, Thread: 7, ID: 0, Size: 100},
			{Op: trace.Free, ID: 1},
		},
		Blocks:     4,
		PeakLive:   131,
		PeakEvents: 3,
	}, got)
}

func TestReadOfATraceWithoutEvents(t *testing.T) {
	got, err := trace.Read(bytes.NewReader(zipped(t, magic)))
	require.NoError(t, err)
	require.Equal(t, &trace.Trace{}, got)
}

func TestPeakCountsReallocationAsFreeFirst(t *testing.T) {
	got, err := trace.Read(bytes.NewReader(zipped(t, magic, "\x00\x64", "\x02\x00\x65")))
	require.NoError(t, err)
	require.EqualValues(t, 101, got.PeakLive)
	require.Equal(t, 2, got.PeakEvents)
}

func TestReadNamesWhatIsWrongAndWhere(t *testing.T) {
	const first = "\x00\x10" // block 0: 16 bytes, at offset 11
	for name, c := range map[string]struct {
		records string
		offset  int64
		reason  string
	}{
		"unknown operation":      {first + "\x06\x00", 13, "unknown operation 6"},
		"size missing":           {first + "\x00", 13, "ends inside a record"},
		"size cut":               {first + "\x00\x80", 13, "ends inside a record"},
		"alignment missing":      {first + "\x04", 13, "ends inside a record"},
		"aligned size missing":   {first + "\x04\x03", 13, "ends inside a record"},
		"back missing":           {first + "\x01", 13, "ends inside a record"},
		"new size missing":       {first + "\x02\x00", 13, "ends inside a record"},
		"thread missing":         {first + "\x05", 13, "ends inside a record"},
		"65 bits":                {first + "\x00" + strings.Repeat("\x80", 9) + "\x02", 13, "more than 64 bits"},
		"eleven bytes of number": {first + "\x00" + strings.Repeat("\x80", 10) + "\x01", 13, "more than 64 bits"},
		"back out of range":      {first + "\x01\x01", 13, "back 1, but 1 blocks were born"},
		"back before any block":  {"\x01\x00", 11, "back 0, but 0 blocks were born"},
		"freed twice":            {first + "\x01\x00\x01\x00", 15, "block 0 is already dead"},
		"freed after realloc":    {first + "\x02\x00\x08\x01\x01", 16, "block 0 is already dead"},
		"reallocated when dead":  {first + "\x01\x00\x02\x00\x08", 15, "block 0 is already dead"},
		"huge size":              {first + "\x00\x81\x80\x80\x80\x80\x20", 13, "a block of 1099511627777 bytes"},
		"huge alignment":         {first + "\x04\x1f\x01", 13, "an alignment of 2^31"},
		"huge thread":            {first + "\x05\x80\x80\x04", 13, "thread 65536"},
		"too much live":          {strings.Repeat("\x00\x80\x80\x80\x80\x80\x20", 1025), 11 + 1024*7, "bytes live at once"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := trace.Read(bytes.NewReader(zipped(t, magic, c.records)))
			var e *trace.Error
			require.ErrorAs(t, err, &e)
			require.False(t, e.InFile)
			require.Equal(t, c.offset, e.Offset, "%v", err)
			require.ErrorContains(t, err, fmt.Sprintf("offset %d of the decompressed stream: ", c.offset))
			require.ErrorContains(t, err, c.reason)
		})
	}
}

func TestReadTakesTheLimitsThemselves(t *testing.T) {
	got, err := trace.Read(bytes.NewReader(zipped(t, magic,
		"\x05\xff\xff\x03", "\x04\x1e\x80\x80\x80\x80\x80\x20")))
	require.NoError(t, err)
	require.Equal(t, []trace.Event{{
		Op: trace.AllocAligned, Align: trace.MaxAlign, Thread: trace.MaxThread, Size: trace.MaxSize,
	}}, got.Events)
}

func TestReadRefusesWhatIsNoTrace(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":              {nil, "an empty file, not a trace"},
		"text":               {[]byte("size,count\n"), `not a gzip file: it begins with "si"`},
		"one byte":           {[]byte("\x1f"), `not a gzip file: it begins with "\x1f"`},
		"gzip of nothing":    {zipped(t), `offset 0 of the decompressed stream: not a heap trace: it opens with "", not "HEAPTRACE1\n"`},
		"gzip of text":       {zipped(t, "to whom it may concern"), `not a heap trace: it opens with "to whom it "`},
		"shorter than magic": {zipped(t, "HEAP"), `not a heap trace: it opens with "HEAP"`},
		"other version":      {zipped(t, "HEAPTRACE2\n"), `not a heap trace: it opens with "HEAPTRACE2\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := trace.Read(bytes.NewReader(c.file))
			var e *trace.Error
			require.ErrorAs(t, err, &e)
			require.Zero(t, e.Offset)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestReadNamesWhereTheFileBreaks(t *testing.T) {
	whole := zipped(t, magic, strings.Repeat("\x00\x10", 1000))
	packed := written(t, slices.Repeat([]trace.Event{{Size: 16}}, 1000))
	but := func(file []byte, at int) []byte {
		file = bytes.Clone(file)
		file[at] ^= 0xff
		return file
	}
	behind := func(file []byte, rest string) []byte { return append(bytes.Clone(file), rest...) }
	nothing := zipped(t)
	n := len(whole)
	for name, c := range map[string]struct {
		file   []byte
		offset int
		reason string
	}{
		"cut in the header":     {whole[:6], 6, "cut short: the file ends inside the gzip stream"},
		"cut in the middle":     {whole[:1000], 1000, "cut short"},
		"cut before its sum":    {whole[:n-8], n - 8, "cut short"},
		"cut before its end":    {whole[:n-1], n - 1, "cut short"},
		"broken header":         {but(whole, 2), 10, "broken header"},
		"wrong sum":             {but(whole, n-5), n, "wrong checksum"},
		"corrupt":               {behind(whole[:10], "\x07 no such block"), 11, "corrupt"},
		"a byte behind":         {behind(whole, "x"), n, "bytes follow the end of the gzip stream"},
		"zeroes behind":         {behind(whole, strings.Repeat("\x00", 512)), n, "bytes follow the end of the gzip stream"},
		"text behind":           {behind(packed, "rubbish rubbish"), len(packed), "bytes follow the end of the gzip stream"},
		"half a member behind":  {behind(whole, string(zipped(t, "\x00\x10")[:12])), n + 12, "cut short"},
		"rubbish behind two":    {behind(whole, string(nothing)+"x"), n + len(nothing), "bytes follow"},
		"a broken member":       {behind(whole, "\x1f\x8bbrisk rubbish"), n + 10, "broken header"},
		"half a header behind":  {behind(whole, "\x1f\x8b"), n + 2, "cut short"},
		"a quarter of a header": {behind(whole, "\x1f"), n, "bytes follow"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := trace.Read(bytes.NewReader(c.file))
			var e *trace.Error
			require.ErrorAs(t, err, &e)
			require.EqualValues(t, c.offset, e.Offset, "%v", err)
			require.ErrorContains(t, err, fmt.Sprintf("offset %d of the compressed file: ", c.offset))
			require.ErrorContains(t, err, c.reason)
		})
	}
}

func TestReadTakesAStreamOfSeveralMembers(t *testing.T) {
	file := append(zipped(t, magic, "\x00\x10\x00"), zipped(t)...)
	file = append(file, zipped(t, "\x20\x01\x00")...)
	got, err := trace.Read(bytes.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, []trace.Event{{Size: 16}, {Size: 32, ID: 1}, {Op: trace.Free, ID: 1}}, got.Events)
}

// What ends between two records is whole, for all that the format tells.
func TestReadCannotTellThatARecordingEndedEarly(t *testing.T) {
	got, err := trace.Read(bytes.NewReader(zipped(t, magic, "\x00\x10\x00\x20")))
	require.NoError(t, err)
	early, err := trace.Read(bytes.NewReader(zipped(t, magic, "\x00\x10")))
	require.NoError(t, err)
	require.Equal(t, got.Events[:1], early.Events)
}

func TestReadReturnsTheErrorsOfItsReader(t *testing.T) {
	broken := errors.New("the disk is on fire")
	file := zipped(t, magic, strings.Repeat("\x00\x10", 1000))
	for _, n := range []int{0, 1, 5, 15, 30, 1000, len(file)} {
		r := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken))
		_, err := trace.Read(r)
		require.ErrorIs(t, err, broken, "after %d bytes", n)
	}
}
