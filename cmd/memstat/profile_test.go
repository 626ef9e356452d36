//go:build !js && !wasip1

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
)

// aProfile returns a heap's profile of two samples.
func aProfile(t *testing.T) []byte {
	t.Helper()
	before := spanheap.SetProfileRate(1)
	defer spanheap.SetProfileRate(before)
	heap, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, heap.Close()) }()
	for _, bytes := range []int{100, 5000} {
		_, err := heap.Alloc(bytes)
		require.NoError(t, err)
	}
	var b bytes.Buffer
	require.NoError(t, heap.WriteHeapProfile(&b))
	return b.Bytes()
}

func TestProfilesAreFetched(t *testing.T) {
	profile := aProfile(t)
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		if r.URL.Query().Get("seconds") == "9" {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(profile)
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "heap.pb.gz")
	require.Equal(t, fmt.Sprintf("2 samples, %d B, in ", len(profile))+file+"; go tool pprof -http=: "+file+" shows it\n", succeed(t, "", "profile", "-o", file, server.URL))
	require.Equal(t, "/debug/spanheap/heap", asked)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, profile, content)

	require.Equal(t, string(profile), succeed(t, "", "profile", server.URL, "-seconds", "1", "-o", "-"))
	require.Equal(t, "/debug/spanheap/heap?seconds=1", asked)

	// What fails leaves the file as it was.
	code, _, stderr := memstat("", "profile", "-seconds", "9", "-o", file, server.URL)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, "503")
	content, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, profile, content)
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// A file is not overwritten with what is no profile, whatever answers at the address.
func TestAnswersThatAreNoProfile(t *testing.T) {
	whole := aProfile(t)
	for name, answer := range map[string][]byte{
		"a page":             []byte("<html>hello</html>"),
		"nothing":            nil,
		"a part":             whole[:len(whole)/2],
		"another gzip":       gzipped(t, "hello"),
		"an empty gzip":      gzipped(t, ""),
		"a field cut off":    gzipped(t, "\x0a\x02ab\x12\x7f"),
		"a length too large": gzipped(t, "\x0a\x00\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) }))
		file := writeFile(t, "heap.pb.gz", "as it was")
		code, stdout, stderr := memstat("", "profile", "-o", file, server.URL)
		server.Close()
		require.Equal(t, exitFailure, code, name)
		require.Empty(t, stdout, name)
		require.Contains(t, stderr, server.URL+": heap: what it answers is no profile", name)
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, "as it was", string(content), name)
	}
}

// A link to a file stays one, and leads to the profile.
func TestProfilesAreWrittenThroughLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // making links needs a privilege
	}
	server := httptest.NewServer(handlersOf(t))
	defer server.Close()
	file := writeFile(t, "heap.pb.gz", "as it was")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(file, link))
	succeed(t, "", "profile", "-o", link, server.URL)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, info.Mode().Type())
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	_, err = sampleCount(content)
	require.NoError(t, err)
}

func TestProfilesThatAreNotFetched(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"http://localhost:1"}, exitUsage, "no -o FILE"},
		{[]string{"-o", "x", "-seconds", "-1", "http://localhost:1"}, exitUsage, "-seconds -1 is negative"},
		{[]string{"-o", "x"}, exitUsage, "no process"},
		{[]string{"-o", "x", "1"}, exitUsage, "process 1 tells its sums only"},
		{[]string{"-o", filepath.Join(t.TempDir(), "x"), "unix:" + filepath.Join(t.TempDir(), "missing")}, exitFailure, "missing"},
	} {
		code, stdout, stderr := memstat("", append([]string{"profile"}, c.args...)...)
		require.Equal(t, c.code, code, stderr)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.says)
	}
}

// memstat-diff is found in PATH, gets whole paths and fetched profiles, and its exit code is memstat's.
func TestDiffIsDoneByItsProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // the stand-in is a script
	}
	profile := aProfile(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(profile) }))
	defer server.Close()
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"$1 $2 $3 $4 $5\"; shift 5; for a; do cat \"$a\" || exit 7; done\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "memstat-diff"), []byte(script), 0o755))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("before", []byte("before, then "), 0o666))

	require.Equal(t, "-by waste_space -n 3 -json=true\nbefore, then "+string(profile), succeed(t, "", "diff", "-by", "waste_space", "before", server.URL, "-json", "-n", "3"))
	code, _, _ := memstat("", "diff", "before", "missing")
	require.Equal(t, 7, code)
	code, _, stderr := memstat("", "diff", "before")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "two profiles, not 1")
}

func TestDiffWithoutItsProgram(t *testing.T) {
	t.Setenv("PATH", "")
	code, _, stderr := memstat("", "diff", "a", "b")
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, "go install github.com/spanheap/spanheap/cmd/memstat-diff@latest")
}
