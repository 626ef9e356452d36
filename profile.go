package spanheap

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spanheap/spanheap/internal/pprofproto"
)

// Profile is what the heap profile says at one moment, or of the time between two. It does not change any
// more, costs the Go heap some hundred bytes a stack, and may be used by any goroutine.
type Profile struct {
	parts []profilePart
	taken time.Time
	rate  int
	since time.Duration // 0 for all that is known at the moment
}

// profilePart is one heap's part.
type profilePart struct {
	heap    *Heap
	records []placedCounts
}

// ReadProfile returns the profile of all open heaps at this moment. It is what WriteHeapProfile writes.
func ReadProfile() *Profile { return ReadProfileOf(Heaps()...) }

// ReadProfileOf returns the profile of the heaps at this moment. A closed heap's part is empty.
func ReadProfileOf(heaps ...*Heap) *Profile {
	p := &Profile{taken: time.Now(), rate: ProfileRate()}
	for _, h := range heaps {
		p.parts = append(p.parts, profilePart{h, h.notes.sampled()})
	}
	return p
}

// Since returns what p has beyond before, which was read earlier: allocations in between, and in use what
// came of them less what went, below 0 where more went. Heaps that were closed in between have no part.
func (p *Profile) Since(before *Profile) *Profile {
	d := &Profile{taken: p.taken, rate: p.rate, since: max(p.taken.Sub(before.taken), 1)}
	for _, part := range p.parts {
		earlier := map[*place]counts{}
		for _, b := range before.parts {
			if b.heap == part.heap {
				for _, r := range b.records {
					earlier[r.place] = r.counts
				}
			}
		}
		change := profilePart{heap: part.heap}
		for _, r := range part.records {
			if c := r.counts.minus(earlier[r.place]); c != (counts{}) {
				change.records = append(change.records, placedCounts{r.place, c})
			}
		}
		d.parts = append(d.parts, change)
	}
	return d
}

// Write writes the profile for go tool pprof, in the form that Heap.WriteHeapProfile describes. Its error
// is w's.
func (p *Profile) Write(w io.Writer) error {
	var samples []pprofproto.Sample
	for _, part := range p.parts {
		samples = append(samples, part.heap.samples(part.records)...)
	}
	return writeProfileOf(w, samples, p.taken, p.since, p.rate)
}

// WriteText writes the profile for people: of each stack the figures and the frames, those that have most in
// use first. Its error is w's.
func (p *Profile) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	if p.since > 0 {
		fmt.Fprintf(b, "spanheap: the heap profile's change in %v", p.since.Round(time.Millisecond))
	} else {
		fmt.Fprint(b, "spanheap: heap profile")
	}
	fmt.Fprintf(b, ", of samples each %d bytes\n", p.rate)
	for _, part := range p.parts {
		samples := part.heap.samples(part.records)
		slices.SortStableFunc(samples, func(x, y pprofproto.Sample) int { return cmp.Compare(y.Values[inUseBytes], x.Values[inUseBytes]) })
		fmt.Fprintf(b, "\nheap %q: %d stacks\n", part.heap.name, len(samples))
		for _, s := range samples {
			writeSample(b, s)
		}
	}
	return b.Flush()
}

// inUseBytes is where inuse_space is among a sample's values.
const inUseBytes = 3

func writeSample(b *bufio.Writer, s pprofproto.Sample) {
	v := s.Values
	fmt.Fprintf(b, "\nin use: %s, %d bytes, wasting %d; allocated: %s, %d bytes;",
		countBlocks(v[2]), v[inUseBytes], v[4], countBlocks(v[0]), v[1])
	for _, l := range s.Labels {
		if l.Key == "class" {
			fmt.Fprintf(b, " class %s\n", l.Text)
		}
	}
	for _, f := range s.Stack {
		fmt.Fprintf(b, "\t%s\t%s:%d\n", f.Function, f.File, f.Line)
	}
}
