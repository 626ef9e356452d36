//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/statpage"
)

// A process to attach to is the test binary again, with this variable set.
const attachedVariable = "MEMSTAT_TEST_ATTACHED"

func TestMain(m *testing.M) {
	if os.Getenv(attachedVariable) != "" {
		beAttached()
		return
	}
	os.Exit(m.Run())
}

// What the process has, from the first line that it prints on.
const (
	attachedBlocks = 1000
	attachedSize   = 1000
	attachedLive   = attachedBlocks * attachedSize / 2
)

// beAttached has two heaps, and ends with its standard input. For each line of it the next of the first
// heap's blocks is freed.
func beAttached() {
	heap, err := spanheap.NewHeap(spanheap.Options{Name: "cache", Purpose: "sessions", Limit: 1 << 30, Scavenge: spanheap.Never()})
	if err != nil {
		panic(err)
	}
	var blocks [][]byte
	for range attachedBlocks {
		b, err := heap.Alloc(attachedSize)
		if err != nil {
			panic(err)
		}
		blocks = append(blocks, b)
	}
	for i := range attachedBlocks / 2 {
		heap.Free(blocks[2*i])
	}
	heap.Release(1 << 30) // so that the slots are their spans' and not the cache's
	if _, err := spanheap.NewHeap(spanheap.Options{Name: "index"}); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	for lines, i := bufio.NewScanner(os.Stdin), 1; lines.Scan(); i += 2 {
		heap.Free(blocks[i])
	}
}

// attached is a process that carries a page.
type attached struct {
	*exec.Cmd
	input io.Writer
	pid   string
	reap  func() // waits until it has ended: the first call, the others for the first
}

func (p *attached) kill() {
	_ = p.Process.Kill()
	p.reap()
}

// attach starts a process, and waits until it has a page on which all of its blocks are. It ends with the test.
func attach(t *testing.T, environment ...string) *attached {
	t.Helper()
	p := startAttached(t, environment...)
	p.until(t, func(l listedProcess) bool { return l.Live == attachedLive })
	return p
}

func startAttached(t *testing.T, environment ...string) *attached {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), attachedVariable+"=1"), environment...)
	c.Stderr = os.Stderr
	input, err := c.StdinPipe()
	require.NoError(t, err)
	output, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	reap := sync.OnceFunc(func() { _ = c.Wait() })
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGCONT)
		_ = input.Close()
		reap()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return &attached{c, input, strconv.Itoa(c.Process.Pid), reap}
}

// until waits until ps shows of the process what is wanted.
func (p *attached) until(t *testing.T, wanted func(listedProcess) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		var l listing
		if json.Unmarshal([]byte(succeed(t, "", "ps", "-json")), &l) != nil {
			return false
		}
		for _, listed := range l.Processes {
			if listed.PID == p.Process.Pid {
				return wanted(listed)
			}
		}
		return false
	}, 20*time.Second, 20*time.Millisecond)
}

func (p *attached) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool {
		text, err := os.ReadFile("/proc/" + p.pid + "/stat")
		return err == nil && len(text) > 0 && stateOf(string(text)) == 'T'
	}, 20*time.Second, time.Millisecond)
}

func stateOf(stat string) byte {
	for i := len(stat) - 1; i > 0; i-- {
		if stat[i] == ')' {
			return stat[i+2]
		}
	}
	return 0
}

func TestPsFindsAProcess(t *testing.T) {
	p := attach(t)
	var got listing
	decode(t, succeed(t, "", "ps", "-json"), &got)
	text := succeed(t, "", "ps")
	for _, l := range got.Processes {
		if l.PID == p.Process.Pid {
			require.EqualValues(t, 2, l.Heaps)
			require.GreaterOrEqual(t, l.Backed, l.Live)
			require.Positive(t, l.RSS)
			require.Regexp(t, `(?m)^ +`+p.pid+` +2 +488 KiB `, text)
			return
		}
	}
	require.Fail(t, "it is not listed")
}

func TestAProcessMayOptOut(t *testing.T) {
	p := startAttached(t, "SPANHEAPDEBUG=attach=0")
	attach(t) // by now the first would have its page
	code, _, stderr := memstat("", "report", p.pid)
	require.Equal(t, exitFailure, code)
	require.Equal(t, "memstat report: process "+p.pid+": it has no page of spanheap's: no heap is open, or attach is off\n", stderr)
	require.NotContains(t, succeed(t, "", "ps"), " "+p.pid+" ")
}

func TestAReportTakesTheResidentMemoryApart(t *testing.T) {
	p := attach(t)
	p.stop(t)
	var got anatomy
	decode(t, succeed(t, "", "report", "-json", p.pid), &got)
	require.Equal(t, p.Process.Pid, got.PID)
	requireCloses(t, got.Stats)
	require.EqualValues(t, attachedLive, got.Stats.Live)
	require.Len(t, got.Heaps, 2)
	require.Equal(t, "cache", got.Heaps[0].Name)
	require.Equal(t, "sessions", got.Heaps[0].Purpose)
	require.EqualValues(t, 1<<30, got.Heaps[0].Limit)
	requireCloses(t, got.Heaps[0].Stats)
	requireReconciled(t, *got.Reconciliation)
	require.NotEmpty(t, got.Verdict)

	text := succeed(t, "", "report", p.pid)
	require.Contains(t, text, "Process "+p.pid+", ")
	require.Contains(t, text, "Verdict: "+got.Verdict)
	require.Regexp(t, `(?m)^ +cache +500 +488 KiB .* sessions$`, text)
}

func requireReconciled(t *testing.T, r reconciliation) {
	t.Helper()
	require.Positive(t, r.RSS)
	require.Equal(t, r.RSS, r.GoLive+r.GoOverhead+r.backed()+r.Files+r.Other-r.NotResident)
}

func TestAReportOfAProcessIsKept(t *testing.T) {
	p := attach(t)
	p.stop(t)
	file := filepath.Join(t.TempDir(), "report.html")
	require.Regexp(t, ` KiB in `, succeed(t, "", "html", p.pid, "-o", file))
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, text := range []string{
		"process " + p.pid, ">cache <small>sessions</small></th>", ">index</th>",
		fmt.Sprintf(`<data value="%d">`, attachedLive), "spanheap: live", "= resident", "by the handlers of package heapz alone", "</html>",
	} {
		require.Contains(t, string(page), text)
	}
}

func TestWhatCannotBeAttachedTo(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"report", "0"}, exitUsage, `"0" is no number of a process`},
		{[]string{"report", "x"}, exitUsage, `"x" is no number of a process`},
		{[]string{"report", "1", "2"}, exitUsage, "it takes one process, not 2"},
		{[]string{"report", "1073741824"}, exitFailure, "process 1073741824: there is no such process"},
	} {
		code, stdout, stderr := memstat("", c.args...)
		require.Equal(t, c.code, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "memstat report: "+c.want)
	}
}

func TestAStoppedProcessIsReadAsItWas(t *testing.T) {
	p := attach(t)
	p.stop(t)
	var classes struct {
		Schema  int
		PID     int
		Classes []spanheap.ClassStats
	}
	decode(t, succeed(t, "", "classes", "-json", p.pid), &classes)
	var spans occupancies
	decode(t, succeed(t, "", "spans", "-json", p.pid), &spans)
	require.Len(t, classes.Classes, 1)
	require.Len(t, spans.Classes, 1)
	c, o := classes.Classes[0], spans.Classes[0]
	require.EqualValues(t, attachedBlocks/2, c.LiveSlots)
	require.EqualValues(t, attachedLive, c.Live)
	require.EqualValues(t, 1024, o.Size)
	require.Equal(t, c.Spans, o.Spans)
	require.Equal(t, o.Spans, o.Full+o.QuarterFree+o.HalfFree+o.MostFree+o.NearlyFree+o.Held)
	require.Positive(t, o.HalfFree+o.MostFree, "every other block was freed")
	require.Regexp(t, `(?m)^ +40 +1,024 +`+count(c.Spans)+` +500 +488 KiB `, succeed(t, "", "classes", p.pid))
	require.Regexp(t, `(?m)^ +40 +1,024 +`+count(c.Spans)+` `, succeed(t, "", "spans", p.pid))
}

func TestTopInAPipe(t *testing.T) {
	p := attach(t)
	text := succeed(t, "", "top", "-n", "2", "-interval", "100ms", p.pid)
	require.Equal(t, 2, strings.Count(text, "Process "+p.pid+", "))
	require.Equal(t, 2, strings.Count(text, "live 488 KiB in 500 blocks"))
	require.NotContains(t, text, "\x1b")
}

func TestTopShowsRates(t *testing.T) {
	p := attach(t)
	looks := 0
	var last topLook
	var seen totals
	err := follow(processNumber(p.Process.Pid), 2, 0, clock{sleep: func(time.Duration) {
		_, err := io.WriteString(p.input, strings.Repeat("\n", 100))
		require.NoError(t, err)
		p.until(t, func(l listedProcess) bool { return l.Live == attachedLive-100*attachedSize })
	}}, func(p sight) error {
		looks++
		last = seen.look(p, time.Now())
		require.Equal(t, looks == 1, last.rates == nil)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, looks)
	require.Positive(t, last.Frees)
	require.Zero(t, last.Mallocs)
	require.Equal(t, *last.rates, last.Rates["40"])
}

func TestTopEndsWithItsProcess(t *testing.T) {
	p := attach(t)
	looks := 0
	err := follow(processNumber(p.Process.Pid), 0, time.Second, clock{sleep: func(time.Duration) { p.kill() }}, func(sight) error {
		looks++
		return nil
	})
	require.ErrorIs(t, err, errOver)
	require.Equal(t, 1, looks)
}

// Rates of classes of which all spans went in between, and of those that are seen for the first time.
func TestRatesOfClassesThatCome(t *testing.T) {
	begin := time.Unix(1_700_000_000, 0)
	look := func(t *totals, second int, rows ...statpage.Row) map[string]rates {
		page := &statpage.Page{
			Process: statpage.Process{Written: uint64(begin.Add(time.Duration(second) * time.Second).UnixNano())},
			Heaps:   []statpage.Heap{{Rows: rows}},
		}
		return t.look(sight{pid: 1, page: page}, begin).Rates
	}
	row := func(class, mallocs, frees uint64) statpage.Row {
		return statpage.Row{Class: class, Mallocs: mallocs, Frees: frees}
	}
	var seen totals
	require.Empty(t, look(&seen, 0, row(5, 1000, 900)))
	require.Equal(t, map[string]rates{"5": {10, 60}}, look(&seen, 2, row(5, 1020, 1020)))
	require.Empty(t, look(&seen, 3))
	require.Equal(t, map[string]rates{"5": {3, 2}}, look(&seen, 4, row(5, 1026, 1024), row(6, 5000, 5000)))
	require.Equal(t, map[string]rates{"5": {0, 0}, "6": {7, 8}}, look(&seen, 5, row(5, 1026, 1024), row(6, 5007, 5008)))
}

// A terminal is told to cut long lines while it draws, and to wrap them again.
func TestTopDrawsOverWhatItDrew(t *testing.T) {
	var out bytes.Buffer
	drawn := top{s: streams{out: &out}, redraw: true}
	require.NoError(t, drawn.show(sight{pid: 1, title: "a title", page: &statpage.Page{}}))
	require.Regexp(t, `^\x1b\[\?7l\x1b\[H\x1b\[2Ja title(.|\n)*\n\x1b\[\?7h$`, out.String())
}

func TestTopSaysThatItsProcessEnded(t *testing.T) {
	p := attach(t)
	time.AfterFunc(300*time.Millisecond, p.kill)
	text := succeed(t, "", "top", "-interval", "100ms", p.pid)
	require.True(t, strings.HasSuffix(text, ": it has ended, or has no heap any more.\n"), text)
}

func TestHelpDescribesEveryKeyOfProcesses(t *testing.T) {
	p := attach(t)
	commands, statistics, _ := describedKeys(t)
	class := map[string]bool{}
	for key := range statistics {
		switch key {
		case "name", "size", "spans", "span_bytes", "slots", "live_slots", "live", "rounding", "span_tail", "cached_slots", "central_slots", "hollow":
			class[key] = true
		}
	}
	requireDescribed(t, commands["ps -json"], "ps", "-json")
	requireDescribed(t, union(commands["report -json TARGET"], statistics), "report", "-json", p.pid)
	requireDescribed(t, union(commands["spans -json PID"]), "spans", "-json", p.pid)
	requireDescribed(t, union(commands["classes -json TARGET"], class), "classes", "-json", p.pid)
	requireDescribed(t, union(commands["top -json TARGET"], statistics, map[string]bool{"40": true}), "top", "-json", "-n", "2", "-interval", "100ms", p.pid)
}
