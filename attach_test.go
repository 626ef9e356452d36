package spanheap

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/internal/statpage"
)

// published is a publisher on a clock that the test moves, whose page is kept in hand.
type published struct {
	*publisher
	now    time.Duration
	states int
	live   []uint64 // of the heap with the name, in the last state
	ended  bool
	refuse error
	cost   time.Duration // of writing
}

const publishedName = "published"

func newPublished(t *testing.T) *published {
	s := &published{now: time.Hour}
	s.publisher = newPublisher(true, func() time.Duration { return s.now }, func() (pageWriter, error) { return s, s.refuse })
	s.on = true // on every system
	s.running = true
	return s
}

func (s *published) Write(p *statpage.Page) error {
	s.states++
	s.now += s.cost
	s.live = nil
	for i := range p.Heaps {
		if p.Heaps[i].Name == publishedName {
			s.live = append(s.live, p.Heaps[i].Live)
		}
	}
	return nil
}

func (s *published) Close() error {
	s.ended = true
	return nil
}

// pass lets time pass, and returns how many rounds were taken in it.
func (s *published) pass(t *testing.T, d time.Duration) (rounds int) {
	for end := s.now + d; ; rounds++ {
		wait, more := s.round()
		require.True(t, more)
		if wait >= end-s.now {
			s.now = end
			return rounds
		}
		s.now += wait
	}
}

func newPublishedHeap(t *testing.T) *Heap {
	h, err := newHeap(Options{Name: publishedName, Scavenge: Never()}, arena.Process(), arena.Metadata())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return h
}

func TestThePageFollowsTheHeap(t *testing.T) {
	s := newPublished(t)
	h := newPublishedHeap(t)
	const step = 10 * time.Millisecond
	for i := range 200 {
		_, err := h.Alloc(1000)
		require.NoError(t, err)
		s.pass(t, step)
		_, _ = s.round()
		before := max(0, i-int(pagePace/step))
		require.Len(t, s.live, 1)
		require.GreaterOrEqual(t, s.live[0], uint64(1000*before), "100 ms old at most")
	}
	require.InDelta(t, 200*step/pagePace, s.states, 2)
	s.pass(t, pagePatience/2)
	_, err := h.Alloc(500)
	require.NoError(t, err)
	s.pass(t, pageLook)
	_, _ = s.round()
	require.Equal(t, []uint64{200_500}, s.live, "a second after a pause")
}

func TestAnIdleProcessHasNoTimer(t *testing.T) {
	s := newPublished(t)
	h := newPublishedHeap(t)
	b, err := h.Alloc(1000)
	require.NoError(t, err)
	rounds := s.pass(t, time.Hour)
	require.Less(t, rounds, 20)
	require.Equal(t, 1, s.states)
	wait, _ := s.round()
	require.Equal(t, forever, wait)
	require.True(t, s.resting.Load())
	select {
	case <-s.bell:
	default:
	}

	s.stir()
	require.Len(t, s.bell, 1)
	require.False(t, s.resting.Load())
	h.Free(b)
	s.pass(t, pageLook)
	require.Equal(t, []uint64{0}, s.live)
}

// Writing takes 1 % of the time at most, but for once when the process is kept from running.
func TestAPageThatIsDearIsWrittenLessOften(t *testing.T) {
	s := newPublished(t)
	h := newPublishedHeap(t)
	writes := func(d time.Duration) int {
		before := s.states
		for end := s.now + d; s.now < end; {
			_, err := h.Alloc(100)
			require.NoError(t, err)
			s.pass(t, 10*time.Millisecond)
		}
		return s.states - before
	}
	require.InDelta(t, 100, writes(10*time.Second), 2)
	s.cost = 10 * time.Millisecond
	require.InDelta(t, 10, writes(10*time.Second), 2)
	s.cost = 0
	require.InDelta(t, 100, writes(10*time.Second), 12)
	wrote := 0
	for try := 0; try < 100 && wrote != 1; try++ { // other heaps of the process may change meanwhile
		writes(20 * time.Second)
		_, err := h.Alloc(100)
		require.NoError(t, err)
		before := s.states
		s.cost = 100 * time.Millisecond
		s.pass(t, pageLook)
		s.cost = 0
		wrote = s.states - before
	}
	require.Equal(t, 1, wrote)
	require.InDelta(t, 100, writes(10*time.Second), 12)
}

// What ends the rest of the process's own page: a span that comes, and one that goes.
func TestWhatStirs(t *testing.T) {
	h := newPublishedHeap(t)
	defer attached.resting.Store(attached.resting.Load())
	attached.resting.Store(true)
	b, err := h.AllocUninit(3 << 20)
	require.NoError(t, err)
	require.False(t, attached.resting.Load())
	attached.resting.Store(true)
	h.Free(b)
	require.False(t, attached.resting.Load())
}

func TestACycleOfTheCollectorStirs(t *testing.T) {
	s := newPublished(t)
	newPublishedHeap(t)
	s.pass(t, time.Minute)
	for range 3 {
		before := s.states
		for i := 0; s.resting.Load() && i < 1000; i++ {
			runtime.GC()
			runtime.Gosched()
		}
		require.False(t, s.resting.Load())
		s.pass(t, time.Minute)
		require.Greater(t, s.states, before)
	}
}

func TestThePageEndsWithTheLastHeap(t *testing.T) {
	s := newPublished(t)
	newPublishedHeap(t)
	s.pass(t, time.Second)
	require.False(t, s.ended)
	require.True(t, s.set(false))
	require.True(t, s.ended)
	_, more := s.round()
	require.False(t, more)
	require.False(t, s.set(false))
}

func TestASystemThatRefusesThePage(t *testing.T) {
	s := newPublished(t)
	s.refuse = errors.New("no memfd")
	h := newPublishedHeap(t)
	b, err := h.Alloc(1000)
	require.NoError(t, err)
	_, more := s.round()
	require.False(t, more, "nobody tries again")
	h.Free(b)
}

func TestMoreHeapsThanThePageHasRoomFor(t *testing.T) {
	var heaps []*Heap
	for range statpage.MaxHeaps + 5 {
		h := newPublishedHeap(t)
		_, err := h.Alloc(1000)
		require.NoError(t, err)
		heaps = append(heaps, h)
	}
	var s pageState
	p := s.now()
	require.Len(t, p.Heaps, statpage.MaxHeaps)
	require.GreaterOrEqual(t, p.Process.OpenHeaps, uint64(len(heaps)))
	summed, backed, blocks := uint64(0), uint64(0), uint64(0)
	for i := range p.Heaps {
		h := &p.Heaps[i]
		summed += h.Summed
		backed += h.Backed
		requireRowsClose(t, h)
		if h.Name == publishedName || h.Name == "others" {
			blocks += h.LiveBlocks
		}
	}
	require.Equal(t, p.Process.OpenHeaps, summed)
	require.GreaterOrEqual(t, blocks, uint64(len(heaps)))
	require.Equal(t, p.Process.Backed, backed)
	require.LessOrEqual(t, len(p.Extents), len(heaps)*3)
}

func requireRowsClose(t *testing.T, h *statpage.Heap) {
	live := uint64(0)
	for _, r := range h.Rows {
		live += r.Live
		spans := uint64(0)
		for _, n := range r.Occupancy {
			spans += n
		}
		require.Equal(t, r.Spans, spans)
		require.Equal(t, r.SpanBytes, r.Live+r.Rounding+r.SpanTail+r.CachedSlots+r.CentralSlots)
	}
	require.Equal(t, h.Live, live)
}
