//go:build !js && !wasip1

package spanheap_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// Tests that end a process, or want one to themselves: the test binary runs itself again with the name
// of a child in its environment, and becomes that child.
const childVariable = "SPANHEAP_TEST_CHILD"

// runnerVariable holds the command that runs a test binary which the kernel cannot run: an emulator's.
const runnerVariable = "SPANHEAP_TEST_EXEC"

// again is the command of the test binary itself.
func again() *exec.Cmd {
	command := append(strings.Fields(os.Getenv(runnerVariable)), os.Args[0])
	return exec.Command(command[0], command[1:]...)
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		if run := programs[name]; run != nil {
			run()
		} else if run := crashes[name]; run != nil {
			run()
		} else {
			children[name].run()
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is a program that prints the address that it is about to misuse, and what the line must look
// like with which it panics: ADDR stands for the address, SPAN for any, BLOCK for the line's last one.
type child struct {
	run    func()
	panics string // "" for a child that ends well
}

// programs are the children of the corpus of misuse.
var programs = map[string]func(){}

// crashes are children that end in other ways.
var crashes = map[string]func(){}

var children = map[string]child{
	"double free": {func() {
		h := must(spanheap.NewHeap(spanheap.Options{}))
		b := announced(must(h.Alloc(64)))
		h.Free(b)
		h.Free(b)
	}, "spanheap: Free: double free: address ADDR in span SPAN+8192, size class 8 (64 bytes)"},

	"double free of a large block": {func() {
		b := announced(must(spanheap.Alloc(3 << 20)))
		spanheap.Free(b)
		spanheap.Free(b)
	}, "spanheap: Free: double free: address ADDR lies in no span in use"},

	"double free on another goroutine": {func() {
		b := announced(must(spanheap.Alloc(1000)))
		spanheap.Free(b)
		go spanheap.Free(b)
		select {}
	}, "spanheap: Free: double free: address ADDR in span SPAN+8192, size class 40 (1024 bytes)"},

	"foreign address": {func() {
		spanheap.Free(announced(make([]byte, 64)))
	}, "spanheap: Free: foreign address: address ADDR is of no heap"},

	"interior address": {func() {
		b := must(spanheap.Alloc(100))
		spanheap.Free(announced(b[24:]))
	}, "spanheap: Free: interior address: address ADDR in span SPAN+8192, size class 13 (104 bytes), 24 bytes into block BLOCK"},

	"wrong heap": {func() {
		h := must(spanheap.NewHeap(spanheap.Options{}))
		h.Free(announced(must(spanheap.Alloc(2048))))
	}, "spanheap: Free: wrong heap: address ADDR in span SPAN+8192, size class 48 (2048 bytes), of heap \"default\""},

	"size mismatch": {func() {
		h := must(spanheap.NewHeap(spanheap.Options{}))
		spanheap.Delete((*[200]byte)(announced(must(spanheap.MakeSlice[byte](h, 300, 300)))))
	}, "spanheap: Delete: size mismatch: address ADDR in span SPAN+8192, size class 26 (320 bytes)"},

	"realloc after free": {func() {
		b := announced(must(spanheap.Alloc(1000)))
		spanheap.Free(b)
		spanheap.Realloc(b, 2000)
	}, "spanheap: Realloc: double free: address ADDR in span SPAN+8192, size class 40 (1024 bytes)"},

	"block of a closed heap": {func() {
		h := must(spanheap.NewHeap(spanheap.Options{Name: "index"}))
		b := announced(must(h.Alloc(64)))
		if err := h.Close(); err != nil {
			panic(err)
		}
		h.Free(b)
	}, `spanheap: Free: heap closed: address ADDR is of heap "index"`},

	"thousands of first users": {firstUsers, ""},
}

func announced(b []byte) []byte {
	fmt.Printf("%#x\n", addressOf(b))
	return b
}

// firstUsers has thousands of goroutines come upon a process that has no heap yet, all at once.
func firstUsers() {
	const users = 5000
	var start, wg sync.WaitGroup
	start.Add(1)
	heaps := make([]*spanheap.Heap, users)
	for i := range users {
		wg.Go(func() {
			start.Wait()
			x := movedIn(must(spanheap.Alloc(1+i%300)), uint64(i))
			heaps[i] = spanheap.Default()
			if err := x.intact(); err != nil {
				panic(err)
			}
			spanheap.Free(x.bytes)
		})
	}
	start.Done()
	wg.Wait()
	for _, h := range heaps {
		if h != heaps[0] {
			panic("there are two default heaps")
		}
	}
	s := heaps[0].Stats()
	if err := heaps[0].Verify(); err != nil || s.LiveBlocks != 0 || s.Mallocs != users {
		panic(fmt.Sprintf("%v; %+v", err, s))
	}
}

func TestChildren(t *testing.T) {
	for name, child := range children {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			cmd := again()
			cmd.Env = append(os.Environ(), childVariable+"="+name)
			cmd.Stdout, cmd.Stderr = &out, &errs
			err := cmd.Run()
			if child.panics == "" {
				require.NoError(t, err, errs.String())
				return
			}
			var exit *exec.ExitError
			require.True(t, errors.As(err, &exit), "ended with %v", err)
			require.Equal(t, 2, exit.ExitCode(), "the Go runtime's code for a panic")
			address := strings.TrimSpace(out.String())
			line := strings.NewReplacer("ADDR", address, "SPAN", "0x[0-9a-f]+", "BLOCK", "0x[0-9a-f]+").
				Replace(regexp.QuoteMeta(child.panics))
			require.Regexp(t, regexp.MustCompile(`^panic: `+line+`\n`), errs.String())
		})
	}
}
