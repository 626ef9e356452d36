package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
)

// sample returns the path of one of internal/trace's traces.
func sample(name string) string {
	return filepath.Join("..", "..", "internal", "trace", "testdata", name+".trace.gz")
}

// memstat runs the command and returns all that comes out of it.
func memstat(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

// succeed runs the command, which must say nothing on standard error.
func succeed(t *testing.T, stdin string, args ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := memstat(stdin, args...)
	require.Empty(t, stderr)
	require.Equal(t, exitOK, code)
	return stdout
}

// decode fills object from JSON that has no key beyond object's.
func decode(t *testing.T, text string, object any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(object), text)
	require.False(t, d.More())
}

// requireCloses checks every sum that Stats promises.
func requireCloses(t *testing.T, s spanheap.Stats) {
	t.Helper()
	require.Equal(t, s.Backed, s.Live+s.Rounding+s.SpanTail+s.CachedSlots+s.CentralSlots+s.FreePages+s.Metadata)
	require.Equal(t, s.Mapped, s.Backed+s.Released)
	require.Equal(t, s.Reserved, s.Mapped+s.Untouched)
	all := together(s.Classes)
	require.Equal(t, s.Live, all.Live)
	require.Equal(t, all.SpanBytes, all.Live+all.Rounding+all.SpanTail+all.CachedSlots+all.CentralSlots)
}

func TestWrongUsageExitsWith2(t *testing.T) {
	for _, c := range []struct {
		args   string
		stderr string
	}{
		{"nonsense", `memstat: no command "nonsense"`},
		{"-nonsense", "memstat: flag provided but not defined: -nonsense"},
		{"-rows -1", "memstat: -rows -1 is negative"},
		{"-rows many", `memstat: invalid value "many" for flag -rows`},
		{"-json more", `memstat: argument "more": it takes none`},
		{"help nonsense", `memstat help: no command "nonsense"`},
		{"help replay waste", "memstat help: it takes one command, not 2"},
		{"classes all", `memstat classes: argument "all": it takes none`},
		{"classes -trace x", "memstat classes: flag provided but not defined: -trace"},
		{"waste", "memstat waste: give it one of -trace and -sizes"},
		{"waste -trace x -sizes y", "memstat waste: give it one of -trace and -sizes"},
		{"waste x.csv", `memstat waste: argument "x.csv": it takes none`},
		{"replay", "memstat replay: no trace to replay"},
		{"replay -threads 0 x", "memstat replay: -threads 0 is not from 1 to 64"},
		{"replay -threads 65 x", "memstat replay: -threads 65 is not from 1 to 64"},
		{"replay -rounds 0 x", "memstat replay: -rounds 0 is less than 1"},
		{"replay -rows -2 x", "memstat replay: -rows -2 is negative"},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := memstat("", strings.Fields(c.args)...)
			require.Equal(t, exitUsage, code)
			require.Empty(t, stdout)
			require.True(t, strings.HasPrefix(stderr, c.stderr), stderr)
			require.Contains(t, stderr, "Run 'memstat help")
		})
	}
}

func TestMissingFilesExitWith1(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, args := range [][]string{
		{"waste", "-trace", missing}, {"waste", "-sizes", missing}, {"replay", missing},
	} {
		code, stdout, stderr := memstat("", args...)
		require.Equal(t, exitFailure, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "memstat "+args[0]+": ")
		require.Contains(t, stderr, missing)
	}
}

func TestHelpTellsAllCommandsAndFlags(t *testing.T) {
	overview := succeed(t, "", "help")
	require.Equal(t, overview, succeed(t, "", "-h"))
	for _, name := range []string{"classes", "waste", "replay"} {
		require.Contains(t, overview, "memstat "+name)
		own := succeed(t, "", "help", name)
		require.Contains(t, own, "usage: memstat "+name+" ")
		require.Contains(t, own, "-json")
		require.Equal(t, own, succeed(t, "", name, "-h"))
	}
	require.Contains(t, succeed(t, "", "help", "replay"), "-threads")
	require.Contains(t, succeed(t, "", "help", "help"), "memstat help [COMMAND]")
}

type closedPipe struct{}

var errClosedPipe = errors.New("nobody reads this")

func (closedPipe) Write([]byte) (int, error) { return 0, errClosedPipe }

func TestOutputThatCannotBeWrittenExitsWith1(t *testing.T) {
	for _, args := range [][]string{
		{"help"}, {"classes"}, {"classes", "-json"}, {"waste", "-sizes", "-"}, {"replay", "-rounds", "1", sample("compiler")},
	} {
		var stderr bytes.Buffer
		code := run(args, strings.NewReader("1,1\n"), closedPipe{}, &stderr)
		require.Equal(t, exitFailure, code, "%v", args)
		require.Contains(t, stderr.String(), errClosedPipe.Error())
	}
}

func TestClasses(t *testing.T) {
	var got struct {
		Schema  int
		Classes []spanheap.SizeClass
	}
	decode(t, succeed(t, "", "classes", "-json"), &got)
	require.Equal(t, 1, got.Schema)
	require.NotEmpty(t, got.Classes)
	require.Equal(t, spanheap.SizeClasses(), got.Classes)

	text := succeed(t, "", "classes")
	for _, c := range got.Classes {
		require.Regexp(t, `(?m)^ +`+count(c.Class)+` +`+count(c.Size)+` +`+count(c.SpanBytes)+` `, text)
	}
}

func writeFile(t *testing.T, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
	return path
}
