package spanheap

import (
	"fmt"

	"github.com/spanheap/spanheap/mheap"
)

// Metrics: the figures of Stats and what stands beside them, by names that tell the unit, for programs that
// pass on whatever there is. After runtime/metrics.

// Metric describes a figure.
type Metric struct {
	Name        string // a path, a colon and the unit: /spanheap/memory/live:bytes
	Description string // a sentence
	Kind        MetricKind
	Cumulative  bool // the figure never sinks
	Process     bool // the process has the figure, and no single heap
}

// MetricKind is the type of a metric's value.
type MetricKind uint8

const (
	MetricBad    MetricKind = iota // there is no such metric
	MetricUint64                   // an unsigned number
)

// MetricSample is one metric at one moment: the caller sets the name, ReadMetrics the value.
type MetricSample struct {
	Name  string
	Value MetricValue
}

// MetricValue is what a metric was. The zero MetricValue is of the kind MetricBad.
type MetricValue struct {
	kind   MetricKind
	number uint64
}

// Kind returns the value's type.
func (v MetricValue) Kind() MetricKind { return v.kind }

// Uint64 returns the value, which is of the kind MetricUint64; on any other it panics.
func (v MetricValue) Uint64() uint64 {
	if v.kind != MetricUint64 {
		panic(fmt.Sprintf("spanheap: Uint64 of a metric's value of kind %d", v.kind))
	}
	return v.number
}

// AllMetrics describes the metrics that ReadMetrics reads, in the order of Stats. The slice is the caller's.
func AllMetrics() []Metric {
	all := make([]Metric, len(metricTable))
	for i, m := range metricTable {
		all[i] = m.Metric
		all[i].Kind = MetricUint64
	}
	return all
}

// ReadMetrics sets the samples' values to the sums over all heaps: over the open ones, and for what is
// cumulative also over those that were closed. A name that AllMetrics does not have gets a value of the
// kind MetricBad. All values are of one moment, as far as Stats are. It costs a Stats of every heap; any
// goroutine may call it.
func ReadMetrics(samples []MetricSample) {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	sum := registry.closed
	for i := range registry.heaps {
		if h := registry.heaps[i].Load(); h != nil {
			sum.add(h.figures())
		}
	}
	sum.profileRate = uint64(registry.profileRate)
	sum.read(samples, true)
}

// ReadMetrics sets the samples' values to the heap's own, as the function of that name does to the sums;
// those of metrics that only the process has are of the kind MetricBad, and so are all of a closed heap.
func (h *Heap) ReadMetrics(samples []MetricSample) {
	if !h.readable() {
		clearValues(samples)
		return
	}
	defer h.readers.RUnlock()
	f := h.figures()
	f.read(samples, false)
}

// figures are what metrics are read from: a heap's, or the sums of several.
type figures struct {
	Stats
	committed   uint64
	limit       uint64
	heaps       uint64
	profileRate uint64
}

// figures returns those of a heap that is not closed meanwhile.
func (h *Heap) figures() figures {
	return figures{Stats: h.stats(), committed: h.pages.Committed(), limit: h.pages.Budget().Limit(), heaps: 1}
}

// add adds another heap's figures.
func (f *figures) add(g figures) {
	f.Stats = f.Stats.Plus(g.Stats)
	f.committed += g.committed
	f.limit += g.limit
	f.heaps += g.heaps
}

func (f *figures) read(samples []MetricSample, process bool) {
	clearValues(samples)
	for i := range samples {
		if m, known := metricByName[samples[i].Name]; known && (process || !m.Process) {
			samples[i].Value = MetricValue{MetricUint64, m.of(f)}
		}
	}
}

func clearValues(samples []MetricSample) {
	for i := range samples {
		samples[i].Value = MetricValue{}
	}
}

// bury adds what is cumulative of a heap that is about to be closed, which ends all its blocks.
func (f *figures) bury(g figures) {
	f.Mallocs += g.Mallocs
	f.Frees += g.Mallocs
	f.committed += g.committed
}

type metric struct {
	Metric
	of func(*figures) uint64
}

var metricTable = []metric{
	bytesMetric("live", "What callers asked for, of the blocks that live.", func(f *figures) uint64 { return f.Live }),
	bytesMetric("rounding", "Slots of live blocks, less what was asked for.", func(f *figures) uint64 { return f.Rounding }),
	bytesMetric("span-tail", "Ends of spans too short for a slot.", func(f *figures) uint64 { return f.SpanTail }),
	bytesMetric("cached-slots", "Free slots in the hands of Ps.", func(f *figures) uint64 { return f.CachedSlots }),
	bytesMetric("central-slots", "Free slots of spans.", func(f *figures) uint64 { return f.CentralSlots }),
	bytesMetric("free-pages", "Backed pages in no span in use.", func(f *figures) uint64 { return f.FreePages }),
	bytesMetric("metadata", "Span records, slot states, page maps and caches.", func(f *figures) uint64 { return f.Metadata }),
	bytesMetric("backed", "What the operating system may count as resident: the sum of live, rounding, span-tail, cached-slots, central-slots, free-pages and metadata.",
		func(f *figures) uint64 { return f.Backed }),
	bytesMetric("released", "Given back to the operating system, ready for use.", func(f *figures) uint64 { return f.Released }),
	bytesMetric("mapped", "The sum of backed and released.", func(f *figures) uint64 { return f.Mapped }),
	bytesMetric("untouched", "Reserved address space that was never used.", func(f *figures) uint64 { return f.Untouched }),
	bytesMetric("reserved", "The sum of mapped and untouched.", func(f *figures) uint64 { return f.Reserved }),
	bytesMetric("guards", "Of untouched, inaccessible pages around guarded blocks, and of freed ones.", func(f *figures) uint64 { return f.Guards }),
	bytesMetric("huge-asked", "Of reserved, what the system was asked to back by huge pages.", func(f *figures) uint64 { return f.HugeAsked }),
	bytesMetric("limit", "The hard limit of a heap's backed bytes, 0 for none; of all heaps, the sum of their limits.",
		func(f *figures) uint64 { return f.limit }),
	{Metric{Name: "/spanheap/memory/committed:bytes", Cumulative: true,
		Description: "Bytes backed, ever; what was given back and backed again counts again."}, func(f *figures) uint64 { return f.committed }},

	{Metric{Name: "/spanheap/blocks/live:blocks", Description: "Blocks allocated and not freed."}, func(f *figures) uint64 { return f.LiveBlocks }},
	{Metric{Name: "/spanheap/blocks/allocated:blocks", Cumulative: true, Description: "Blocks allocated, ever."}, func(f *figures) uint64 { return f.Mallocs }},
	{Metric{Name: "/spanheap/blocks/freed:blocks", Cumulative: true, Description: "Blocks freed, ever, or ended with their heap."},
		func(f *figures) uint64 { return f.Frees }},
	{Metric{Name: "/spanheap/spans/in-use:spans", Description: "Spans in use."}, func(f *figures) uint64 { return f.Spans }},
	{Metric{Name: "/spanheap/arenas/reserved:arenas", Description: "Arenas reserved."}, func(f *figures) uint64 { return f.Arenas }},

	{Metric{Name: "/spanheap/heaps/open:heaps", Process: true, Description: "Heaps that are open."}, func(f *figures) uint64 { return f.heaps }},
	{Metric{Name: "/spanheap/process/limit:bytes", Process: true, Description: "The hard limit of what all heaps together have backed, 0 for none."},
		func(*figures) uint64 { return mheap.Process.Limit() }},
	{Metric{Name: "/spanheap/profile/rate:bytes", Process: true, Description: "Bytes allocated, on average, from one sampled block to the next."},
		func(f *figures) uint64 { return f.profileRate }},
}

func bytesMetric(name, description string, of func(*figures) uint64) metric {
	return metric{Metric{Name: "/spanheap/memory/" + name + ":bytes", Description: description}, of}
}

var metricByName = indexMetrics()

func indexMetrics() map[string]*metric {
	byName := map[string]*metric{}
	for i := range metricTable {
		byName[metricTable[i].Name] = &metricTable[i]
	}
	return byName
}
