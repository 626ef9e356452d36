package report

import (
	"fmt"
	"io"
	"time"
)

// WriteMarkdown writes the document of a run, which shows the plots that lie beside it.
func (r *Results) WriteMarkdown(w io.Writer, plots []Plot) {
	fmt.Fprint(w, "# Results\n\nWritten by the benchmarks; `make bench` at the root makes it anew. How to read it: [the benchmarks](../README.md).\n\n")
	r.conditions().markdown(w)
	section := func(title, text string, t *table) {
		if len(t.rows) > 0 {
			fmt.Fprintf(w, "\n## %s\n\n%s\n\n", title, text)
			t.markdown(w)
		}
	}
	section("Targets", "Ratios of medians; of p99.9 the median of the rounds' ratios. \"Best native\" is the best of glibc, jemalloc, tcmalloc and mimalloc in each row.", r.targets(false))
	for _, p := range plots {
		fmt.Fprintf(w, "\n![%s](%s)\n", p.Title, p.File)
	}
	section("Ratios", "The time of an operation; spanheap takes 1.00, above it the other takes longer. ± is half the distance between the quartiles. Always zeroed, in all rows: make, new, spanheap-new, ristretto, arrow-go, arrow-malloc.", r.ratios())
	section("Traces", "One thread replays every heap call of a real program. Resident memory is the most above the level before the first event, over the peak of live requested bytes.", r.traces())
	section("The collector", "Live objects of 64 bytes in chains, and beside them a loop of requests that make garbage.", r.collectors())
	section("Memory given back", "Blocks of mixed sizes, 8 to 8192 bytes, are allocated, written, and freed at random. Then the allocator is not called any more. MB above the level before the first block.", r.retention())
	section("Alloc while memory goes back", "How long one Heap.Alloc of mixed sizes takes beside a goroutine that allocates and frees 4 MiB every millisecond: with nothing given back, with the scavenger at a decay of 10 ms, and with a Release of all that is free each time. The three take turns.", r.releases())
	section("Times", "ns of an operation: the median of the rounds and, in brackets, the quartiles.", r.times())
	section("Allocators", "What the columns are.", r.allocators())
	if len(r.Notes) > 0 {
		fmt.Fprint(w, "\n## Notes\n\n")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
}

// likeness says how unlike the processors were and how far apart, if that was looked at.
func (r *Results) likeness() string {
	if r.Unlike == nil {
		return ""
	}
	text := fmt.Sprintf("the slowest took %.2f times as long as the fastest, on which what has one goroutine was measured (median of %d looks)",
		r.Unlike.Median, len(r.Unlike.Values))
	if r.Apart != nil {
		text += fmt.Sprintf("; a line of memory took %.0f ns from there to another (quartiles %.0f to %.0f)", r.Apart.Median, r.Apart.Q1, r.Apart.Q3)
	}
	return text
}

// conditions is the table of how and on what the run was made.
func (r *Results) conditions() *table {
	t := &table{left: 2, head: []string{"", ""}}
	add := func(name, value string) {
		if value != "" {
			t.add(name, value)
		}
	}
	m := r.Machine
	add("date", r.Date.UTC().Format("2006-01-02 15:04 UTC"))
	add("commit", r.Commit)
	add("processor", fmt.Sprintf("%s, %d cores", m.Processor, m.Cores))
	if m.Memory > 0 {
		add("memory", fmt.Sprintf("%.0f GiB, transparent huge pages: %s", float64(m.Memory)/(1<<30), m.HugePages))
	}
	add("system", m.System+" "+m.Kernel+" "+m.CLibrary)
	add("Go", m.Go)
	add("load before the run", m.Load)
	add("processors", r.likeness())
	add("run", fmt.Sprintf("%s plan, %d rounds of %.0f ms, in %v",
		r.Settings.Plan, r.Outcome.Rounds, r.Settings.Milliseconds, time.Duration(r.Settings.Seconds*float64(time.Second)).Round(time.Second)))
	add("build tags", r.Settings.Tags)
	return t
}

func (r *Results) allocators() *table {
	t := &table{left: 3, head: []string{"name", "what", "version"}}
	for _, i := range r.Impls {
		t.add(i.Name, i.About, i.Version)
	}
	return t
}
