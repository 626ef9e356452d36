//go:build !js && !wasip1

package spanheap_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spanheap/spanheap"
)

func init() {
	children["the scavenger of an idle process has no timer"] = child{scavengerRests, ""}
	children["the scavenger ends with the last heap"] = child{scavengerEnds, ""}
}

// scavengerRests waits until the scavenger waits for a channel alone: a timer would keep the Go runtime from
// seeing that a program is deadlocked. Blocks live, and the heap has given back all others.
func scavengerRests() {
	h := must(spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Decay(50 * time.Millisecond)}))
	kept := must(h.Alloc(100))
	h.Free(must(h.Alloc(1 << 20)))
	for len(scavengers("chan receive")) == 0 {
		runtime.Gosched()
	}
	if s := h.Stats(); s.FreePages+s.CachedSlots > 0 {
		panic(fmt.Sprintf("%+v", s))
	}
	h.Free(kept)
}

// scavengers returns the stacks of the goroutines that scavenge, and wait for what is named.
func scavengers(wait string) (found []string) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, s := range strings.Split(string(stacks), "\n\n") {
		head, calls, _ := strings.Cut(s, "\n")
		if strings.Contains(calls, "created by github.com/spanheap/spanheap.(*scavenger).") && strings.Contains(head, wait) {
			found = append(found, s)
		}
	}
	return found
}

func scavengerEnds() {
	expect := func(want int, when string) {
		for len(scavengers("")) > want { // the last one may be about to end
			runtime.Gosched()
		}
		if got := scavengers(""); len(got) < want {
			panic(fmt.Sprintf("%d scavengers %s", len(got), when))
		}
	}
	for range 3 {
		expect(0, "without a heap")
		silent := must(spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Never()}))
		expect(0, "with a heap that gives nothing")
		a := must(spanheap.NewHeap(spanheap.Options{}))
		b := must(spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Goal(time.Second)}))
		a.Free(must(a.Alloc(1 << 20)))
		expect(1, "with two heaps")
		a.Close()
		silent.Close()
		expect(1, "with one heap")
		b.Close()
	}
	expect(0, "after the last heap")
}

// Heaps live and die while memory goes back at once.
func TestScavengingUnderLoad(t *testing.T) {
	rules := []spanheap.Scavenge{spanheap.Decay(0), spanheap.After(time.Nanosecond), spanheap.Goal(0), {}}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for life := range loops(40) {
				h := must(spanheap.NewHeap(spanheap.Options{Scavenge: rules[(w+life)%len(rules)]}))
				var tenants []tenant
				for i := range 1000 {
					tenants = append(tenants, movedIn(must(h.AllocUninit(1+i*i%(500+i*i%40_000))), uint64(i)))
					if i%2 == 0 {
						x := tenants[i/2]
						if err := x.intact(); err != nil {
							t.Error(err)
						}
						h.Free(x.bytes)
					}
				}
				for _, x := range tenants[len(tenants)/2:] {
					if err := x.intact(); err != nil {
						t.Error(err)
					}
					if life%2 == 0 {
						h.Free(x.bytes)
					}
				}
				if err := errors.Join(h.Verify(), h.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
