// Package collector measures what live objects cost Go's garbage collector, and what the collector
// then costs a program: the same objects once on the Go heap and once in spanheap.
//
// The objects are a table of short chains, as a cache or an index has them. Beside them a loop of
// requests runs, each of which looks some objects up and makes garbage of its own. Requests come due
// at fixed times, and their latency counts from then: one that waits behind a slow one is slow too.
package collector

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/spanheap/spanheap/bench/resident"
)

// NodeBytes is the size of an object.
const NodeBytes = 64

const (
	chainLength = 16 // objects of a chain, on average

	requestPeriod  = 200 * time.Microsecond
	requestLookups = 16
	requestSteps   = 4    // objects that a look-up walks
	requestGarbage = 64   // blocks that a request allocates on the Go heap and forgets
	garbageBytes   = 1024 // of each
)

// A Report is what came of one store.
type Report struct {
	Live          int           // objects
	Build         time.Duration // the time it took to allocate them
	Collection    time.Duration // of a full collection, median
	CollectionCPU time.Duration // of the processors, for one collection, mean
	Resident      uint64        // bytes, with the objects in place
	ResidentPeak  uint64        // bytes, the most during the requests

	Requests   int
	Cycles     uint64  // collections during the requests
	CPUShare   float64 // of the time of processors at work that the collector took, 0 to 1
	P50, P99   time.Duration
	P999, Last time.Duration // Last is the slowest
}

// A store holds the objects.
type store interface {
	// add puts an object with the number i in front of the chain.
	add(chain, i int)
	// walk follows a chain for some steps and returns a sum over what it saw.
	walk(chain, steps int) uint64
}

// Stores are the names that Measure knows.
var Stores = []string{"go", "spanheap"}

// Measure makes live objects in the store called name, and runs requests for the time given.
func Measure(name string, live int, requests time.Duration) (Report, error) {
	chains := max(live/chainLength, 1)
	var s store
	switch name {
	case "go":
		s = newGoStore(chains)
	case "spanheap":
		s = newOffHeapStore(chains)
	default:
		return Report{}, fmt.Errorf("no store is called %q, but %q", name, Stores)
	}
	r := Report{Live: live}
	start := time.Now()
	for i := range live {
		s.add(i%chains, i)
	}
	r.Build = time.Since(start)
	r.collect()
	r.Resident, _ = resident.Now()
	r.serve(s, chains, requests)
	r.ResidentPeak, _ = resident.Highest()
	runtime.KeepAlive(s)
	return r, nil
}

// collect collects some times.
func (r *Report) collect() {
	const rounds = 5
	runtime.GC()
	before := readUse()
	var walls []time.Duration
	for range rounds {
		start := time.Now()
		runtime.GC()
		walls = append(walls, time.Since(start))
	}
	used := readUse().since(before)
	slices.Sort(walls)
	r.Collection = walls[rounds/2]
	r.CollectionCPU = time.Duration(used.collector / rounds * float64(time.Second))
}

var (
	garbage [requestGarbage][]byte // keeps blocks off the stack
	seen    uint64                 // keeps walks from being left out
)

// serve runs the loop of requests.
func (r *Report) serve(s store, chains int, about time.Duration) {
	latencies := make([]time.Duration, about/requestPeriod)
	random := uint64(88172645463325252)
	before := readUse()
	start := time.Now()
	for i := range latencies {
		due := time.Duration(i) * requestPeriod
		for time.Since(start) < due {
			runtime.Gosched()
		}
		for range requestLookups {
			random ^= random << 13
			random ^= random >> 7
			random ^= random << 17
			seen += s.walk(int(random%uint64(chains)), requestSteps)
		}
		for k := range garbage {
			garbage[k] = make([]byte, garbageBytes)
		}
		latencies[i] = time.Since(start) - due
	}
	used := readUse().since(before)
	r.Requests, r.Cycles = len(latencies), used.cycles
	if used.working > 0 {
		r.CPUShare = used.collector / used.working
	}
	slices.Sort(latencies)
	at := func(share float64) time.Duration { return latencies[int(share*float64(len(latencies)-1))] }
	r.P50, r.P99, r.P999, r.Last = at(0.5), at(0.99), at(0.999), at(1)
}

// A use is what the runtime has counted up to the end of the last collection.
type use struct {
	cycles             uint64
	collector, working float64 // seconds of processors
}

func readUse() use {
	s := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
	}
	metrics.Read(s)
	return use{s[0].Value.Uint64(), s[1].Value.Float64(), s[2].Value.Float64() - s[3].Value.Float64()}
}

func (u use) since(before use) use {
	return use{u.cycles - before.cycles, u.collector - before.collector, u.working - before.working}
}
