//go:build !js && !wasip1

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/internal/statpage"
)

// climbing writes a recording in which live bytes of class 7 climb, those of class 8 do not, and the file's end
// is cut off.
func climbing(t *testing.T) (name string) {
	t.Helper()
	var b strings.Builder
	now := time.Unix(1_800_000_000, 0)
	r := recorder{file: &b, now: func() time.Time { return now }}
	for i := range uint64(31) {
		seven, eight := 1_000_000+i*10_000, 500_000+i%2*1000
		require.NoError(t, r.keep(sight{title: "Process 7, test", page: &statpage.Page{Heaps: []statpage.Heap{{
			Live: seven + eight, CentralSlots: 100_000,
			Rows: []statpage.Row{{Class: 7, Live: seven, CentralSlots: 100_000}, {Class: 8, Live: eight}},
		}}}}))
		now = now.Add(2 * time.Second)
	}
	return writeFile(t, "recording", b.String()+`{"seconds": 6`)
}

func TestAPlotTellsWhatClimbs(t *testing.T) {
	file := climbing(t)
	var got plot
	decode(t, succeed(t, "", "plot", "-json", file), &got)
	require.Equal(t, "Process 7, test", got.Target)
	require.Equal(t, 31, got.Looks)
	require.Equal(t, 60.0, got.Seconds)
	require.Equal(t, []trend{
		{"7", 1_000_000, 1_300_000, 1_300_000, 300_000, true},
		{"8", 500_000, 500_000, 501_000, 0, false},
	}, got.Classes)
	for _, x := range got.Process {
		require.Equal(t, x.Name == "live" || x.Name == "backed", x.Climbs, x.Name)
	}
	text := succeed(t, "", "plot", file)
	require.Regexp(t, `(?m)^ +class 7: live +977 KiB +1\.24 MiB +1\.24 MiB +\+293 KiB +climbs$`, text)
	require.NotContains(t, succeed(t, "", "plot", "-rows", "1", file), "class 8")

	picture := filepath.Join(t.TempDir(), "picture.svg")
	succeed(t, "", "plot", file, "-svg", picture)
	svg, err := os.ReadFile(picture)
	require.NoError(t, err)
	words, drawn := wordsOf(t, string(svg))
	require.Subset(t, words, []string{"live", "backed", "class 7", "class 8", "1 MiB", "60"})
	require.NotContains(t, words, "resident", "nobody has told it")
	require.Equal(t, 4, drawn)
}

func TestWhatIsNoRecording(t *testing.T) {
	for content, want := range map[string]string{
		"":                                    "there is no look in it",
		"{\"schema\": 1}\n":                   "there is no look in it",
		"{\"schema\": 1}\n{\"sec":             "there is no look in it",
		"hello\n":                             "line 1 is none of a recording: invalid character",
		"{\"schema\": 9}\n{\"seconds\": 1}\n": "line 1 is none of a recording: schema 9 is not 1",
		"{\"schema\": 1}\n{\"seconds\": -}\n": "line 2 is none of a recording: invalid character",
	} {
		file := writeFile(t, "recording", content)
		code, stdout, stderr := memstat("", "plot", file)
		require.Equal(t, exitFailure, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "memstat plot: "+file+": "+want)
	}
}

func TestARecordingKeepsProfilesBeside(t *testing.T) {
	server := httptest.NewServer(handlersOf(t))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "recording")
	text := succeed(t, "", "record", server.URL, "-n", "3", "-interval", "100ms", "-profile-every", "2", "-o", file)
	require.Equal(t, "3 looks in "+file+"; memstat plot "+file+" -svg OUT draws them\n", text)
	r, err := readRecording(streams{}, file)
	require.NoError(t, err)
	require.Equal(t, server.URL, r.head.Target)
	require.Len(t, r.points, 3)
	for i, want := range []string{file + ".1.pb.gz", "", file + ".2.pb.gz"} {
		require.Equal(t, want, r.points[i].Profile)
		if want != "" {
			profile, err := os.ReadFile(want)
			require.NoError(t, err)
			_, err = sampleCount(profile)
			require.NoError(t, err)
		}
		require.Equal(t, written.Live, r.points[i].Live)
		require.Equal(t, written.Backed, r.points[i].Backed)
	}
}

func TestHelpDescribesEveryKeyOfRecordings(t *testing.T) {
	commands, _, _ := describedKeys(t)
	requireDescribed(t, commands["plot -json"], "plot", "-json", climbing(t))
	text, err := os.ReadFile(climbing(t))
	require.NoError(t, err)
	keys := map[string]bool{"profile": true}
	for line := range strings.Lines(string(text)) {
		var object any
		if json.Unmarshal([]byte(line), &object) == nil {
			keysOf(object, keys)
		}
	}
	require.Equal(t, commands["record"], keys)
}

// Handlers that answer no more end a recording, which is whole up to there.
func TestARecordingOfHandlersThatGo(t *testing.T) {
	looks := 0
	there := handlersOf(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if looks++; looks > 3 {
			http.Error(w, "no more", http.StatusServiceUnavailable)
			return
		}
		there.ServeHTTP(w, r)
	}))
	defer server.Close()
	name := filepath.Join(t.TempDir(), "series")
	code, stdout, stderr := memstat("", "record", "-interval", "100ms", "-o", name, server.URL)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stdout, "3 looks in "+name)
	require.Contains(t, stderr, "503")
	require.Contains(t, succeed(t, "", "plot", name), "3 looks")
}

func TestNamesDoNotReachTheTerminalRaw(t *testing.T) {
	require.Equal(t, "a\uFFFD[2Jb\uFFFDc é", printable("a\x1b[2Jb\nc é"))
}
