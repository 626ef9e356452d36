//go:build !js && !wasip1

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreFetched(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		if r.URL.Query().Get("seconds") == "9" {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("a profile"))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "heap.pb.gz")
	require.Equal(t, "9 B in "+file+"; go tool pprof -http=: "+file+" shows it\n", succeed(t, "", "profile", "-o", file, server.URL))
	require.Equal(t, "/debug/spanheap/heap", asked)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "a profile", string(content))

	require.Equal(t, "a profile", succeed(t, "", "profile", server.URL, "-seconds", "1", "-o", "-"))
	require.Equal(t, "/debug/spanheap/heap?seconds=1", asked)

	// What fails leaves the file as it was.
	code, _, stderr := memstat("", "profile", "-seconds", "9", "-o", file, server.URL)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, "503")
	content, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "a profile", string(content))
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, entries, 1)
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
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("fetched")) }))
	defer server.Close()
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"$1 $2 $3 $4 $5\"; shift 5; for a; do cat \"$a\" || exit 7; done\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "memstat-diff"), []byte(script), 0o755))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("before", []byte("before, then "), 0o666))

	require.Equal(t, "-by waste_space -n 3 -json=true\nbefore, then fetched", succeed(t, "", "diff", "-by", "waste_space", "before", server.URL, "-json", "-n", "3"))
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
