//go:build amd64 && linux && !race && !spanheap_portable && !spanheap_debug

package spanheap_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The fast paths, as the compiler emits them: what each function calls, and how many instructions it
// has that lock the bus or divide. A helper that is inlined no longer, a lock, or a second atomic
// shows as a difference to testdata/fastpath.golden. Calls that end in a panic are left out: every function
// has them. A function that calls morestack looks at the stack, where the scheduler may stop it.
func TestFastPathInstructions(t *testing.T) {
	functions := []string{
		"(*Heap).AllocUninit", "(*Heap).Alloc", "(*Heap).freeBlock",
		"(*Local).AllocUninit", "(*Local).Alloc", "(*Local).freeBlock",
		"(*Heap).pop", "(*Heap).freeSized", // New's and Delete's
		"(*Heap).AllocBatch", "popRun", "(*Heap).FreeBatch", "(*Heap).pushRun", "(*freeRun).own", "(*freeRun).ownRow", "(*freeRun).others",
	}
	archive := filepath.Join(t.TempDir(), "spanheap.a")
	out, err := exec.Command("go", "build", "-o", archive, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	var got strings.Builder
	for _, f := range functions {
		got.WriteString(instructions(t, archive, f))
	}
	want, err := os.ReadFile("testdata/fastpath.golden")
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

// Of a slice a free needs two words of three, so that its caller passes no more.
func TestFreeIsInlined(t *testing.T) {
	out, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, f := range []string{"(*Heap).Free", "(*Local).Free"} {
		require.True(t, strings.Contains(string(out), "can inline "+f+"\n"), "%s is not inlined", f)
	}
}

var (
	callTarget = regexp.MustCompile(`R_CALL(?:IND|:([^\s]+?)(?:<1>)?)\s`) // nothing of one that is in a register
	noise      = regexp.MustCompile(`^runtime\.(panic|gopanic)`)
)

// instructions disassembles a function of the package.
func instructions(t *testing.T, archive, function string) string {
	name := "github.com/spanheap/spanheap." + function
	out, err := exec.Command("go", "tool", "objdump", "-s", "^"+regexp.QuoteMeta(name)+"$", archive).Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "TEXT "+name)

	var calls []string
	locked, divisions := 0, 0
	for line := range strings.Lines(string(out)) {
		if m := callTarget.FindStringSubmatch(line); m != nil && !noise.MatchString(m[1]) {
			calls = append(calls, strings.ReplaceAll(cmp.Or(m[1], "of a register"), "github.com/spanheap/spanheap", "spanheap"))
		}
		if strings.Contains(line, "LOCK ") || strings.Contains(line, "\tXCHG") {
			locked++
		}
		if strings.Contains(line, "DIVQ") || strings.Contains(line, "DIVL") {
			divisions++
		}
	}
	slices.Sort(calls)
	text := fmt.Sprintf("%s\n  locked %d\n  divisions %d\n", function, locked, divisions)
	for _, c := range calls {
		text += "  call " + c + "\n"
	}
	return text
}
