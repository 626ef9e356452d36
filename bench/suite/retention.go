package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
)

// A RetentionRow says what stays resident of blocks of mixed sizes after frees, by the impls' names. Each
// impl is measured once: what it keeps does not depend on how fast the machine is.
type RetentionRow struct {
	Freed  int               `json:"freed"`        // percent of the blocks, chosen at random
	Blocks int               `json:"blocks"`       // before the frees
	Wait   float64           `json:"wait_seconds"` // without a call to the allocator
	Live   uint64            `json:"live"`         // bytes asked for by the blocks that were not freed
	Full   map[string]Spread `json:"full"`         // bytes resident before the frees, as all below above the level before the first block
	AtOnce map[string]Spread `json:"at_once"`      // after the frees
	Later  map[string]Spread `json:"later"`        // after the wait
}

// Name returns the row's name.
func (r RetentionRow) Name() string { return fmt.Sprintf("retention/freed=%d", r.Freed) }

// RetentionRows returns the rows, which nothing has been measured of.
func RetentionRows() []RetentionRow { return []RetentionRow{{Freed: 75}, {Freed: 100}} }

// retentionTasks returns one task that measures all impls at once, as far as the memory goes. They wait
// together, but each has a processor of its own before: some allocators give memory back by the clock.
func (s *Suite) retentionTasks() (tasks []*task, fill func(*Outcome)) {
	var rows []RetentionRow
	fill = func(out *Outcome) {
		for _, r := range rows {
			if len(r.Later) > 0 {
				out.Retention = append(out.Retention, r)
			}
		}
	}
	if s.Retain == 0 {
		return nil, fill
	}
	for _, r := range RetentionRows() {
		if s.wants(r.Name()) {
			r.Blocks, r.Wait = s.Retain, s.Wait.Seconds()
			r.Full, r.AtOnce, r.Later = map[string]Spread{}, map[string]Spread{}, map[string]Spread{}
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return nil, fill
	}
	return []*task{{name: "retention", do: func(ctx context.Context) error { return s.retain(ctx, rows) }}}, fill
}

// bytesOfBlock is what a block takes on average, with room for what an allocator adds to it.
const bytesOfBlock = 1500

// retain fills in the rows. Its error joins those of the impls that failed.
func (s *Suite) retain(ctx context.Context, rows []RetentionRow) error {
	const share = 0.75 // of the memory left
	together := max(1, int(share*float64(memoryLeft())/float64(s.Retain)/bytesOfBlock))
	places := make(chan struct{}, together)
	processors := make(chan struct{}, runtime.NumCPU())
	var mu sync.Mutex // guards rows and failed
	var failed []error
	var measuring sync.WaitGroup
	for n := range rows {
		for _, i := range s.Impls {
			if !i.retains {
				continue
			}
			measuring.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				processors <- struct{}{}
				leave := sync.OnceFunc(func() { <-processors })
				defer leave()
				r := &rows[n]
				l, err := i.measure(ctx, measurement{
					program: i.program(false), about: s.Wait, begun: leave,
					keys: []string{"live", "full", "at-once", "later"},
					args: []string{"retention", fmt.Sprint(s.Retain), fmt.Sprint(r.Freed), milliseconds(s.Wait)},
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed = append(failed, fmt.Errorf("impl=%s/%s: %w", i.Name, r.Name(), err))
					return
				}
				r.Live = uint64(l["live"])
				if l["full"] > 0 { // else the system does not tell
					r.Full[i.Name], r.AtOnce[i.Name], r.Later[i.Name] =
						NewSpread([]float64{l["full"]}), NewSpread([]float64{l["at-once"]}), NewSpread([]float64{l["later"]})
				}
			})
		}
	}
	measuring.Wait()
	return errors.Join(failed...)
}

// memoryLeft returns the bytes of memory that the machine has left, or a modest guess.
func memoryLeft() uint64 {
	const guess = 4 << 30
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return guess
	}
	for line := range bytes.Lines(text) {
		var kib uint64
		if n, _ := fmt.Sscanf(string(line), "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return guess
}
