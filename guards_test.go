//go:build !race && !js && !wasip1

package spanheap_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// guarding returns a heap that guards every block it can.
func guarding(t testing.TB) *spanheap.Heap {
	t.Helper()
	h, err := spanheap.NewHeap(spanheap.Options{Name: "guarding", Scavenge: spanheap.Never(), Guard: 1})
	require.NoError(t, err)
	return h
}

// guardedAt returns a guarded block of n bytes that ends, or begins, where its pages do.
func guardedAt(t testing.TB, h *spanheap.Heap, n int, end bool) []byte {
	t.Helper()
	for range 200 {
		b := must(h.Alloc(n))
		if atEnd := addressOf(b)%8192 != 0; atEnd == end {
			return b
		}
		h.Free(b)
	}
	t.Fatal("no such block")
	return nil
}

//go:noinline
func load(p uintptr) byte { return *(*byte)(unsafe.Add(nil, p)) }

//go:noinline
func store(p uintptr) { *(*byte)(unsafe.Add(nil, p)) = 1 }

//go:noinline
func freeBlock(h *spanheap.Heap, b []byte) { h.Free(b) }

// report returns the report of what f touches.
func report(t testing.TB, f func()) (e *spanheap.FaultError) {
	t.Helper()
	defer func() {
		t.Helper()
		var ok bool
		e, ok = recover().(*spanheap.FaultError)
		require.True(t, ok, "no report")
	}()
	spanheap.ReportFaults(f)
	return nil
}

func TestFaultsAreReported(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    bool // the block ends where its pages do
		freed  bool
		offset int // of the access
		kind   spanheap.FaultKind
		text   string
	}{
		{"right behind the end", true, false, 64, spanheap.FaultOverflow, "overflow: address ADDR, 0 bytes behind the end of"},
		{"far behind the end", true, false, 964, spanheap.FaultOverflow, "overflow: address ADDR, 900 bytes behind the end of"},
		{"right before", false, false, -1, spanheap.FaultUnderflow, "underflow: address ADDR, 1 bytes before"},
		{"far before", false, false, -500, spanheap.FaultUnderflow, "underflow: address ADDR, 500 bytes before"},
		{"first byte of a freed block", false, true, 0, spanheap.FaultUseAfterFree, "use after free: address ADDR, 0 bytes into"},
		{"last byte of a freed block", true, true, 63, spanheap.FaultUseAfterFree, "use after free: address ADDR, 63 bytes into"},
		{"behind a freed block", true, true, 64, spanheap.FaultUseAfterFree, "use after free: address ADDR, 0 bytes behind the end of"},
		{"before a freed block", true, true, -2, spanheap.FaultUseAfterFree, "use after free: address ADDR, 2 bytes before"},
	} {
		for verb, touch := range map[string]func(uintptr){"load": func(p uintptr) { load(p) }, "store": store} {
			t.Run(c.name+" "+verb, func(t *testing.T) {
				h := guarding(t)
				b := guardedAt(t, h, 64, c.end)
				if c.freed {
					freeBlock(h, b)
				}
				at := addressOf(b) + uintptr(c.offset)
				e := report(t, func() { touch(at) })
				require.Equal(t, c.kind, e.Kind)
				text := c.text
				if runtime.GOARCH == "s390x" { // the processor names the page of a fault only
					at &^= 4<<10 - 1
					text = text[:strings.Index(text, "ADDR")] + "ADDR"
				}
				require.Equal(t, at, e.Addr)
				require.Equal(t, "guarding", e.Heap)
				require.Equal(t, addressOf(b), e.Block)
				require.Equal(t, 64, e.Size)
				text = "spanheap: " + strings.ReplaceAll(text, "ADDR", fmt.Sprintf("%#x", at))
				require.True(t, strings.HasPrefix(e.Error(), text), e.Error())
				require.Contains(t, e.Error(), fmt.Sprintf(" the block %#x+64 of guarding\n", addressOf(b)))
				require.Regexp(t, `\naccessed by\n\t\S+_test\.`+verb+`\n\t\t\S+guards_test.go:\d+\n`, e.Error())
				require.Regexp(t, `\nallocated by\n\t\S+_test\.guardedAt\n\t\t\S+guards_test.go:\d+\n`, e.Error())
				if c.freed {
					require.Regexp(t, `\nfreed by\n\t\S+_test\.freeBlock\n\t\t\S+guards_test.go:\d+\n`, e.Error())
				} else {
					require.Empty(t, e.Freed)
					require.NotContains(t, e.Error(), "freed by")
					h.Free(b)
				}
				closeEmpty(t, h)
			})
		}
	}
}

func TestOtherPanicsPassThroughReportFaults(t *testing.T) {
	require.PanicsWithValue(t, "mine", func() { spanheap.ReportFaults(func() { panic("mine") }) })
	before := debug.SetPanicOnFault(false)
	defer debug.SetPanicOnFault(before)
	spanheap.ReportFaults(func() {})
	require.False(t, debug.SetPanicOnFault(false), "as it was before the call")
}

func TestWhatIsNoFaultIsNotDescribed(t *testing.T) {
	h := guarding(t)
	b := must(h.Alloc(100))
	for _, p := range []uintptr{0, addressOf(make([]byte, 8)), addressOf(b), addressOf(b) + 99} {
		_, ok := spanheap.DescribeFault(p)
		require.False(t, ok)
	}
	h.Free(b)
	e, ok := spanheap.DescribeFault(addressOf(b))
	require.True(t, ok)
	require.Empty(t, e.Accessed)
	closeEmpty(t, h)
	_, ok = spanheap.DescribeFault(addressOf(b))
	require.False(t, ok, "the heap is closed")
}

// A program that makes no mistake has nothing reported, whatever it does with its blocks.
func TestGuardedBlocksAreBlocks(t *testing.T) {
	h := guarding(t)
	spanheap.ReportFaults(func() {
		var blocks [][]byte
		for i := range 500 {
			n := 1 + i*37%9000
			b := must(h.Alloc(n))
			require.Len(t, b, n)
			require.Equal(t, make([]byte, n), b)
			copy(b, bytes.Repeat([]byte{byte(i)}, n))
			if i%3 == 0 {
				b = must(h.Realloc(b, n+100))
				require.Equal(t, bytes.Repeat([]byte{byte(i)}, n), b[:n])
				require.Equal(t, make([]byte, 100), b[n:])
			}
			require.GreaterOrEqual(t, spanheap.UsableSize(b), len(b))
			blocks = append(blocks, b)
			if len(blocks) > 50 {
				h.Free(blocks[0][:0])
				blocks = blocks[1:]
			}
		}
		require.NoError(t, h.Verify())
		require.NoError(t, plausible(h.Stats()))
		require.EqualValues(t, 50, h.Stats().LiveBlocks)
		h.FreeBatch(blocks)
		for align := 8; align <= 8192; align *= 2 {
			b := must(h.AllocAligned(100, align))
			require.Zero(t, addressOf(b)%uintptr(align))
			h.Free(b)
		}
		type node struct{ a, b uint64 }
		x := must(spanheap.New[node](h))
		x.b = 7
		spanheap.Delete(x)
		s := must(spanheap.MakeSlice[uint16](h, 3, 3))
		spanheap.FreeSlice(s)
		l := h.Local()
		b := must(l.Alloc(5))
		l.Free(b)
		require.NoError(t, l.Close())
	})
	closeEmpty(t, h)
}

func TestMisuseOfAGuardedBlock(t *testing.T) {
	h := guarding(t)
	b := must(h.Alloc(100))
	other := newHeap(t)
	in := `in span 0x[0-9a-f]+\+[0-9]+, a guarded block of 100 bytes`
	for _, c := range []struct {
		free func()
		want string
	}{
		{func() { h.Free(b[8:]) }, fmt.Sprintf("^spanheap: Free: interior address: address %#x %s, 8 bytes into block %#x$", addressOf(b)+8, in, addressOf(b))},
		{func() { other.Free(b) }, fmt.Sprintf("^spanheap: Free: wrong heap: address %#x %s, of heap %q$", addressOf(b), in, h.Name())},
		{func() { spanheap.Delete((*[104]byte)(unsafe.Pointer(&b[0]))) }, fmt.Sprintf("^spanheap: Delete: size mismatch: address %#x %s$", addressOf(b), in)},
		{func() { spanheap.Delete((*[300]byte)(unsafe.Pointer(&b[0]))) }, fmt.Sprintf("^spanheap: Delete: size mismatch: address %#x %s$", addressOf(b), in)},
		{func() { h.Free(b); h.Free(b) }, fmt.Sprintf("^spanheap: Free: double free: address %#x %s$", addressOf(b), in)},
		{func() { h.Realloc(b, 7) }, fmt.Sprintf("^spanheap: Realloc: double free: address %#x %s$", addressOf(b), in)},
	} {
		var e *spanheap.MisuseError
		func() {
			defer func() { e, _ = recover().(*spanheap.MisuseError) }()
			c.free()
		}()
		require.NotNil(t, e, c.want)
		require.Regexp(t, regexp.MustCompile(c.want), e.Error())
		require.NoError(t, h.Verify())
	}
	closeEmpty(t, other)
	closeEmpty(t, h)
}

func TestAFreedBlockStaysGuardedAsLongAsPossible(t *testing.T) {
	h := guarding(t)
	first := must(h.Alloc(64))
	h.Free(first)
	for i := range 59 {
		b := must(h.Alloc(64))
		h.Free(b)
		e, ok := spanheap.DescribeFault(addressOf(first))
		require.True(t, ok && e.Block == addressOf(first), "after %d others", i+1)
	}
	again := must(h.Alloc(64))
	require.Equal(t, addressOf(first)/(32<<10), addressOf(again)/(32<<10), "the oldest is next")
	h.Free(again)
	closeEmpty(t, h)
}

func TestGuardsAreBoundedAndCounted(t *testing.T) {
	h := guarding(t)
	var blocks [][]byte
	for range 100 {
		blocks = append(blocks, must(h.Alloc(48)))
	}
	blocks = append(blocks, must(h.Alloc(8193)))
	s := h.Stats()
	require.NoError(t, plausible(s))
	require.NoError(t, h.Verify())
	require.EqualValues(t, 101, s.LiveBlocks)
	require.EqualValues(t, 100*48+8193, s.Live)
	var guards spanheap.ClassStats
	for _, c := range s.Classes {
		if c.Name == "guarded" {
			guards = c
		}
	}
	page := uint64(max(8192, os.Getpagesize()))
	require.Equal(t, spanheap.ClassStats{Name: "guarded", Size: page, Spans: 1, SpanBytes: 60 * page, Slots: 60, LiveSlots: 60,
		Live: 60 * 48, Rounding: 60 * (page - 48)}, guards)
	require.Equal(t, 61*32<<10-60*page, s.Guards)
	if v, ok := view(t, h); ok {
		require.InDelta(t, s.Untouched, v.Untouched, 2<<20)
	}
	for _, b := range blocks {
		h.Free(b)
	}
	require.EqualValues(t, 61*32<<10, h.Stats().Guards)
	closeEmpty(t, h)
}

func TestGuardsStayWithinTheLimit(t *testing.T) {
	h := must(spanheap.NewHeap(spanheap.Options{Guard: 1, Limit: 1 << 20}))
	var blocks [][]byte
	for {
		b, err := h.Alloc(512)
		if err != nil {
			require.ErrorIs(t, err, spanheap.ErrLimit)
			break
		}
		blocks = append(blocks, b)
	}
	require.LessOrEqual(t, h.Stats().Backed, uint64(1<<20))
	require.Greater(t, len(blocks), 1000, "no memory for guards, but for blocks")
	h.FreeBatch(blocks)
	closeEmpty(t, h)
}

func TestOneAllocationInSoManyIsGuarded(t *testing.T) {
	for _, n := range []int{8, 256, 8192} {
		h := must(spanheap.NewHeap(spanheap.Options{Guard: 10, Scavenge: spanheap.Never()}))
		guarded := 0
		for range 5000 {
			b := must(h.AllocUninit(n))
			h.Free(b)
			if e, ok := spanheap.DescribeFault(addressOf(b)); ok && e.Block == addressOf(b) {
				guarded++
			}
		}
		require.InDelta(t, 500, guarded, 130, "blocks of %d bytes: six standard deviations", n)
		closeEmpty(t, h)
	}
}

// Whoever frees at the same moment, and whatever is guarded at the time, blocks stay whole.
func TestGuardsUnderLoad(t *testing.T) {
	h := must(spanheap.NewHeap(spanheap.Options{Guard: 3, Scavenge: spanheap.Never()}))
	passed := make(chan tenant, 100)
	var makers, takers sync.WaitGroup
	for w := range 3 {
		makers.Go(func() {
			for i := range loops(1000) {
				passed <- movedIn(must(h.Alloc(1+i*13%500)), uint64(w))
			}
		})
		takers.Go(func() {
			for x := range passed {
				if err := x.intact(); err != nil {
					t.Error(err)
				}
				h.Free(x.bytes)
				if err := plausible(h.Stats()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	makers.Wait()
	close(passed)
	takers.Wait()
	closeEmpty(t, h)
}

func TestNoGuardsWhereNoneAreWanted(t *testing.T) {
	profileRate(t, 1)
	h := must(spanheap.NewHeap(spanheap.Options{Guard: spanheap.NoGuard}))
	b := must(h.Alloc(10))
	require.Zero(t, h.Stats().Guards)
	h.Free(b)
	closeEmpty(t, h)

	spanheap.SetProfileRate(0)
	h = guarding(t)
	b = must(h.Alloc(10))
	require.Zero(t, h.Stats().Guards, "no samples, no guards")
	h.Free(b)
	closeEmpty(t, h)
}

func init() {
	touchFreed := func() {
		h := must(spanheap.NewHeap(spanheap.Options{Name: "crashing", Guard: 1}))
		b := announced(must(h.Alloc(64)))
		freeBlock(h, b)
		b[5]++
	}
	crashes["fault without a report"] = touchFreed
	crashes["fault with a report"] = func() { spanheap.ReportFaults(touchFreed) }
}

// What a process prints that ends by a fault.
func TestCrashesByFaults(t *testing.T) {
	for name, want := range map[string]string{
		"fault without a report": `^unexpected fault address ADDR\nfatal error: fault\n`,
		"fault with a report": `(?s)^panic: .*panic: .*spanheap: use after free: address ADDR, PLACE the block BLOCK\+64 of crashing\n` +
			`\s*accessed by\n.*\s*allocated by\n.*\s*freed by\n`,
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			cmd := again()
			cmd.Env = append(os.Environ(), childVariable+"="+name)
			cmd.Stdout, cmd.Stderr = &out, &errs
			var exit *exec.ExitError
			require.True(t, errors.As(cmd.Run(), &exit))
			require.Equal(t, 2, exit.ExitCode())
			var block uintptr
			_, err := fmt.Sscanf(out.String(), "%v", &block)
			require.NoError(t, err)
			addr, place := block+5, "5 bytes into"
			if runtime.GOARCH == "s390x" { // the processor names the page of a fault only
				addr = block &^ (4<<10 - 1)
				if place = "0 bytes into"; addr < block {
					place = fmt.Sprintf("%d bytes before", block-addr)
				}
			}
			line := strings.NewReplacer("ADDR", fmt.Sprintf("%#x", addr), "PLACE", place, "BLOCK", fmt.Sprintf("%#x", block)).Replace(want)
			require.Regexp(t, regexp.MustCompile(line), errs.String())
		})
	}
}
