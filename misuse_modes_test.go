//go:build !js && !wasip1 && !race && !spanheap_debug

package spanheap_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// The corpus in every mode: each program in a process of its own, its message to the letter, and no alarm for
// its twin. With -update the messages and the table of docs are written anew.

var updateMisuse = flag.Bool("update", false, "write testdata/misuse.golden and docs/misuse.md anew")

const (
	misuseGolden = "testdata/misuse.golden"
	misuseDocs   = "docs/misuse.md"
	cleanTwins   = "clean twins"
)

var modes = []string{"off", "1", "2", "3"}

func init() {
	for _, c := range crimes {
		for _, s := range c.shapes {
			for place, on := range grounds {
				programs[programName(c, s, place)] = func() { play(c, s, &scene{on: on}) }
			}
		}
	}
	programs[cleanTwins] = func() {
		for _, c := range crimes {
			for _, s := range c.shapes {
				play(c, s, &scene{clean: true})
			}
		}
	}
}

// grounds are where the mistake is made. Who waits for the other goroutine does not go on when that panics.
var grounds = map[string]func(func()){
	"same goroutine": func(f func()) { f() },
	"another goroutine": func(f func()) {
		done := make(chan struct{})
		go func() {
			f()
			close(done)
		}()
		<-done
	},
}

func programName(c crime, s shape, place string) string { return c.name + "; " + s.name + "; " + place }

// play runs a program, in heaps of its own, which are sound at its end.
func play(c crime, s shape, in *scene) {
	spanheap.SetProfileRate(0)
	runtime.GOMAXPROCS(1) // the cache that a block is freed to is the one that the next comes from
	quiet := spanheap.Options{Scavenge: spanheap.Never()}
	in.heap, in.other = must(spanheap.NewHeap(quiet)), must(spanheap.NewHeap(quiet))
	c.do(in, s)
	for _, h := range []*spanheap.Heap{in.heap, in.other} {
		if in.clean {
			if s := h.Stats(); h.Verify() != nil || s.LiveBlocks != 0 || s.Live != 0 {
				panic(fmt.Sprintf("%s: %+v", c.name, s))
			}
		}
		if err := h.Close(); err != nil {
			panic(err)
		}
	}
}

// verdict is what became of a program: the message without addresses, or "", and whether it came late.
type verdict struct {
	message string
	late    bool
}

// try runs a program in a mode.
func try(t *testing.T, program, mode string) verdict {
	var out, errs bytes.Buffer
	cmd := again()
	check := "check=" + strings.Replace(mode, "off", "0", 1)
	cmd.Env = append(os.Environ(), childVariable+"="+program, "SPANHEAPDEBUG="+check)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if cmd.Run() == nil {
		return verdict{}
	}
	message, _, found := strings.Cut(errs.String(), "\n\n")
	if !found || !strings.HasPrefix(message, "panic: ") {
		t.Errorf("%s, mode %s: ended with %s", program, mode, errs.String())
	}
	message = strings.TrimPrefix(message, "panic: ")
	message = regexp.MustCompile(` \[recovered.*\]`).ReplaceAllString(message, "") // Go's own words
	message = regexp.MustCompile(`(in span 0x[0-9a-f]+)\.\.0x[0-9a-f]+ \([^)]*\)`).ReplaceAllString(message, "$1..END (STATES)")
	message = regexp.MustCompile(`span 0x[0-9a-f]+`).ReplaceAllString(message, "span SPAN")
	address, _, _ := strings.Cut(out.String(), "\n")
	if address != "" {
		message = regexp.MustCompile(address+`\b`).ReplaceAllString(message, "ADDR")
	}
	message = regexp.MustCompile(`block 0x[0-9a-f]+`).ReplaceAllString(message, "block BLOCK")
	return verdict{inOneLine(message), strings.HasSuffix(out.String(), "late\n")}
}

// inOneLine keeps of a message's stacks the files of their innermost functions.
func inOneLine(message string) string {
	lines := strings.Split(message, "\n")
	text := lines[0]
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasSuffix(line, " by") && i+2 < len(lines) {
			file, _, _ := strings.Cut(filepath.Base(strings.TrimSpace(lines[i+2])), ":")
			text += "; " + line + " " + file
		}
	}
	return text
}

// outcome is the verdict in the words of the corpus.
func (v verdict) outcome() string {
	for _, kind := range []spanheap.MisuseKind{spanheap.DoubleFree, spanheap.ForeignAddress, spanheap.InteriorAddress,
		spanheap.WrongHeap, spanheap.SizeMismatch, spanheap.HeapClosed, spanheap.Overflow, spanheap.WriteAfterFree} {
		if strings.Contains(v.message, ": "+kind.String()+": ") {
			if v.late {
				return "late: " + kind.String()
			}
			return kind.String()
		}
	}
	return v.message
}

func TestMisuseInEveryMode(t *testing.T) {
	verdicts := map[string]verdict{} // by program and mode
	var mu sync.Mutex
	var wg sync.WaitGroup
	seats := make(chan struct{}, runtime.GOMAXPROCS(0)+1)
	for program := range programs {
		for _, mode := range modes {
			wg.Go(func() {
				seats <- struct{}{}
				defer func() { <-seats }()
				v := try(t, program, mode)
				mu.Lock()
				defer mu.Unlock()
				verdicts[program+mode] = v
			})
		}
	}
	wg.Wait()

	var golden strings.Builder
	for _, mode := range modes {
		require.Equal(t, verdict{}, verdicts[cleanTwins+mode], "mode %s", mode)
	}
	for _, c := range crimes {
		for _, s := range c.shapes {
			want, special := c.but[s.name]
			if !special {
				want = c.want
			}
			fmt.Fprintf(&golden, "%s; %s\n", c.name, s.name)
			for i, mode := range modes {
				here := verdicts[programName(c, s, "same goroutine")+mode]
				elsewhere := verdicts[programName(c, s, "another goroutine")+mode]
				require.Equal(t, want[i], here.outcome(), "%s; %s, mode %s: %+v", c.name, s.name, mode, here)
				require.Equal(t, here, elsewhere, "%s; %s, mode %s", c.name, s.name, mode)
				fmt.Fprintf(&golden, "\t%s\t%s\n", mode, here.message)
			}
		}
	}
	requireFile(t, misuseGolden, golden.String())
	requireFile(t, misuseDocs, misuseTable())
}

// requireFile compares the file with what it should hold, or writes it.
func requireFile(t *testing.T, name, want string) {
	t.Helper()
	if *updateMisuse {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
	}
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(got), want, "go test -run TestMisuseInEveryMode . -update writes %s", name)
}

// misuseTable is the corpus as a document.
func misuseTable() string {
	var b strings.Builder
	b.WriteString(`# What is caught in which mode

Every heap checks every free. ` + "`Options.Debug`, or `SPANHEAPDEBUG=check=N`" + ` for all heaps, adds more: 1 is DebugPoison, 2
DebugQuarantine, 3 DebugStacks, which finds what 2 finds and tells the stacks. Each line stands for programs that run in a
process of their own, on the goroutine that allocated and on another; ` + "`go test -run TestMisuseInEveryMode . -update`" + ` writes
this table from them, and ` + "`testdata/misuse.golden`" + ` with their messages.

"late" is found, but by a later call that is right; "-" is not found. Which of two frees is the late one depends on how soon
an address is used again.

Sampled guards (` + "`Options.Guard`" + `) are no column, since they see one block in so many, but of that they see the touch
itself, at once: reads and writes after free, and overflows and underflows that leave its pages. ` + "[SECURITY.md](../SECURITY.md)" + `
says what they promise, ` + "`go test -run 'Guard|Fault|Crash' .`" + ` shows it.

| mistake | blocks | off | 1 | 2 | 3 |
| --- | --- | --- | --- | --- | --- |
`)
	for _, c := range crimes {
		var groups []outcomes
		names := map[outcomes][]string{}
		for _, s := range c.shapes {
			want, special := c.but[s.name]
			if !special {
				want = c.want
			}
			if len(names[want]) == 0 {
				groups = append(groups, want)
			}
			names[want] = append(names[want], s.name)
		}
		for _, want := range groups {
			fmt.Fprintf(&b, "| %s | %s |", c.name, strings.Join(names[want], ", "))
			for _, o := range want {
				if o == "" {
					o = "-"
				}
				fmt.Fprintf(&b, " %s |", o)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
