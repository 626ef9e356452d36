package heapz

import (
	"math"
	"net/http"
)

// release gives free memory of the heaps back to the operating system.
func release(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<12)
	q, err := parse(r, "heap", "bytes", "format")
	if err != nil {
		return err
	}
	asJSON, err := q.wantsJSON(r)
	if err != nil {
		return err
	}
	n, err := q.number("bytes", math.MaxInt, 1, math.MaxInt)
	if err != nil {
		return err
	}
	heaps, err := q.heaps()
	if err != nil {
		return err
	}
	released := uint64(0)
	for _, h := range heaps {
		released += uint64(h.Release(int(n)))
	}
	if asJSON {
		return showJSON(w, map[string]uint64{"released": released})
	}
	return show(w, q, "release", "Memory given back", released)
}
