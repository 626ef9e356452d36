package callstack_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spanheap/spanheap/internal/callstack"
	"github.com/stretchr/testify/require"
)

// functions returns the names of the frames' functions, from the caller of leaf outward.
func functions(pcs []uintptr) (names []string) {
	for f := range callstack.Frames(pcs) {
		names = append(names, f.Function)
	}
	first := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(name, ".inlined") })
	return names[max(first, 0):]
}

// stacks are the same stack, taken in two ways.
type stacks struct{ walked, asked [64]uintptr }

//go:noinline
func leaf(s *stacks) (walked, asked int) {
	return callstack.PCs(s.walked[:]), runtime.Callers(1, s.asked[:])
}

func inlined(s *stacks) (int, int) { return leaf(s) }

//go:noinline
func deep(n int, s *stacks) (int, int) {
	if n == 0 {
		return inlined(s)
	}
	var big [100]byte // frames of several sizes
	walked, asked := deep(n-1, s)
	return walked + int(big[n%100]), asked
}

func requireSame(t *testing.T, n int) {
	t.Helper()
	var s stacks
	walked, asked := deep(n, &s)
	want := functions(s.asked[:asked])
	got := functions(s.walked[:walked])
	if asked == len(s.asked) { // as many frames, but not the same ones, are left out
		want, got = want[:50], got[:50]
	}
	require.Equal(t, want, got)
}

// The stack is the one that runtime.Callers tells, inlined functions included.
func TestPCs(t *testing.T) {
	for _, n := range []int{0, 1, 5, 20, 500} {
		requireSame(t, n)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		requireSame(t, 3)
	}()
	<-done
	func() {
		defer func() { recover(); requireSame(t, 3) }()
		var m map[int]int
		m[0] = 1 // a panic's frames lie between
	}()
}

func TestPCsKeepToTheBuffer(t *testing.T) {
	require.Zero(t, callstack.PCs(nil))
	buf := []uintptr{0, 0, 7}
	require.Equal(t, 2, callstack.PCs(buf[:2]))
	require.NotZero(t, buf[1])
	require.EqualValues(t, 7, buf[2])
}

// Stacks are taken while the collector moves them.
func TestPCsWhileStacksMove(t *testing.T) {
	stop := make(chan struct{})
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range 300 {
				requireSame(t, i%40)
			}
		}()
	}
	for range 4 {
		<-done
	}
	close(stop)
	<-collected
}

func TestPCsAllocateNothing(t *testing.T) {
	var buf [64]uintptr
	require.Zero(t, testing.AllocsPerRun(100, func() { callstack.PCs(buf[:]) }))
}

func BenchmarkPCs(b *testing.B) {
	var buf [64]uintptr
	b.Run("walked", func(b *testing.B) {
		for range b.N {
			callstack.PCs(buf[:])
		}
	})
	b.Run("runtime.Callers", func(b *testing.B) {
		for range b.N {
			runtime.Callers(0, buf[:])
		}
	})
}
