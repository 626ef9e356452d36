//go:build !js && !wasip1

package heapz_test

import (
	"net/http/httptest"
	"os/exec"
	"strconv"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/heapz"
	"github.com/stretchr/testify/require"
)

//go:noinline
func fillIndex(t *testing.T, h *spanheap.Heap) {
	_, err := h.Alloc(123_456)
	require.NoError(t, err)
}

// The tool that the profile is made for fetches it from a server by its address.
func TestGoToolPprofFetchesTheProfile(t *testing.T) {
	sampleEverything(t)
	h := newHeap(t, "fetched")
	fillIndex(t, h)
	server := httptest.NewServer(heapz.Handler())
	defer server.Close()
	cmd := exec.Command("go", "tool", "pprof", "-top", "-unit=B", "-symbolize=none", "-nodefraction=0", "-tagfocus=heap=fetched", server.URL+heapz.Path+"heap")
	cmd.Env = append(cmd.Environ(), "PPROF_TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Regexp(t, `(?m)^\s*123456B .* github.com/spanheap/spanheap/heapz_test\.fillIndex$`, string(out))
	require.Contains(t, string(out), strconv.FormatUint(h.Stats().Live, 10)+"B total")
}
