//go:build !js && !wasip1

package spanheap_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// service is a program with two endpoints, one of which keeps too much now and then.
type service struct {
	heap  *spanheap.Heap
	cache [][]byte // the quiet endpoint's, a bounded one
	kept  [][]byte // the spiking one's
}

//go:noinline
func (s *service) quiet() {
	s.cache = append(s.cache, must(s.heap.Alloc(1000)))
	if len(s.cache) > 1000 {
		s.heap.Free(s.cache[0])
		s.cache = s.cache[1:]
	}
}

//go:noinline
func (s *service) report() {
	for range 2000 {
		s.kept = append(s.kept, must(s.heap.Alloc(1000)))
	}
}

func (s *service) endOfReport() {
	s.heap.FreeBatch(s.kept)
	s.kept = nil
}

// The difference of the two profiles names the function that the spike came from.
func TestSpikesAreDumped(t *testing.T) {
	profileRate(t, 4096)
	h, err := spanheap.NewHeap(spanheap.Options{Name: "service"})
	require.NoError(t, err)
	s := service{heap: h}
	var before, after string
	dumps := 0
	dir := t.TempDir()
	look, err := h.Watch(spanheap.Rule{Min: 1_100_000, DiffPercent: 50, Cooldown: time.Minute, Dir: dir, Keep: 2,
		Done: func(b, a string, err error) {
			require.NoError(t, err)
			before, after = b, a
			dumps++
		}})
	require.NoError(t, err)

	now := time.Unix(1_700_000_000, 0)
	seconds := func(n int) {
		for range n {
			for range 100 {
				s.quiet()
			}
			now = now.Add(time.Second)
			look(now)
		}
	}
	seconds(30)
	require.Zero(t, dumps, "a heap that fills up to Min, and one that is quiet, has no spike")
	s.report()
	seconds(1)
	require.Equal(t, 1, dumps)
	_, _, text := pprofTop(t, "-base="+before, after)
	require.Regexp(t, `(?m)^\s*\d{7}B\s+\S+%\s+\S+%.*\(\*service\)\.report`, text)
	require.NotRegexp(t, `(?m)^\s*\d{6,}B\s+\S+%\s+\S+%.*\(\*service\)\.quiet`, text)

	s.endOfReport()
	seconds(20)
	s.report()
	seconds(1)
	require.Equal(t, 1, dumps, "within the cooldown")
	s.endOfReport()
	for want := 2; want <= 4; want++ {
		seconds(60)
		s.report()
		seconds(1)
		require.Equal(t, want, dumps)
		s.endOfReport()
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 4, "two pairs are kept")
	require.FileExists(t, filepath.Join(dir, "service-4-after.pb.gz"))
	require.NoError(t, h.Close())
}

func TestSpikesAboveABound(t *testing.T) {
	h := newHeap(t)
	dumps := 0
	dir := t.TempDir()
	look, err := h.Watch(spanheap.Rule{Abs: 1 << 20, Cooldown: time.Hour, Dir: dir, Done: func(_, _ string, err error) {
		require.ErrorIs(t, err, os.ErrNotExist)
		dumps++
	}})
	require.NoError(t, err)
	require.NoError(t, os.Remove(dir))
	now := time.Unix(1_700_000_000, 0)
	look(now)
	require.Zero(t, dumps)
	b := alloc(t, h, 2<<20)
	look(now)
	require.Equal(t, 1, dumps)
	h.Free(b)
	closeEmpty(t, h)
}

func TestRulesThatMakeNoSense(t *testing.T) {
	h := newHeap(t)
	_, err := h.DumpOn(spanheap.Rule{Dir: t.TempDir()})
	require.ErrorContains(t, err, "neither DiffPercent nor Abs")
	_, err = h.DumpOn(spanheap.Rule{Abs: 1})
	require.ErrorContains(t, err, "no Dir")
	_, err = h.DumpOn(spanheap.Rule{Abs: 1, Dir: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = h.DumpOn(spanheap.Rule{Abs: 1, Dir: os.Args[0]})
	require.ErrorContains(t, err, "no directory")
	stop, err := h.DumpOn(spanheap.Rule{Abs: 1, Dir: t.TempDir()})
	require.NoError(t, err)
	stop()
	stop()
	closeEmpty(t, h)
	_, err = h.DumpOn(spanheap.Rule{Abs: 1, Dir: t.TempDir()})
	require.ErrorIs(t, err, spanheap.ErrClosed)
}

// What lies in the directory is kept, up to so many pairs, whoever wrote it.
func TestSpikesAreNumberedOn(t *testing.T) {
	h := must(spanheap.NewHeap(spanheap.Options{Name: "numbered"}))
	dir := t.TempDir()
	for _, name := range []string{"numbered-7-after.pb.gz", "numbered-12-before.pb.gz", "number-40-after.pb.gz", "numbered-x-after.pb.gz", "numbered-50-other"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	var written []string
	look, err := h.Watch(spanheap.Rule{Abs: 1 << 20, Dir: dir, Keep: 2, Done: func(before, after string, err error) {
		require.NoError(t, err)
		written = append(written, filepath.Base(before), filepath.Base(after))
	}})
	require.NoError(t, err)
	now := time.Unix(1_700_000_000, 0)
	look(now)
	b := alloc(t, h, 2<<20)
	look(now.Add(time.Second))
	require.Equal(t, []string{"numbered-13-before.pb.gz", "numbered-13-after.pb.gz"}, written)
	require.NoFileExists(t, filepath.Join(dir, "numbered-7-after.pb.gz"))
	for _, name := range append(written, "numbered-12-before.pb.gz", "number-40-after.pb.gz", "numbered-x-after.pb.gz", "numbered-50-other") {
		require.FileExists(t, filepath.Join(dir, name))
	}
	h.Free(b)
	closeEmpty(t, h)
}
