//go:build !race

package spanheap_test

import (
	"bufio"
	"fmt"
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

// fewPages is what may be resident beyond the counts: the ends of stretches that are rounded to pages, and
// what the Go runtime takes meanwhile.
const fewPages = 512 << 10

func requireResident(before int64, h *spanheap.Heap, counted uint64) {
	got, s := anonymous()-before, h.Stats()
	if most := int64(s.Backed) + int64(counted/200) + fewPages; got > most {
		panic(fmt.Sprintf("%d bytes are resident, %d are backed", got, s.Backed))
	}
	if s.Live > 0 && got < int64(s.Live) {
		panic(fmt.Sprintf("%d bytes are resident, %d live", got, s.Live))
	}
}

// roomFor is room for as many blocks as make up so many bytes, resident already.
func roomFor(bytes int) [][]byte {
	blocks := make([][]byte, bytes/2000)
	for i := range blocks {
		blocks[i] = []byte{}
	}
	return blocks[:0]
}

// filled allocates about so many bytes in blocks that fill their slots, and writes to all of them.
func filled(h *spanheap.Heap, blocks [][]byte, bytes int) [][]byte {
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
	h := must(spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Never()}))
	quietly()
	blocks := roomFor(bytes)
	before := anonymous()
	blocks = filled(h, blocks, bytes)
	for i, b := range blocks {
		if i%1000 > 400 {
			h.Free(b)
			blocks[i] = nil
		}
	}
	h.Release(everything)
	requireResident(before, h, h.Stats().Backed)
	for _, b := range blocks {
		h.Free(b)
	}
	h.Release(everything)
	requireResident(before, h, h.Stats().Backed)
	if s := h.Stats(); s.Backed != s.Metadata {
		panic(fmt.Sprintf("%+v", s))
	}
}

// idleProcess has all Ps allocate and free, and then does nothing.
func idleProcess() {
	runtime.GOMAXPROCS(4)
	h := must(spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Decay(200 * time.Millisecond)}))
	quietly()
	before := anonymous()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, b := range filled(h, nil, 6<<20) {
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
	if got := anonymous() - before; got > 4<<20 { // of 24 MiB; threads that came to be have memory of their own
		panic(fmt.Sprintf("%d bytes are resident, %d are backed", got, h.Stats().Backed))
	}
	if err := h.Verify(); err != nil {
		panic(err)
	}
}
