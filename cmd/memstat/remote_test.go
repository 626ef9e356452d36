//go:build !js && !wasip1

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/heapz"
)

// handlersOf serves one heap as package heapz does.
func handlersOf(t *testing.T) http.Handler {
	t.Helper()
	stats, err := json.Marshal(written)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/spanheap/stats", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"heaps": [{"id": 3, "name": "cache", "purpose": "sessions", "limit": 1048576, "stats": %s}], "total": %[1]s}`, stats)
	})
	mux.HandleFunc("GET /debug/spanheap/heap", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(aProfile(t))
	})
	return mux
}

func TestHandlersAreRead(t *testing.T) {
	byHTTP := httptest.NewServer(handlersOf(t))
	defer byHTTP.Close()
	socket := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	byUnix := &http.Server{Handler: handlersOf(t)}
	go byUnix.Serve(listener)
	defer byUnix.Close()

	for _, target := range []string{byHTTP.URL, byHTTP.URL + "/debug/spanheap", "unix:" + socket} {
		var got anatomy
		decode(t, succeed(t, "", "report", target, "-json"), &got)
		require.Nil(t, got.Reconciliation, "handlers do not tell what is resident")
		require.Equal(t, written, got.Stats)
		require.Len(t, got.Heaps, 1)
		require.Equal(t, "sessions", got.Heaps[0].Purpose)
		require.EqualValues(t, 1<<20, got.Heaps[0].Limit)

		text := succeed(t, "", "report", target)
		require.Contains(t, text, target+": 17.6 KiB backed\n")
		require.Equal(t, []string{"large", "7", "tiny", "all"}, classRows(succeed(t, "", "classes", target)))
		require.Contains(t, succeed(t, "", "top", "-n", "1", target), "backed 17.6 KiB, live 1000 B in 12 blocks")
		code, _, stderr := memstat("", "spans", target)
		require.Equal(t, exitFailure, code)
		require.Contains(t, stderr, "does not tell how full its spans are")
	}
}

// The page that is kept is the handlers' own.
func TestReportsOfHandlersAreKept(t *testing.T) {
	server := httptest.NewServer(heapz.Handler())
	defer server.Close()
	heap, err := spanheap.NewHeap(spanheap.Options{Name: "kept"})
	require.NoError(t, err)
	defer heap.Close()
	_, err = heap.Alloc(1000)
	require.NoError(t, err)
	page := succeed(t, "", "html", server.URL, "-o", "-")
	require.Contains(t, page, "</html>")
	require.Contains(t, page, ">kept</th>")
	require.Contains(t, page, `class="map"`)
	for _, wrong := range [][]string{{server.URL}, {"-o", "x"}, {"-o", "x", "a process"}} {
		code, _, stderr := memstat("", append([]string{"html"}, wrong...)...)
		require.Equal(t, exitUsage, code, stderr)
	}
}

func TestTheHandlersOfHeapzAreRead(t *testing.T) {
	server := httptest.NewServer(heapz.Handler())
	defer server.Close()
	heap, err := spanheap.NewHeap(spanheap.Options{Name: "served", Purpose: "a test", Limit: 1 << 30})
	require.NoError(t, err)
	defer heap.Close()
	_, err = heap.Alloc(1000)
	require.NoError(t, err)
	var got anatomy
	decode(t, succeed(t, "", "report", "-json", server.URL), &got)
	for _, h := range got.Heaps {
		if h.Name == "served" {
			require.Equal(t, heapAnatomy{"served", "a test", 1 << 30, heap.Stats()}, h)
			return
		}
	}
	require.Fail(t, "it is not among them")
}

func TestHandlersThatAreNotThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer wrong.Close()
	for _, c := range []struct {
		target string
		code   int
		want   string
	}{
		{server.URL, exitFailure, server.URL + ": stats answers 404 Not Found"},
		{wrong.URL, exitFailure, wrong.URL + ": stats: invalid character"},
		{"unix:" + filepath.Join(t.TempDir(), "none"), exitFailure, "none: dial unix"},
		{"unix:", exitUsage, `"unix:" is no number of a process, no http://HOST:PORT and no unix:PATH`},
		{"ftp://host", exitUsage, `"ftp://host" is no number of a process`},
	} {
		code, stdout, stderr := memstat("", "report", c.target)
		require.Equal(t, c.code, code, stderr)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.want)
	}
}
