package spanheap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Spikes: a watcher looks at a heap's live bytes once a second, and when they rise as its rule says, writes
// the profile of the last quiet look and that of the spike.

// Rule says what a spike is and what becomes of it. At least one of DiffPercent and Abs is not 0.
type Rule struct {
	Min         uint64        // live bytes below which nothing is a spike
	DiffPercent uint64        // a spike is so many percent above the mean of the last ten looks; 0 for no such rule
	Abs         uint64        // a spike is above so many live bytes; 0 for no such rule
	Cooldown    time.Duration // from one pair of profiles to the next, at least; a minute for 0
	Dir         string        // where the profiles go; it must exist
	Keep        int           // pairs of profiles in Dir of heaps of the name, beyond which the oldest go; 10 for 0

	// Done, if not nil, is called after each pair, by the watcher, with the files' names or the error that
	// kept it from writing them.
	Done func(before, after string, err error)
}

// DumpOn watches the heap until stop is called, which must be before the heap's Close: once a second it looks at the live
// bytes, and when they are a spike by the rule, writes two profiles to the rule's Dir,
//
//	NAME-1-before.pb.gz   of the last look that was none
//	NAME-1-after.pb.gz    of the spike
//
// NAME being the heap's, behind its last slash, and 1 a number higher than those that lie there, so that nothing is
// overwritten and go tool pprof -base before after shows what the spike brought. It returns an error for a rule that no spike can meet, for a Dir that is none, and ErrClosed.
// stop returns when the watcher has ended; any goroutine may call it, and again, but not Done. Watchers cost a Stats and a copy of
// the profile's sums a second. The rule is that of holmes (github.com/mosn/holmes).
func (h *Heap) DumpOn(r Rule) (stop func(), err error) {
	w, err := h.newWatcher(r)
	if err != nil {
		return nil, err
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				w.look(now)
			case <-quit:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-ended
	}), nil
}

// watcher is what DumpOn's goroutine has.
type watcher struct {
	heap   *Heap
	rule   Rule
	recent []uint64 // live bytes of the last looks, up to ten
	quiet  []placedCounts
	dumped time.Time // zero before the first pair
}

func (h *Heap) newWatcher(r Rule) (*watcher, error) {
	if h.closed.Load() {
		return nil, fmt.Errorf("spanheap: watch: %w", ErrClosed)
	}
	if r.DiffPercent == 0 && r.Abs == 0 {
		return nil, errors.New("spanheap: watch: the rule has neither DiffPercent nor Abs")
	}
	if r.Dir == "" {
		return nil, errors.New("spanheap: watch: the rule has no Dir")
	}
	if info, err := os.Stat(r.Dir); err != nil {
		return nil, fmt.Errorf("spanheap: watch: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("spanheap: watch: %s is no directory", r.Dir)
	}
	if r.Cooldown <= 0 {
		r.Cooldown = time.Minute
	}
	if r.Keep <= 0 {
		r.Keep = 10
	}
	return &watcher{heap: h, rule: r, quiet: h.notes.sampled()}, nil
}

// look is one look at the heap.
func (w *watcher) look(now time.Time) {
	live := w.heap.Stats().Live
	spike := w.isSpike(live)
	w.recent = append(w.recent, live)
	w.recent = w.recent[max(0, len(w.recent)-10):]
	counts := w.heap.notes.sampled()
	switch {
	case !spike:
		w.quiet = counts
	case w.dumped.IsZero() || now.Sub(w.dumped) >= w.rule.Cooldown:
		w.dumped = now
		before, after, err := w.dump(counts)
		if w.rule.Done != nil {
			w.rule.Done(before, after, err)
		}
	}
}

func (w *watcher) isSpike(live uint64) bool {
	if live < w.rule.Min || len(w.recent) == 0 {
		return false
	}
	sum := uint64(0)
	for _, l := range w.recent {
		sum += l
	}
	mean := float64(sum) / float64(len(w.recent))
	return w.rule.Abs != 0 && live > w.rule.Abs ||
		w.rule.DiffPercent != 0 && float64(live) > mean*(1+float64(w.rule.DiffPercent)/100)
}

// dump writes a pair, and removes the one that is too many.
func (w *watcher) dump(counts []placedCounts) (before, after string, err error) {
	pairs := w.pairs()
	pair := 1
	if len(pairs) > 0 {
		pair = pairs[len(pairs)-1] + 1
	}
	for errors.Is(err, fs.ErrExist) || before == "" { // another watcher may be faster
		before, after = w.files(pair)
		err = errors.Join(w.write(before, w.quiet), w.write(after, counts))
		pair++
	}
	if err != nil {
		return "", "", err
	}
	if excess := len(pairs) + 1 - w.rule.Keep; excess > 0 {
		for _, old := range pairs[:excess] {
			b, a := w.files(old)
			_, _ = os.Remove(b), os.Remove(a) // somebody else may have
		}
	}
	return before, after, nil
}

// pairs returns the numbers of the pairs, or halves of pairs, that lie in the directory, in ascending order.
func (w *watcher) pairs() (numbers []int) {
	files, _ := os.ReadDir(w.rule.Dir) // who cannot read it finds none
	for _, f := range files {
		rest, ours := strings.CutPrefix(f.Name(), filepath.Base(w.heap.name)+"-")
		number, half, _ := strings.Cut(rest, "-")
		n, err := strconv.Atoi(number)
		if ours && err == nil && (half == "before.pb.gz" || half == "after.pb.gz") {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// files names the files of a pair.
func (w *watcher) files(pair int) (before, after string) {
	name := filepath.Join(w.rule.Dir, fmt.Sprintf("%s-%d-", filepath.Base(w.heap.name), pair))
	return name + "before.pb.gz", name + "after.pb.gz"
}

func (w *watcher) write(name string, counts []placedCounts) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("spanheap: heap profile: %w", err)
	}
	return errors.Join(writeProfile(f, w.heap.samples(counts)), f.Close())
}
