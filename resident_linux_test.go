//go:build !race && !spanheap_debug

package spanheap_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spanheap/spanheap"
)

// What the kernel counts as resident is what the heap counts as backed, once it has given back.

func init() {
	children["Release leaves what the counters say"] = child{releasedIsNotResident, ""}
	children["pages between live blocks are not resident"] = child{hollowIsNotResident, ""}
	children["an idle process gives everything back"] = child{idleProcess, ""}
}

// anonymous is how many bytes of anonymous memory the process has: code, which comes in as it runs, is not
// among them.
func anonymous() (bytes int64) {
	f := must(os.Open("/proc/self/smaps_rollup"))
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "Anonymous:"); found {
			must(fmt.Sscan(value, &bytes))
			return bytes << 10
		}
	}
	panic("smaps_rollup has no line Anonymous")
}

// quietly has the Go heap give nothing and take little.
func quietly() {
	spanheap.SetProfileRate(0)
	anonymous()
	runtime.GC()
	debug.SetGCPercent(-1)
}

// fewPages is what may be resident beyond the counts and one part in 200 of them: the ends of stretches that
// are rounded to pages, and what the Go runtime takes meanwhile.
const fewPages = 512 << 10

// emulation is what an emulator may take in that time, for the code that it translates.
func emulation() int64 {
	if os.Getenv(runnerVariable) == "" {
		return 0
	}
	return 8 << 20
}

// requireResident checks what has become resident since before.
func requireResident(before int64, h *spanheap.Heap) {
	got, s := anonymous()-before, h.Stats()
	if most := int64(s.Backed+s.Backed/200) + fewPages + emulation(); got > most {
		panic(fmt.Sprintf("%d bytes are resident, %d are backed", got, s.Backed))
	}
	if s.Live > 0 && got < int64(s.Live) {
		panic(fmt.Sprintf("%d bytes are resident, %d live", got, s.Live))
	}
}

// room returns an empty slice for so many blocks, whose memory is resident.
func room(blocks int) [][]byte {
	all := make([][]byte, blocks)
	for i := range all {
		all[i] = []byte{}
	}
	return all[:0]
}

// filled allocates about so many bytes in blocks that fill their slots, and writes to all of them.
func filled(h *spanheap.Heap, bytes int, blocks [][]byte) [][]byte {
	classes := spanheap.SizeClasses()
	for i := 0; bytes > 0; i++ {
		n := 256 << 10
		if i%40 > 0 {
			n = classes[i%len(classes)].Size
		}
		b := must(h.AllocUninit(n))
		for j := 0; j < n; j += 64 {
			b[j] = 1
		}
		blocks = append(blocks, b)
		bytes -= n
	}
	return blocks
}

func releasedIsNotResident() {
	const bytes = 192 << 20
	quietly()
	h := must(spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Never()}))
	blocks := room(bytes / 4000)
	before := anonymous()
	blocks = filled(h, bytes, blocks)
	for i, b := range blocks {
		if i%1000 > 400 {
			h.Free(b)
			blocks[i] = nil
		}
	}
	h.Release(everything)
	requireResident(before, h)
	for _, b := range blocks {
		h.Free(b)
	}
	h.Release(everything)
	requireResident(before, h)
	if s := h.Stats(); s.Backed != s.Metadata {
		panic(fmt.Sprintf("%+v", s))
	}
}

// hollowIsNotResident frees three quarters of many blocks at random, so that a live one is left in nearly
// every span.
func hollowIsNotResident() {
	const count = 200_000
	quietly()
	h := must(spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Never()}))
	random := rand.New(rand.NewPCG(1, 2))
	blocks, live := room(count), make([]tenant, 0, count)
	for range cap(live) {
		live = append(live, tenant{})
	}
	live = live[:0]
	before := anonymous()
	for range count {
		blocks = append(blocks, must(h.AllocUninit(16<<random.IntN(9)+random.IntN(16))))
	}
	for i, b := range blocks {
		for j := range b {
			b[j] = byte(i)
		}
	}
	for i, b := range blocks {
		if random.IntN(4) > 0 {
			h.Free(b)
		} else {
			live = append(live, movedIn(b, uint64(i)))
		}
	}
	full := anonymous() - before
	h.Release(everything)
	requireResident(before, h)
	if left := anonymous() - before; os.Getpagesize() == 4<<10 && left > full*3/4 {
		panic(fmt.Sprintf("%d bytes are resident, of %d", left, full))
	}
	for _, x := range live {
		if err := x.intact(); err != nil {
			panic(err)
		}
		h.Free(x.bytes)
	}
	h.Release(everything)
	requireResident(before, h)
	if s := h.Stats(); s.Backed != s.Metadata {
		panic(fmt.Sprintf("%+v", s))
	}
}

// idleProcess has all Ps allocate and free, and then does nothing.
func idleProcess() {
	runtime.GOMAXPROCS(4)
	quietly()
	h := must(spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Decay(200 * time.Millisecond)}))
	blocks := [][][]byte{room(2000), room(2000), room(2000), room(2000)}
	before := anonymous()
	var wg sync.WaitGroup
	for _, blocks := range blocks {
		wg.Go(func() {
			for _, b := range filled(h, 6<<20, blocks) {
				h.Free(b)
			}
		})
	}
	wg.Wait()
	if s := h.Stats(); s.CachedSlots == 0 {
		panic("the caches hold nothing")
	}
	for s := h.Stats(); s.Backed != s.Metadata; s = h.Stats() {
		time.Sleep(10 * time.Millisecond)
	}
	requireResident(before+4*fewPages, h) // four threads have come up, each with memory of its own
	if err := h.Verify(); err != nil {
		panic(err)
	}
}
