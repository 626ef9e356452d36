//go:build !js && !wasip1

package spanheap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// profileFile writes the heap's profile to a file, and returns the file's name.
func profileFile(t testing.TB, h *spanheap.Heap) string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "*.pb.gz")
	require.NoError(t, err)
	require.NoError(t, h.WriteHeapProfile(f))
	require.NoError(t, f.Close())
	return f.Name()
}

// pprofTop returns what go tool pprof -top prints: for each of this package's functions the flat figure
// and the cumulated one, in digits.
func pprofTop(t testing.TB, arguments ...string) (flat, cumulated map[string]string, text string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"tool", "pprof", "-top", "-unit=B", "-symbolize=none", "-nodefraction=0"}, arguments...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	flat, cumulated = map[string]string{}, map[string]string{}
	line := regexp.MustCompile(`(?m)^\s*(\S+)\s+\S+%\s+\S+%\s+(\S+)\s+\S+%\s+github.com/spanheap/spanheap_test\.(\w+)`)
	for _, m := range line.FindAllStringSubmatch(string(out), -1) {
		flat[m[3]], cumulated[m[3]] = strings.TrimSuffix(m[1], "B"), strings.TrimSuffix(m[2], "B")
	}
	return flat, cumulated, string(out)
}

//go:noinline
func fillIndex(h *spanheap.Heap) []byte { return must(h.Alloc(100_000)) }

//go:noinline
func fillCache(h *spanheap.Heap) (blocks [][]byte) {
	for range 10 {
		blocks = append(blocks, must(h.AllocUninit(100)))
	}
	return blocks
}

//go:noinline
func fillBoth(h *spanheap.Heap) [][]byte { return append(fillCache(h), fillIndex(h)) }

// The tool that the profile is made for reads it: functions by name, differences, and labels.
func TestGoToolPprofReadsTheProfile(t *testing.T) {
	profileRate(t, 1)
	h, err := spanheap.NewHeap(spanheap.Options{Name: "store", Purpose: "tests"})
	require.NoError(t, err)
	fillBoth(h)
	early := profileFile(t, h)

	flat, cumulated, text := pprofTop(t, early)
	require.Contains(t, text, "Type: inuse_space")
	require.Contains(t, text, filepath.Base(os.Args[0]))
	require.Equal(t, map[string]string{"fillIndex": "100000", "fillCache": "1000", "fillBoth": "0",
		"TestGoToolPprofReadsTheProfile": "0"}, flat)
	require.Equal(t, "101000", cumulated["fillBoth"])

	for _, c := range []struct {
		types, index, cache string
	}{
		{"alloc_objects", "1", "10"}, {"alloc_space", "100000", "1000"},
		{"inuse_objects", "1", "10"}, {"inuse_space", "100000", "1000"},
		{"waste_space", "6496", "40"}, // 13 pages; slots of 104 bytes
	} {
		flat, _, _ := pprofTop(t, "-sample_index="+c.types, early)
		require.Equal(t, c.index, flat["fillIndex"], c.types)
		require.Equal(t, c.cache, flat["fillCache"], c.types)
	}

	for focus, want := range map[string]map[string]string{
		"class=large":     {"fillIndex": "100000"},
		"class=^13$":      {"fillCache": "1000"},
		"bytes=100b:200b": {"fillCache": "1000"},
		"heap=store":      {"fillIndex": "100000", "fillCache": "1000"},
		"purpose=tests":   {"fillIndex": "100000", "fillCache": "1000"},
		"heap=other":      {},
	} {
		flat, _, _ := pprofTop(t, "-tagfocus="+focus, early)
		require.Equal(t, want["fillIndex"], flat["fillIndex"], focus)
		require.Equal(t, want["fillCache"], flat["fillCache"], focus)
	}

	kept := fillCache(h)
	h.Free(kept[0])
	h.Free(fillIndex(h))
	flat, _, _ = pprofTop(t, "-base="+early, profileFile(t, h))
	require.Equal(t, "900", flat["fillCache"], "what came since then")
	require.NotContains(t, flat, "fillIndex")
	require.NoError(t, h.Close())
}
