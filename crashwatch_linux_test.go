//go:build !race && (amd64 || 386)

package spanheap_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// A watcher is started from the program's file, so these tests are for systems that run it themselves.

func init() {
	heap := func() *spanheap.Heap {
		return must(spanheap.NewHeap(spanheap.Options{Name: "watched", Scavenge: spanheap.Never(), Guard: 1}))
	}
	useAfterFree := func(h *spanheap.Heap) {
		b := announced(must(h.Alloc(64)))
		freeBlock(h, b)
		done := make(chan bool)
		go func() { b[5]++; done <- true }()
		<-done
	}
	watched := func() {
		if err := spanheap.ReportCrashes(); err != nil {
			panic(err)
		}
	}
	crashes["watched use after free"] = func() { watched(); watched(); useAfterFree(heap()) }
	crashes["unchanged use after free"] = func() { useAfterFree(heap()) }
	crashes["watched overflow of an older block"] = func() {
		h := heap()
		p := uintptr(0)
		for p%8192 == 0 { // until one lies at the end of its pages
			p = addressOf(must(h.Alloc(64)))
		}
		fmt.Printf("%#x\n", p)
		watched()
		store(p + 64 + 7)
	}
	crashes["watched fault elsewhere"] = func() {
		watched()
		freeBlock(heap(), announced(must(heap().Alloc(64))))
	}
	crashes["watched touch of no block"] = func() {
		watched()
		memory, err := syscall.Mmap(-1, 0, 8192, syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err != nil {
			panic(err)
		}
		useless := must(heap().Alloc(64))
		announced(memory)
		store(uintptr(unsafe.Pointer(&memory[0])) + uintptr(len(useless)))
	}
	crashes["watched, and ends well"] = func() {
		watched()
		h := heap()
		freeBlock(h, announced(must(h.Alloc(64))))
	}
	crashes["watched no more"] = func() {
		watched()
		for _, pid := range childrenOf(os.Getpid()) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				panic(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		h := heap()
		for range 1000 {
			freeBlock(h, must(h.Alloc(64)))
		}
		fmt.Println("0x1")
	}
	crashes["watched by one that sleeps"] = func() {
		watched()
		for _, pid := range childrenOf(os.Getpid()) {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				panic(err)
			}
			defer syscall.Kill(pid, syscall.SIGCONT)
		}
		h := heap()
		for range 1000 { // more than the pipe holds
			freeBlock(h, must(h.Alloc(64)))
		}
		fmt.Println("0x1")
	}
}

// childrenOf returns the processes that have a parent.
func childrenOf(parent int) (pids []int) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if fields[1] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			if err != nil {
				panic(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		panic("no watcher")
	}
	return pids
}

func TestCrashesAreReportedByTheWatcher(t *testing.T) {
	useAfterFree := `(?s)^unexpected fault address 0x%[2]x\nfatal error: fault\n.*\n` +
		`spanheap: use after free: address 0x%[2]x, 5 bytes into the block 0x%[1]x\+64 of watched\n` +
		`allocated by\n\t\S+init\.[^\n]+\n\t\t\S+crashwatch_linux_test.go:\d+\n.*freed by\n\t\S+\.freeBlock\n.*\n$`
	for name, c := range map[string]struct {
		variable string
		offset   uintptr // of the touch
		exit     int
		report   string
	}{
		"watched use after free":   {"", 5, 2, useAfterFree},
		"unchanged use after free": {"SPANHEAPDEBUG=crash=1", 5, 2, useAfterFree},
		"watched overflow of an older block": {"", 71, 2,
			`(?s)^unexpected fault address 0x%[2]x\n.*\nspanheap: overflow: address 0x%[2]x, 7 bytes behind the end of the block 0x%[1]x\+64 of watched\nallocated by\n[^:]+:\d+\n`},
		"watched touch of no block":  {"", 64, 2, `(?s)^unexpected fault address 0x%[2]x\nfatal error: fault\n.*goroutine 1.*[^n]\n$`},
		"watched fault elsewhere":    {"", 0, 2, `(?s)^panic: spanheap: Free: wrong heap: .*goroutine 1.*\n$`},
		"watched, and ends well":     {"", 0, 0, `^$`},
		"watched no more":            {"", 0, 0, `^$`},
		"watched by one that sleeps": {"", 0, 0, `^$`},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			cmd := again()
			cmd.Env = append(os.Environ(), childVariable+"="+name, c.variable)
			cmd.Stdout, cmd.Stderr = &out, &errs // which the watcher holds too, so that this waits for it
			var exit *exec.ExitError
			if err := cmd.Run(); err != nil {
				require.True(t, errors.As(err, &exit), "%v", err)
				require.Equal(t, c.exit, exit.ExitCode(), errs.String())
			} else {
				require.Zero(t, c.exit)
			}
			var block uintptr
			_, err := fmt.Sscanf(out.String(), "%v", &block)
			require.NoError(t, err)
			require.Regexp(t, strings.NewReplacer("0x%[1]x", fmt.Sprintf("%#x", block), "0x%[2]x", fmt.Sprintf("%#x", block+c.offset)).Replace(c.report), errs.String())
			require.LessOrEqual(t, strings.Count(errs.String(), "spanheap: "), 1)
		})
	}
}
