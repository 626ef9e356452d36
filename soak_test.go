//go:build spanheap_soak

package spanheap

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
)

// The soak: for as long as one likes, goroutines that come and go allocate and free in every way, under limits,
// releases, a busy scavenger, changing Ps and profile rates, and a system that refuses. Once a second all stop,
// and the heap must be sound and hold what the soak holds, to the byte. `make soak` runs it.
var (
	soakLength = flag.Duration("soak", time.Minute, "how long")
	soakSeed   = flag.Uint64("soak.seed", 0, "of everything random; 0: another each time")
	soakJSON   = flag.Bool("soak.json", false, "end with a summary as JSON")
)

type soak struct {
	heap            *Heap
	memory, records *arenatest.Faulty
	most            int64 // bytes that should live
	began           time.Time

	world    sync.RWMutex // read by whoever uses the heap; written to stop them
	exchange [512]atomic.Pointer[soakBlock]
	stopping atomic.Bool
	failure  atomic.Pointer[error] // the first

	marks                           atomic.Uint64
	liveBlocks, liveBytes           atomic.Int64
	steps, refused, workers, checks atomic.Int64
}

// soakSummary is the end of a soak.
type soakSummary struct {
	Seed       uint64  `json:"seed"`
	Seconds    float64 `json:"seconds"`
	Steps      int64   `json:"steps"`
	Goroutines int64   `json:"goroutines"` // that came and went
	Refused    int64   `json:"refused"`    // allocations, by a limit or the system
	Checks     int64   `json:"checks"`
	Failure    string  `json:"failure"` // "" for none
	Stats      Stats   `json:"stats"`   // of the heap, when everything was freed and given back
}

func TestSoak(t *testing.T) {
	seed := *soakSeed
	for seed == 0 {
		seed = rand.Uint64()
	}
	fmt.Printf("soak for %v; to repeat: -soak.seed %d\n", *soakLength, seed)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	defer SetProfileRate(SetProfileRate(DefaultProfileRate))
	s := &soak{
		memory:  arenatest.NewFaulty(arena.Host()),
		records: arenatest.NewFaulty(arena.Metadata()),
		most:    128 << 20,
		began:   time.Now(),
	}
	h, err := newHeap(Options{Scavenge: Decay(50 * time.Millisecond)}, arena.NewSpace(s.memory), s.records)
	if err != nil {
		t.Fatal(err)
	}
	s.heap = h
	background.add(h)
	background.start()
	s.conduct(seed)
	if s.failure.Load() == nil {
		if err := s.end(); err != nil {
			s.fail(err)
		}
	}
	sum := soakSummary{seed, time.Since(s.began).Seconds(), s.steps.Load(), s.workers.Load(), s.refused.Load(), s.checks.Load(), "", h.Stats()}
	if err := s.failure.Load(); err != nil {
		sum.Failure = (*err).Error()
	}
	if *soakJSON {
		if err := json.NewEncoder(os.Stdout).Encode(sum); err != nil {
			t.Fatal(err)
		}
	}
	if sum.Failure != "" {
		t.Fatalf("seed %d, after %.1f s and %d steps: %s\n%+v", seed, sum.Seconds, sum.Steps, sum.Failure, sum.Stats)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// fail ends the soak.
func (s *soak) fail(err error) {
	s.failure.CompareAndSwap(nil, &err)
	s.stopping.Store(true)
}

// conduct lets goroutines live, and changes their world, until the time is over or something fails.
func (s *soak) conduct(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	var all sync.WaitGroup
	const mostAtOnce = 32
	room := make(chan struct{}, mostAtOnce)
	check, progress := s.began.Add(time.Second), s.began.Add(10*time.Second)
	for time.Since(s.began) < *soakLength && !s.stopping.Load() {
		for range random.IntN(8) {
			select {
			case room <- struct{}{}:
			default:
				continue
			}
			w := &soaker{soak: s, random: rand.New(rand.NewPCG(seed, uint64(s.workers.Add(1))))}
			all.Go(func() {
				defer func() { <-room }()
				if err := w.live(); err != nil {
					s.fail(err)
				}
			})
		}
		s.disturb(random)
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		now := time.Now()
		if now.After(check) {
			check = now.Add(time.Second)
			if err := s.check(); err != nil {
				s.fail(err)
			}
		}
		if now.After(progress) {
			progress = now.Add(10 * time.Second)
			s.report()
		}
	}
	s.stopping.Store(true)
	all.Wait()
}

// disturb changes one thing.
func (s *soak) disturb(random *rand.Rand) {
	switch random.IntN(12) {
	case 0:
		runtime.GOMAXPROCS(1 + random.IntN(8))
	case 1:
		s.heap.SetLimit(int64(1+random.IntN(200)) << 20)
	case 2, 3:
		s.heap.SetLimit(0)
	case 4:
		s.heap.Release(random.IntN(64 << 20))
	case 5:
		SetProfileRate([]int{0, 1, 512, DefaultProfileRate}[random.IntN(4)])
	case 6:
		victim := []*arenatest.Faulty{s.memory, s.records}[random.IntN(2)]
		period := 1 + random.IntN(8) // one call in so many is refused
		victim.Refuse(func(c arenatest.Call) bool { return c.K%period == 0 })
	case 7, 8:
		s.memory.Refuse(nil)
		s.records.Refuse(nil)
	case 9:
		s.heap.Stats()
	case 10:
		if err := s.heap.WriteHeapProfile(io.Discard); err != nil {
			s.fail(err)
		}
	case 11:
		runtime.GC()
	}
}

// check stops everybody and holds the heap against what the soak knows.
func (s *soak) check() error {
	s.world.Lock()
	defer s.world.Unlock()
	s.checks.Add(1)
	if err := s.heap.Verify(); err != nil {
		return err
	}
	st := s.heap.Stats()
	if int64(st.LiveBlocks) != s.liveBlocks.Load() || int64(st.Live) != s.liveBytes.Load() {
		return fmt.Errorf("the heap counts %d live blocks of %d bytes, there are %d of %d", st.LiveBlocks, st.Live, s.liveBlocks.Load(), s.liveBytes.Load())
	}
	return nil
}

// end frees what is left and gives everything back.
func (s *soak) end() error {
	s.memory.Refuse(nil)
	s.records.Refuse(nil)
	s.heap.SetLimit(0)
	w := &soaker{soak: s, random: rand.New(rand.NewPCG(0, 0))}
	for i := range s.exchange {
		if b := s.exchange[i].Swap(nil); b != nil {
			if err := w.free(*b); err != nil {
				return err
			}
		}
	}
	if err := s.check(); err != nil {
		return err
	}
	s.heap.Release(1 << 30)
	if st := s.heap.Stats(); st.LiveBlocks != 0 || st.Spans != 0 {
		return fmt.Errorf("%d blocks and %d spans are left", st.LiveBlocks, st.Spans)
	}
	return nil
}

func (s *soak) report() {
	fmt.Printf("%5.0f s  %d steps, %d goroutines, %d refused, %d checks; %d blocks of %d bytes live, %d backed\n", time.Since(s.began).Seconds(),
		s.steps.Load(), s.workers.Load(), s.refused.Load(), s.checks.Load(), s.liveBlocks.Load(), s.liveBytes.Load(), s.heap.Backed())
}
