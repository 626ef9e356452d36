//go:build !js && !wasip1

package spanheap_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
)

func init() {
	children["an end"] = child{anEnd, ""}
	children["traced"] = child{traced, ""}
}

// anEnd is a program with blocks of two classes, of which one is not all freed.
func anEnd() {
	h := must(spanheap.NewHeap(spanheap.Options{Name: "sessions"}))
	must(spanheap.NewHeap(spanheap.Options{Name: "unused"}))
	for i := range 10 {
		small, large := must(h.Alloc(64)), must(h.Alloc(100<<10))
		if i > 6 {
			h.Free(small)
		}
		h.Free(large)
	}
	spanheap.Exit(0)
}

// traced lives until its input ends.
func traced() {
	h := must(spanheap.NewHeap(spanheap.Options{}))
	must(h.Alloc(1000))
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func childCommand(name, debug string) *exec.Cmd {
	cmd := again()
	cmd.Env = append(os.Environ(), childVariable+"="+name, "SPANHEAPDEBUG="+debug)
	return cmd
}

func TestExitReport(t *testing.T) {
	text := string(must(childCommand("an end", "exit=1").CombinedOutput()))
	require.Equal(t, 1, strings.Count(text, "spanheap: at exit"), "nothing of heaps without blocks: %s", text)
	require.Contains(t, text, `spanheap: at exit, heap "sessions": not all freed`)
	require.Regexp(t, `(?m)^ +8 +64 +10 +3 +7 +448 +not all freed$`, text)
	require.Regexp(t, `(?m)^ +large +0 +10 +10 +0 +0 +ok$`, text)
	require.Empty(t, must(childCommand("an end", "").CombinedOutput()))
}

func TestProfileAtTheEnd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "heap.pb.gz")
	require.Empty(t, must(childCommand("an end", "profile="+name).CombinedOutput()))
	require.True(t, bytes.HasPrefix(must(os.ReadFile(name)), []byte("\x1f\x8b")))
	missing := filepath.Join(t.TempDir(), "missing", "heap.pb.gz")
	require.Contains(t, string(must(childCommand("an end", "profile="+missing).CombinedOutput())), "spanheap: heap profile: open "+missing)
}

func TestTraceWritesALineEachInterval(t *testing.T) {
	cmd := childCommand("traced", "trace=1,interval=10ms")
	input := must(cmd.StdinPipe())
	errs := must(cmd.StderrPipe())
	require.NoError(t, cmd.Start())
	line := regexp.MustCompile(`(?m)^spanheap \d+ms: heaps=1 blocks=1 live=1000 rounding=24 tails=\d+ .* backed=\d+ released=\d+ mallocs=1 frees=0$`)
	var text []byte
	for start := time.Now(); len(line.FindAll(text, -1)) < 3 && time.Since(start) < 20*time.Second; {
		b := make([]byte, 4096)
		n, err := errs.Read(b)
		require.NoError(t, err, "%s", text)
		text = append(text, b[:n]...)
	}
	require.Len(t, line.FindAll(text, 3), 3, "%s", text)
	require.NoError(t, input.Close())
	require.NoError(t, cmd.Wait())
}
