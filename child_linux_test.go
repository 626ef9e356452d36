//go:build linux && !race

package spanheap_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/spanheap/spanheap"
)

// Children that look at what the kernel says of them, and live under its limits.

func init() {
	children["few mappings"] = child{fewMappings, ""}
	children["little address space"] = child{littleAddressSpace, ""}
	children["resident as Stats say"] = child{residentAsStatsSay, ""}
}

// mappings returns how many mappings the process has.
func mappings() int {
	return bytes.Count(must(os.ReadFile("/proc/self/maps")), []byte("\n"))
}

// residentAsStatsSay has the only heap, so that no mapping is another's too. What was never written has no memory.
func residentAsStatsSay() {
	const size, slack = 20 << 20, 1 << 20
	h := must(spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Never()}))
	b := must(h.Alloc(size))
	for i := 0; i < size/2; i += 4096 {
		b[i] = 1
	}
	if v := must(h.SystemView()); v.Resident < size/2 || v.Resident > size/2+slack || v.Resident > h.Stats().Backed {
		panic(fmt.Sprintf("half of %d bytes were written, %d are resident", size, v.Resident))
	}
	h.Free(b)
	h.Release(size)
	if v := must(h.SystemView()); v.Resident > h.Stats().Backed {
		panic(fmt.Sprintf("%d bytes are resident, %d backed", v.Resident, h.Stats().Backed))
	}
}

// fewMappings churns through 4 GiB of blocks of all sizes, which are allocated, moved, shortened, freed and
// released in turn. Little of them is touched, so that the machine need not have so much.
func fewMappings() {
	const mostMappings, bytesOfChurn, mostLive = 1000, 4 << 30, 1 << 30
	h := must(spanheap.NewHeap(spanheap.Options{}))
	r := rand.New(rand.NewPCG(1, 0))
	var blocks []tenant
	live, churned, most := 0, int64(0), 0
	keep := func(b []byte) {
		churned += int64(len(b))
		live += len(b)
		ends := movedIn(b[:min(len(b), 64)], uint64(churned))
		blocks = append(blocks, tenant{b, ends.mark})
	}
	take := func() []byte {
		k := r.IntN(len(blocks))
		x := blocks[k]
		blocks[k] = blocks[len(blocks)-1]
		blocks = blocks[:len(blocks)-1]
		live -= len(x.bytes)
		if err := (&tenant{x.bytes[:min(len(x.bytes), 64)], x.mark}).intact(); err != nil {
			panic(err)
		}
		return x.bytes
	}
	for i := 0; churned < bytesOfChurn; i++ {
		switch op := r.IntN(10); {
		case live > mostLive || len(blocks) > 2000 || op < 3 && len(blocks) > 0:
			h.Free(take())
		case op < 6 && len(blocks) > 0:
			b := take()
			keep(must(h.Realloc(b, min(32<<20, max(1, r.IntN(2*len(b)+1))))))
		default:
			keep(must(h.AllocUninit(1 + logUniform(r, 24))))
		}
		if i%20 == 0 {
			h.Release(r.IntN(32 << 20))
		}
		if i%100 == 0 {
			most = max(most, mappings())
		}
	}
	if err := h.Verify(); err != nil || most >= mostMappings {
		panic(fmt.Sprintf("%d mappings, %v", most, err))
	}
	for len(blocks) > 0 {
		h.Free(take())
	}
	h.Release(everything)
	if s := h.Stats(); s.Backed != s.Metadata || uint64(mappings()) > 3*s.Arenas+100 {
		panic(fmt.Sprintf("%d mappings at the end, %+v", mappings(), s))
	}
}

// littleAddressSpace allocates until the kernel grants no more addresses, and goes on once there are some.
func littleAddressSpace() {
	h := must(spanheap.NewHeap(spanheap.Options{}))
	first := movedIn(must(h.Alloc(3<<20)), 1)
	blocks := make([]tenant, 0, 8192)
	limitAddressSpace(304 << 20) // some arenas, and a rest that the Go runtime can have

	refused := func(err error) {
		if !errors.Is(err, spanheap.ErrOutOfMemory) || !errors.Is(err, syscall.ENOMEM) {
			panic(fmt.Sprintf("refused with %v", err))
		}
		if err := h.Verify(); err != nil {
			panic(err)
		}
	}
	for _, n := range []int{20 << 20, 1 << 20, 100 << 10} {
		for {
			b, err := h.AllocUninit(n)
			if err != nil {
				refused(err)
				break
			}
			blocks = append(blocks, movedIn(b[:min(n, 64)], uint64(len(blocks))))
			blocks[len(blocks)-1].bytes = b
		}
	}
	_, err := h.Realloc(first.bytes, 200<<20)
	refused(err)
	if err := first.intact(); err != nil {
		panic(err)
	}
	for i, x := range blocks {
		if err := (&tenant{x.bytes[:min(len(x.bytes), 64)], uint64(i)}).intact(); err != nil {
			panic(err)
		}
		h.Free(x.bytes)
	}
	grown := must(h.Realloc(first.bytes, 40<<20)) // pages move through addresses that there are none of, or are copied
	if err := (&tenant{grown[:3<<20], first.mark}).intactAt(addressOf(first.bytes)); err != nil {
		panic(err)
	}
	h.Free(grown)
	h.Release(everything)
	if s := h.Stats(); s.LiveBlocks != 0 || s.Backed != s.Metadata || h.Verify() != nil {
		panic(fmt.Sprintf("%+v", s))
	}
}

// limitAddressSpace lets the process have so many bytes of address space more.
func limitAddressSpace(more uint64) {
	statm := bytes.Fields(must(os.ReadFile("/proc/self/statm")))
	used := must(strconv.ParseUint(string(statm[0]), 10, 64)) * uint64(os.Getpagesize())
	limit := syscall.Rlimit{Cur: used + more, Max: used + more}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		panic(err)
	}
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &now); err != nil || now != limit {
		// An emulator keeps its own address space from its program; others can limit both.
		process := strconv.Itoa(os.Getpid())
		must(exec.Command("prlimit", "--pid", process, fmt.Sprintf("--as=%d", limit.Cur)).CombinedOutput())
	}
}
