// Package heapz shows a program's spanheap heaps over HTTP, under /debug/spanheap/:
//
//	/            where all bytes are: the sum that closes, heap by heap, the classes that waste most
//	/classes     the size classes in use
//	/spans       how full the spans of each class are, and how the free pages lie
//	/arenas      a map of the address space
//	/report      all of that, and who allocated what lives, as one page to keep; memstat html fetches it
//	/heap        the heap profile, for go tool pprof; ?seconds=N its change in N seconds, ?debug=1 as text
//	/stats       spanheap.Stats of every heap, as JSON
//	/metrics     the metrics of every heap, in the text format of Prometheus
//	/release     POST alone: gives free memory back to the operating system; ?bytes=N so much of each heap
//
// All but /metrics take ?heap=NAME; the tables are there as JSON with ?format=json, or .json behind the path.
// What a page does not know as a parameter it refuses, with status 400 and a sentence.
//
// Importing the package registers nothing. Whoever reaches the pages sees the addresses of blocks and the
// names of functions, and can have free memory given back: they belong where net/http/pprof may be. The pages
// hold no script, refer to nothing elsewhere, and say so by a Content-Security-Policy. Reading them stops
// nobody: see spanheap.Stats and Heap.Spans for what that means while others allocate.
package heapz

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Path is where the pages are.
const Path = "/debug/spanheap/"

// Register has mux serve the pages under Path.
func Register(mux *http.ServeMux) { mux.Handle(Path, Handler()) }

// Handler returns a handler of the pages, for requests whose path begins with Path. It may be used by any
// goroutine.
func Handler() http.Handler { return newHandler(sleep) }

// site is the handler's state: what differs in tests.
type site struct {
	sleep func(context.Context, time.Duration) error
}

func newHandler(sleep func(context.Context, time.Duration) error) http.Handler {
	s := &site{sleep}
	mux := http.NewServeMux()
	get := func(name string, p page) { mux.Handle("GET "+Path+name, p) }
	get("{$}", overview)
	for name, table := range map[string]page{"classes": classes, "spans": spans, "arenas": arenas, "report": reportPage} {
		get(name, table)
		get(name+".json", table)
	}
	get("stats", stats)
	get("stats.json", stats)
	get("metrics", metrics)
	get("heap", s.profile)
	mux.Handle("POST "+Path+"release", http.NewCrossOriginProtection().Handler(page(release)))
	return mux
}

// page answers a request, or returns why it does not; then it has written nothing.
type page func(http.ResponseWriter, *http.Request) error

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	err := p(w, r)
	if err == nil {
		return
	}
	status := http.StatusInternalServerError
	if errors.As(err, new(badRequest)) {
		status = http.StatusBadRequest
	}
	http.Error(w, err.Error(), status)
}

// sleep waits, unless the client goes away.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wantsJSON tells whether the request is for a table's figures alone.
func (q query) wantsJSON(r *http.Request) (bool, error) {
	if !q.Has("format") {
		return strings.HasSuffix(r.URL.Path, ".json"), nil
	}
	switch format := q.Get("format"); format {
	case "json":
		return true, nil
	case "html":
		return false, nil
	default:
		return false, refuse("format is %q; it may be html or json.", format)
	}
}
