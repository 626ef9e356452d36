package spanheap

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/spanheap/spanheap/internal/lockrank"
	"github.com/spanheap/spanheap/internal/statpage"
)

// Attach: what the heaps have to tell lies on a page of shared memory, where others of the same user read it
// without the process's help. See internal/statpage.

// SetAttach says whether memstat can find the process and read what its heaps' Stats say, and returns
// whether it could. The default is that it can, on Linux, unless SPANHEAPDEBUG has attach=0; where the system
// has or grants no memfd, nothing comes of it.
//
// The page is there from some 100 ms after the first heap was made until the last is closed. It is written
// by a goroutine of its own, 100 ms after it was before, while blocks are allocated and freed, and a
// second after, when that begins anew. In a process that has done nothing for ten seconds, or whose
// heaps' caches are parked, no timer runs: what wakes the goroutine is the next span that a heap takes
// or gives back, the first use of a parked cache, and each cycle of the garbage collector. The goroutine
// takes 1 % of a CPU at most.
//
// Any goroutine may call it. What was to be read is gone when it returns.
func SetAttach(on bool) (was bool) { return attached.set(on) }

// attached is the process's page.
var attached = newPublisher(settings.Attach, sinceLoaded, createPage)

// pageWriter is statpage.Writer.
type pageWriter interface {
	Write(*statpage.Page) error
	Close() error
}

func createPage() (pageWriter, error) { return statpage.Create() }

// publisher writes the page while there are heaps. Its goroutine starts with the first of them and ends
// after the last, or when the system refuses the page; tests, which want no goroutine, take the rounds
// themselves.
type publisher struct {
	clock   func() time.Duration
	create  func() (pageWriter, error)
	bell    chan struct{}  // has room for one ring
	cycles  atomic.Uintptr // of the collector, since there is a page
	pages   atomic.Uintptr // changes when a page begins or ends
	resting atomic.Bool    // nothing is seen to happen: who makes it untrue wakes the goroutine

	mu      lockrank.Mutex // guards what follows
	on      bool
	running bool
	page    pageWriter // nil before the first round and after the last
	state   pageState

	activity uintptr       // when it was last seen to change
	changed  time.Duration // when that was
	due      time.Duration // not before is the page written again
	wait     time.Duration // between looks at which nothing has happened
	cost     time.Duration // of the round before
}

const (
	pagePace     = 100 * time.Millisecond // between two states of the page, at least
	pageLook     = time.Second            // between two looks, at most
	pagePatience = 10 * time.Second       // before no more looks are taken
)

func newPublisher(on bool, clock func() time.Duration, create func() (pageWriter, error)) *publisher {
	p := &publisher{on: on && runtime.GOOS == "linux", clock: clock, create: create, bell: make(chan struct{}, 1)}
	p.mu.Init(lockrank.Attach)
	return p
}

// set turns the page on or off.
func (p *publisher) set(on bool) (was bool) {
	p.mu.Lock()
	was, p.on = p.on, on && runtime.GOOS == "linux"
	if !p.on {
		p.end()
	}
	p.mu.Unlock()
	p.wake()
	p.start()
	return was
}

// start has a goroutine take the rounds, if there is none. It puts the first state off: heaps that are closed
// at once are not worth a page.
func (p *publisher) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.on && !p.running {
		p.running = true
		p.state.started = time.Now()
		p.due = p.clock() + pagePace
		go p.run()
	}
}

// end ends the page, if there is one. The caller holds p.mu.
func (p *publisher) end() {
	if p.page != nil {
		_ = p.page.Close() // it is gone for others, whatever the system says
		p.page = nil
		p.pages.Add(1)
	}
}

// stir tells that something may happen again. It is called under locks of the heaps', and often: all but the
// first time it is a load.
func (p *publisher) stir() {
	if p.resting.Load() && p.resting.CompareAndSwap(true, false) {
		p.wake()
	}
}

// wake has the goroutine look at what it has to do. It never waits.
func (p *publisher) wake() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

func (p *publisher) run() {
	timer := time.NewTimer(0)
	timer.Stop()
	for {
		wait, more := p.round()
		switch {
		case !more:
			return
		case wait == forever:
			<-p.bell
			continue
		}
		timer.Reset(wait)
		select {
		case <-p.bell:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// round writes the page if it is time to and something has happened, and returns how long to wait until the
// next round, or that there is none.
func (p *publisher) round() (wait time.Duration, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	activity, heaps, rest := uintptr(0), 0, false
	if p.on && now < p.due {
		return p.due - now, true
	} else if p.on {
		activity, heaps, rest = p.look()
	}
	if heaps == 0 || (p.page == nil || activity != p.activity) && !p.write() {
		p.end()
		p.running = false
		return 0, false
	}
	if activity != p.activity {
		p.activity, p.changed, p.wait = activity, now, pagePace/2
	}
	cost := p.clock() - now
	if rest || now-p.changed >= pagePatience {
		p.resting.Store(true)
		if again, _, _ := p.look(); again == p.activity {
			return forever, true
		}
		p.resting.Store(false)
	}
	// Of two rounds the cheaper counts: the other may have been one in which the process did not run.
	p.wait = max(min(2*p.wait, pageLook), min(cost, p.cost, mostWork)*share)
	p.due, p.cost = now+p.wait, cost
	return p.wait, true
}

// look returns a sum that changes with what there is to tell, how many heaps are open, and whether all of
// them rest.
func (p *publisher) look() (activity uintptr, heaps int, rest bool) {
	activity, rest = p.cycles.Load(), true
	eachHeap(func(h *Heap) {
		heaps++
		free := h.pages.FreeBytes()
		activity += h.caches.Activity() + uintptr(h.pages.UsedBytes()+3*free) + uintptr(h.id) + 1
		rest = rest && h.upkeep.resting.Load()
	})
	return activity, heaps, rest
}

// write writes the page, the first time a new one. It tells whether the system allows it: if it does not,
// nobody reads the process, and that is all.
func (p *publisher) write() bool {
	if p.page == nil {
		page, err := p.create()
		if err != nil {
			p.on = false
			return false
		}
		p.page = page
		p.watchCollector(p.pages.Add(1))
	}
	_ = p.page.Write(p.state.now()) // a state that there is no memory for leaves the one before
	return true
}

// watchCollector has every cycle of the collector stir the publisher as long as there is the page, by an
// object that nobody refers to.
func (p *publisher) watchCollector(page uintptr) {
	var again func(**publisher)
	again = func(object **publisher) {
		if p.pages.Load() == page {
			p.cycles.Add(1)
			p.stir()
			runtime.SetFinalizer(object, again)
		}
	}
	runtime.SetFinalizer(new(*publisher), again)
}

// eachHeap calls f for every open heap, none of which is closed meanwhile.
func eachHeap(f func(*Heap)) {
	for id := range registry.heaps {
		if registry.heaps[id].Load() == nil {
			continue
		}
		registry.mu.Lock()
		if h := registry.heaps[id].Load(); h != nil {
			f(h)
		}
		registry.mu.Unlock()
	}
}
