package heapz

import (
	"net/http"
	"time"

	"github.com/spanheap/spanheap"
)

// longestDelta is the longest time that a profile's change is waited for, in seconds.
const longestDelta = 24 * 60 * 60

// profile is the heap profile of one moment, or its change in some seconds.
func (s *site) profile(w http.ResponseWriter, r *http.Request) error {
	q, err := parse(r, "heap", "seconds", "debug")
	if err != nil {
		return err
	}
	seconds, err := q.number("seconds", 0, 1, longestDelta)
	if err != nil {
		return err
	}
	debug, err := q.number("debug", 0, 0, 1)
	if err != nil {
		return err
	}
	heaps, err := q.heaps()
	if err != nil {
		return err
	}
	read := func() *spanheap.Profile { return spanheap.ReadProfileOf(heaps...) }
	if !q.Has("heap") {
		read = spanheap.ReadProfile
	}
	p := read()
	if seconds > 0 {
		wait := time.Duration(seconds) * time.Second
		if server, known := r.Context().Value(http.ServerContextKey).(*http.Server); known && server.WriteTimeout != 0 && wait >= server.WriteTimeout {
			return refuse("seconds is %d; the server's WriteTimeout is %v.", seconds, server.WriteTimeout)
		}
		if s.sleep(r.Context(), wait) != nil {
			return nil // nobody reads what would be written
		}
		p = read().Since(p)
	}
	if debug == 1 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = p.WriteText(w) // an error is the client's going away
		return nil
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="heap.pb.gz"`)
	_ = p.Write(w)
	return nil
}
