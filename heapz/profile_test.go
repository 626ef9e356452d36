package heapz_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/heapz"
	"github.com/spanheap/spanheap/internal/pprofproto/pprofprototest"
	"github.com/stretchr/testify/require"
)

// sampleEverything has every block in the heap profile, until the test ends.
func sampleEverything(t *testing.T) {
	before := spanheap.SetProfileRate(1)
	t.Cleanup(func() { spanheap.SetProfileRate(before) })
}

// inUse returns the bytes in use of the profile's samples of a heap.
func inUse(t *testing.T, profile []byte, heap string) (bytes int64) {
	t.Helper()
	p, err := pprofprototest.Decode(profile)
	require.NoError(t, err)
	require.Equal(t, "inuse_space", p.Types[3].Type)
	for _, s := range p.Samples {
		for _, l := range s.Labels {
			if l.Key == "heap" && l.Text == heap {
				bytes += s.Values[3]
			}
		}
	}
	return bytes
}

func TestTheHeapProfile(t *testing.T) {
	sampleEverything(t)
	h, other := newHeap(t, "profiled"), newHeap(t, "other")
	w := do(t, "GET", "heap")
	require.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
	require.Contains(t, w.Header().Get("Content-Disposition"), "heap.pb.gz")
	require.EqualValues(t, h.Stats().Live, inUse(t, w.Body.Bytes(), "profiled"))
	require.EqualValues(t, other.Stats().Live, inUse(t, w.Body.Bytes(), "other"))

	one := []byte(get(t, "heap?heap=profiled&debug=0"))
	require.EqualValues(t, h.Stats().Live, inUse(t, one, "profiled"))
	require.Zero(t, inUse(t, one, "other"))

	w = do(t, "GET", "heap?debug=1")
	require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), `heap "profiled"`)
	require.Contains(t, w.Body.String(), "heapz_test.newHeap")
}

func TestTheProfilesChange(t *testing.T) {
	sampleEverything(t)
	h := newHeap(t, "changing")
	handler := heapz.NewHandler(func(_ context.Context, d time.Duration) error {
		require.Equal(t, 30*time.Second, d)
		_, err := h.Alloc(777)
		newHeap(t, "late")
		return err
	})
	for path, wantLate := range map[string]bool{"heap?seconds=30": true, "heap?seconds=30&heap=changing": false} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", heapz.Path+path, nil))
		require.Equal(t, http.StatusOK, w.Code)
		require.EqualValues(t, 777, inUse(t, w.Body.Bytes(), "changing"), path)
		require.Equal(t, wantLate, inUse(t, w.Body.Bytes(), "late") > 0, path)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", heapz.Path+"heap?seconds=30&debug=1", nil))
	require.Contains(t, w.Body.String(), "the heap profile's change in ")
	require.Contains(t, w.Body.String(), "in use: 1 block, 777 bytes")
}

// A client that goes away ends the wait, and gets nothing.
func TestNobodyWaitsForAClientThatWentAway(t *testing.T) {
	ctx, leave := context.WithCancel(context.Background())
	w := httptest.NewRecorder()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		heapz.Handler().ServeHTTP(w, httptest.NewRequest("GET", heapz.Path+"heap?seconds=86400", nil).WithContext(ctx))
	}()
	leave()
	<-answered
	require.Zero(t, w.Body.Len())
}

// Longer than the server writes, nothing can be waited for.
func TestAWaitIsWithinTheServersTimeout(t *testing.T) {
	handler := heapz.NewHandler(func(context.Context, time.Duration) error { return nil })
	server := &http.Server{WriteTimeout: 20 * time.Second}
	for path, code := range map[string]int{"heap?seconds=19": http.StatusOK, "heap?seconds=20": http.StatusBadRequest} {
		r := httptest.NewRequest("GET", heapz.Path+path, nil)
		r = r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, server))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, code, w.Code)
		if code == http.StatusBadRequest {
			require.Equal(t, "seconds is 20; the server's WriteTimeout is 20s.\n", w.Body.String())
		}
	}
}
