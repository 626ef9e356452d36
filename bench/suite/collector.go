package suite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spanheap/spanheap/bench/collector"
)

// A CollectorReport says what the collector costs with many live objects in one store. Times are ns; figures
// are medians of several runs.
type CollectorReport struct {
	Store        string  `json:"store"` // where the objects are
	Live         int     `json:"live"`  // objects
	Build        float64 `json:"build"`
	Collection   float64 `json:"collection"`     // wall time of a full collection
	CPU          float64 `json:"collection_cpu"` // processors' time of it
	Resident     float64 `json:"resident"`       // bytes
	ResidentPeak float64 `json:"resident_peak"`  // bytes, during the requests
	Requests     float64 `json:"requests"`
	Cycles       float64 `json:"cycles"`    // collections during the requests
	CPUShare     float64 `json:"cpu_share"` // of the processors' time at work during the requests, 0 to 1
	P50          float64 `json:"p50"`
	P99          float64 `json:"p99"`
	P999         float64 `json:"p999"`
	Last         float64 `json:"last"` // the slowest request
}

// requestsFor is how long requests are served for so many live objects: long enough for collections of
// a large Go heap, which are rare.
func requestsFor(live int) time.Duration {
	return min(12*time.Second, max(2*time.Second, time.Duration(live)*time.Microsecond))
}

// collectorRuns is how often each store is measured: one pause of the machine spoils a whole run, in which
// every later request waits.
const collectorRuns = 3

// collectorTasks returns the measurements of the collector's side, which do not belong to a round.
func (s *Suite) collectorTasks() (tasks []*task, fill func(*Outcome)) {
	lines := map[string][]line{}
	fill = func(out *Outcome) {
		for _, store := range collector.Stores {
			if len(lines[store]) > 0 {
				out.Collector = append(out.Collector, newCollectorReport(store, s.Live, medians(lines[store])))
			}
		}
	}
	if s.Live == 0 || !s.wants("collector") {
		return nil, fill
	}
	worker := s.Impls[0]
	for _, store := range slices.Repeat(collector.Stores, collectorRuns) {
		tasks = append(tasks, &task{
			name: "collector=" + store,
			do: func(ctx context.Context) error {
				about := requestsFor(s.Live)
				l, err := worker.measure(ctx, measurement{
					program: worker.program(false), about: about, keys: []string{"collection", "p99"},
					args: []string{"collector", store, fmt.Sprint(s.Live), milliseconds(about)},
				})
				if err == nil {
					lines[store] = append(lines[store], l)
				}
				return err
			},
		})
	}
	return tasks, fill
}

func newCollectorReport(store string, live int, l line) CollectorReport {
	return CollectorReport{
		Store: store, Live: live,
		Build: l["build"], Collection: l["collection"], CPU: l["collection-cpu"],
		Resident: l["resident"], ResidentPeak: l["resident-peak"],
		Requests: l["requests"], Cycles: l["cycles"], CPUShare: l["cpu-share"],
		P50: l["p50"], P99: l["p99"], P999: l["p999"], Last: l["last"],
	}
}
