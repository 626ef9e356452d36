package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
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
	require.Equal(t, all.SpanBytes, all.Live+all.Rounding+all.SpanTail+all.CachedSlots+all.CentralSlots+all.Hollow)
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
		{"-trace x classes", "memstat: flag provided but not defined: -trace: a command's flags go behind its name"},
		{"-rows 3 classes", "memstat classes: flag provided but not defined: -rows"},
		{"help nonsense", `memstat help: no command "nonsense"`},
		{"help replay waste", "memstat help: it takes one command, not 2"},
		{"classes all", `memstat classes: "all" is no number of a process`},
		{"classes -trace x", "memstat classes: flag provided but not defined: -trace"},
		{"top", "memstat top: no process; memstat ps lists them"},
		{"top -n -1 7", "memstat top: -n -1 is negative"},
		{"top -rows -1 7", "memstat top: -rows -1 is negative"},
		{"top -interval 1ms 7", "memstat top: -interval 1ms is shorter than 100ms"},
		{"spans 7 8", "memstat spans: it takes one process, not 2"},
		{"record -o x", "memstat record: no process; memstat ps lists them"},
		{"record 7", "memstat record: no -o FILE"},
		{"record 7 -o x -profile-every 2", "memstat record: -profile-every needs handlers"},
		{"record 7 -o x -profile-every -2", "memstat record: -profile-every -2 is negative"},
		{"record 7 -o x -interval 0", "memstat record: -interval 0s is shorter than 100ms"},
		{"plot", "memstat plot: it takes one recording, not 0"},
		{"plot x y", "memstat plot: it takes one recording, not 2"},
		{"plot x -rows -1", "memstat plot: -rows -1 is negative"},
		{"waste", "memstat waste: give it one of -trace and -sizes"},
		{"waste -trace x -sizes y", "memstat waste: give it one of -trace and -sizes"},
		{"waste x.csv", `memstat waste: argument "x.csv": it takes none`},
		{"replay", "memstat replay: no trace to replay"},
		{"replay -threads 0 x", "memstat replay: -threads 0 is not from 1 to 64"},
		{"replay -threads 65 x", "memstat replay: -threads 65 is not from 1 to 64"},
		{"replay -rounds 0 x", "memstat replay: -rounds 0 is not from 1 to 1000000"},
		{"replay -rounds -1 x", "memstat replay: -rounds -1 is not from 1 to 1000000"},
		{"replay -rounds 2000000000 x", "memstat replay: -rounds 2000000000 is not from 1 to 1000000"},
		{"replay -max-memory 0 x", `memstat replay: invalid value "0" for flag -max-memory: no number of bytes above 0`},
		{"replay -max-memory lots x", `memstat replay: invalid value "lots" for flag -max-memory: no number of bytes above 0`},
		{"replay -max-memory -1 x", `memstat replay: invalid value "-1" for flag -max-memory: no number of bytes above 0`},
		{"replay -settle -1s x", "memstat replay: -settle -1s is not from 0 to 1h0m0s"},
		{"replay -settle 2h x", "memstat replay: -settle 2h0m0s is not from 0 to 1h0m0s"},
		{"replay -settle soon x", `memstat replay: invalid value "soon" for flag -settle`},
		{"replay -chart -json x", "memstat replay: -chart and -json exclude each other"},
		{"replay -svg a.svg x y", "memstat replay: -svg a.svg is for one trace, not 2"},
		{"replay x -json", "memstat replay: -json behind a file: flags go before the files"},
		{"replay - x -", "memstat replay: - more than once"},
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

func TestFlagsMayStandBeforeTheCommand(t *testing.T) {
	require.Equal(t, succeed(t, "", "classes", "-json"), succeed(t, "", "-json", "classes"))
	require.Equal(t, succeed(t, "100,1", "waste", "-json", "-sizes", "-"), succeed(t, "100,1", "-json", "waste", "-sizes", "-"))
}

func TestFilesThatCannotBeReadExitWith1(t *testing.T) {
	folder := t.TempDir()
	missing := filepath.Join(folder, "missing")
	empty := writeFile(t, "empty", "")
	for _, args := range [][]string{{"waste", "-trace"}, {"waste", "-sizes"}, {"replay"}, {"replay", "-json"}} {
		for _, file := range []string{missing, folder, empty} {
			code, stdout, stderr := memstat("", append(args, file)...)
			require.Equal(t, exitFailure, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, "memstat "+args[0]+": ")
			require.Equal(t, 1, strings.Count(stderr, file), "%s", stderr)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "%s", stderr)
		}
	}
}

func TestHelpTellsAllCommandsAndFlags(t *testing.T) {
	overview := succeed(t, "", "help")
	require.Equal(t, overview, succeed(t, "", "-h"))
	for _, name := range []string{"ps", "report", "top", "spans", "plot", "classes", "waste", "replay"} {
		require.Contains(t, overview, "memstat "+name)
		own := succeed(t, "", "help", name)
		require.Contains(t, own, "usage: memstat "+name+" ")
		require.Contains(t, own, "-json")
		require.Equal(t, own, succeed(t, "", name, "-h"))
	}
	require.Contains(t, succeed(t, "", "help", "replay"), "-threads")
	require.Contains(t, succeed(t, "", "help", "help"), "memstat help [COMMAND | json]")
	for _, name := range []string{"waste", "replay"} {
		require.Contains(t, succeed(t, "", "help", name), "cannot be told from a whole one")
	}
}

// keysOf adds every key of a decoded JSON value.
func keysOf(value any, keys map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			keys[key] = true
			keysOf(inner, keys)
		}
	case []any:
		for _, inner := range value {
			keysOf(inner, keys)
		}
	}
}

// describedKeys returns the keys that help json has of each command, and those of statistics and the kernel.
func describedKeys(t *testing.T) (commands map[string]map[string]bool, statistics, kernel map[string]bool) {
	t.Helper()
	described := func(text string) map[string]bool {
		keys := map[string]bool{"schema": true}
		for _, m := range regexp.MustCompile(`(?m)^ {2,4}([a-z_]+(?:, [a-z_]+)*)(?: |$)`).FindAllStringSubmatch(text, -1) {
			for key := range strings.SplitSeq(m[1], ", ") {
				keys[key] = true
			}
		}
		return keys
	}
	rest, kernelText, found := strings.Cut(succeed(t, "", "help", "json"), "\n\nWhat the kernel says")
	require.True(t, found)
	rest, statisticsText, found := strings.Cut(rest, "\n\nThe heap's statistics")
	require.True(t, found)
	commands = map[string]map[string]bool{}
	for _, section := range strings.Split(rest, "\n\nmemstat ")[1:] {
		heading, text, _ := strings.Cut(section, "\n")
		title, _, _ := strings.Cut(heading, ",")
		title, _, _ = strings.Cut(title, " and ")
		commands[title] = described("\n" + text)
	}
	return commands, described(statisticsText), described(kernelText)
}

// requireDescribed checks that a command writes these keys and no other.
func requireDescribed(t *testing.T, want map[string]bool, args ...string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(succeed(t, "16,1\n", args...)))
	written := map[string]bool{}
	for d.More() {
		var object any
		require.NoError(t, d.Decode(&object))
		keysOf(object, written)
	}
	require.Equal(t, want, written, "%v", args)
}

// union returns all keys of the sets.
func union(sets ...map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, s := range sets {
		maps.Copy(all, s)
	}
	return all
}

func TestHelpDescribesEveryKeyOfTheJSONAndNoOther(t *testing.T) {
	commands, statistics, kernel := describedKeys(t)
	require.Len(t, commands, 11)
	requireDescribed(t, union(commands["-json"], statistics, kernel), "-json")
	requireDescribed(t, commands["classes -json"], "classes", "-json")
	requireDescribed(t, commands["waste -json"], "waste", "-json", "-sizes", "-")
	requireDescribed(t, union(commands["replay -json"], statistics), "replay", "-json", "-rounds", "1", "-settle", "0", sample("compiler"))
}

func TestProgressIsForTerminalsThatCanErase(t *testing.T) {
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer device.Close()
	t.Setenv("TERM", "dumb")
	require.Nil(t, newProgress(device).terminal)
	require.Nil(t, newProgress(&bytes.Buffer{}).terminal)
	t.Setenv("TERM", "")
	file, err := os.Create(filepath.Join(t.TempDir(), "errors"))
	require.NoError(t, err)
	defer file.Close()
	require.Nil(t, newProgress(file).terminal)
}

type closedPipe struct{}

var errClosedPipe = errors.New("nobody reads this")

func (closedPipe) Write([]byte) (int, error) { return 0, errClosedPipe }

func TestOutputThatCannotBeWrittenExitsWith1(t *testing.T) {
	for _, args := range [][]string{
		{"help"}, {"classes"}, {"classes", "-json"}, {"waste", "-sizes", "-"}, {"replay", "-rounds", "1", "-settle", "0", sample("compiler")},
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
