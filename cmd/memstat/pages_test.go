package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/heapz"
)

// The pages are there at the address that is printed, until the context is done.
func TestHTTPServesThePagesOfTwoHeaps(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- servePages(ctx, streams{out: in}, "127.0.0.1:0", 2000)
		in.Close()
	}()
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	response, err := http.Get(strings.TrimSpace(address) + "stats")
	require.NoError(t, err)
	defer response.Body.Close()
	var r heapz.Report
	require.NoError(t, json.NewDecoder(response.Body).Decode(&r))
	require.Equal(t, http.StatusOK, response.StatusCode)
	byName := map[string]heapz.HeapReport{}
	for _, h := range r.Heaps {
		byName[h.Name] = h
	}
	require.Greater(t, byName["busy"].Stats.Live, byName["calm"].Stats.Live)
	require.NotZero(t, byName["calm"].Stats.Live)
	http.DefaultClient.CloseIdleConnections()
	stop()
	require.NoError(t, <-ended)
}

func TestHTTPNeedsAnAddress(t *testing.T) {
	code, _, stderr := memstat("", "-http", ":port")
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, "memstat: listen tcp")
}
