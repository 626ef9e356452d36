package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sawtooth rises to 800 live bytes and 1000 resident ones, and gives half of these back.
func sawtooth() history {
	return history{
		{0, 0, 0, 0}, {1000, 0, 400, 500}, {2000, 0, 800, 1000}, {3000, 0, 100, 1000},
		{3000, 0, 0, 1000}, {3000, 5, 0, 500}, {3000, 10, 0, 10},
	}
}

func TestTheChartShowsWhatIsLiveAndWhatIsOnlyResident(t *testing.T) {
	for _, c := range []struct {
		pencil pencil
		want   string
	}{
		{asciiPencil, `
    1000 B |                       :::::::::::::::::::::::|:::::          ~
           |                       :::::::::::::::::::::::|:::::          ~
     750 B |                       ############:::::::::::|:::::          ~
           |                       ############:::::::::::|:::::          ~
     500 B |            :::::::::::############:::::::::::|::::::::::     ~
           |            #######################:::::::::::|::::::::::     ~
     250 B |            #######################:::::::::::|::::::::::     ~
           |            ##################################|::::::::::_____~
       0 B +----------------------------------------------+---------------~
            0                                 3,000 events 0          10 s~
`},
		{unicodePencil, `
     500 B │            ░░░░░░░░░░░████████████░░░░░░░░░░░│░░░░░░░░░░     ~
           │            ███████████████████████░░░░░░░░░░░│░░░░░░░░░░     ~
     250 B │            ███████████████████████░░░░░░░░░░░│░░░░░░░░░░     ~
           │            ██████████████████████████████████│░░░░░░░░░░▁▁▁▁▁~
       0 B └──────────────────────────────────────────────┴───────────────~
            0                                 3,000 events 0          10 s~
`},
	} {
		var b bytes.Buffer
		writeChart(&b, sawtooth(), c.pencil)
		require.Contains(t, b.String(), strings.ReplaceAll(c.want, "~\n", "\n")[1:])
	}
}

func TestNothingResidentIsNoChart(t *testing.T) {
	var b bytes.Buffer
	writeChart(&b, history{{}, {}}, asciiPencil)
	require.Empty(t, b.String())
}

func TestEveryMomentCountsInAColumn(t *testing.T) {
	h := make(history, 100)
	h[37] = moment{Live: 3, Resident: 7}
	merged := columns(h, 10)
	require.Len(t, merged, 10)
	require.Equal(t, moment{Live: 3, Resident: 7}, merged[3])
	require.Equal(t, uint64(7), merged.most())
	require.Equal(t, history{h[36], h[36], h[37], h[37]}, columns(h[36:38], 4))
}

func TestTheLocaleChoosesThePencil(t *testing.T) {
	for _, c := range []struct {
		all, ctype, lang string
		unicode          bool
	}{
		{"", "", "", false},
		{"", "", "de_DE.UTF-8", true},
		{"", "", "en_US.utf8", true},
		{"C", "", "de_DE.UTF-8", false},
		{"", "C.UTF-8", "C", true},
	} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_CTYPE", c.ctype)
		t.Setenv("LANG", c.lang)
		require.Equal(t, c.unicode, newPencil().wall == unicodePencil.wall, "%v", c)
	}
}

func TestAChartIsDrawnOnlyWhereAskedFor(t *testing.T) {
	args := []string{"replay", "-rounds", "1", "-settle", "0", sample("service")}
	text := succeed(t, "", args...)
	require.NotContains(t, text, "over the events of the trace")
	require.Contains(t, text, "right after the last free")
	text = succeed(t, "", append([]string{"replay", "-chart"}, args[1:]...)...)
	require.Contains(t, text, "over the events of the trace")
}

func TestThePictureIsSoundAndSaysWhatItShows(t *testing.T) {
	r := replay{File: "a<b>&c.gz", Threads: 2, History: sawtooth()}
	picture := string(r.svg())
	words, curves := wordsOf(t, picture)
	for _, want := range []string{
		"a<b>&c.gz on spanheap, 2 threads", "live, as asked for", "0.2 KiB", "1 KiB", "2,000",
		"events of the trace", "seconds after the last free", "10",
	} {
		require.Contains(t, words, want)
	}
	require.Equal(t, 4, curves, "two on each side")

	r.History = r.History[:5]
	words, curves = wordsOf(t, string(r.svg()))
	require.NotContains(t, words, "seconds after the last free")
	require.Equal(t, 2, curves)
}

// wordsOf returns the texts of an SVG picture, and how many curves it has.
func wordsOf(t *testing.T, picture string) (words []string, curves int) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(picture))
	inText := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return words, curves
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
			if token.Name.Local == "polyline" {
				curves++
			}
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				words = append(words, string(token))
			}
		}
	}
}

func TestReplayWritesThePicture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "picture.svg")
	succeed(t, "", "replay", "-json", "-rounds", "1", "-settle", "0", "-svg", file, sample("compiler"))
	picture, err := os.ReadFile(file)
	require.NoError(t, err)
	words, _ := wordsOf(t, string(picture))
	require.Contains(t, words, "compiler.trace.gz on spanheap, 1 thread")

	missing := filepath.Join(t.TempDir(), "missing", "picture.svg")
	code, _, stderr := memstat("", "replay", "-rounds", "1", "-settle", "0", "-svg", missing, sample("compiler"))
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, missing)
}

func TestTicksAreRound(t *testing.T) {
	require.Equal(t, []float64{0, 2, 4, 6, 8}, axis{to: 9.5}.ticks(6, 1))
	require.Equal(t, []float64{0, 512, 1024}, axis{to: 1300}.ticks(3, 1024))
	require.Equal(t, []float64{0, 0.5, 1}, axis{to: 1}.ticks(2, 1))
}
