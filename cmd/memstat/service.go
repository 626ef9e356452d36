package main

import (
	"math/rand/v2"

	"github.com/spanheap/spanheap"
)

// The built-in load: a service of two goroutines. What it asks for is the same in every run; which
// goroutine is ahead is not.

const inFlight = 512 // requests taken and not yet answered

// A request is what the taking goroutine allocates and the answering one frees.
type request struct{ head, key, body []byte }

// A session is kept from one request to others.
type session struct{ record, user, profile []byte }

// service is the load. Its blocks belong to the answering goroutine once they are in its tables.
type service struct {
	heap      *spanheap.Heap
	requests  int       // in its whole life
	waiting   []request // a ring: request n is at n % inFlight
	sessions  []session // the newest
	documents [][]byte  // the newest
}

func newService(heap *spanheap.Heap, requests int) *service {
	return &service{
		heap:      heap,
		requests:  requests,
		waiting:   make([]request, inFlight),
		sessions:  make([]session, requests*2/5),
		documents: make([][]byte, requests/25),
	}
}

// serve takes all requests and answers all but the last inFlight of them. After an error the
// service's blocks are what the heap's Close ends.
func (s *service) serve() error {
	requests := make(chan request, 64)
	taken := make(chan error, 1)
	go func() {
		defer close(requests)
		taken <- s.take(requests)
	}()
	err := s.answerAll(requests)
	for range requests { // so that the taker ends after an error of the answerer
	}
	if takeErr := <-taken; takeErr != nil {
		return takeErr
	}
	return err
}

func (s *service) take(requests chan<- request) error {
	b := s.builder(1)
	for range s.requests {
		requests <- request{
			head: b.zeroed(112),
			key:  b.block(3, 40),
			body: b.block(64, 16<<10),
		}
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

func (s *service) answerAll(requests <-chan request) error {
	b := s.builder(2)
	n := 0
	for r := range requests {
		place := &s.waiting[n%inFlight]
		if n >= inFlight {
			s.answer(b, *place, n)
		}
		*place = r
		n++
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// answer makes the n-th answer in a buffer that grows, and remembers some of what it has learnt.
func (s *service) answer(b *builder, r request, n int) {
	buffer := b.block(256, 512)
	for grown := b.between(512, 48<<10); len(buffer) < grown && b.err == nil; {
		buffer = b.realloc(buffer, 2*len(buffer))
	}
	if n%2 == 0 {
		place := &s.sessions[n/2%len(s.sessions)]
		s.end(*place)
		*place = session{record: b.zeroed(208), user: b.block(4, 32), profile: b.block(100, 4<<10)}
	}
	if n%20 == 0 {
		place := &s.documents[n/20%len(s.documents)]
		s.heap.Free(*place)
		*place = b.block(1<<10, 96<<10)
	}
	s.heap.Free(buffer)
	s.done(r)
}

// calmDown ends the requests in flight, three sessions of four, drawn at random, and all but every
// eighth document.
func (s *service) calmDown() {
	for i := range s.waiting {
		s.done(s.waiting[i])
	}
	rng := rand.New(rand.NewPCG(3, 0))
	for i := range s.sessions {
		if rng.IntN(4) != 0 {
			s.end(s.sessions[i])
		}
	}
	for i := range s.documents {
		if i%8 != 0 {
			s.heap.Free(s.documents[i])
		}
	}
}

func (s *service) done(r request) {
	s.heap.Free(r.head)
	s.heap.Free(r.key)
	s.heap.Free(r.body)
}

func (s *service) end(v session) {
	s.heap.Free(v.record)
	s.heap.Free(v.user)
	s.heap.Free(v.profile)
}

// A builder makes one goroutine's blocks. After the first error it makes none.
type builder struct {
	heap *spanheap.Heap
	rng  *rand.Rand
	err  error
}

func (s *service) builder(seed uint64) *builder {
	return &builder{heap: s.heap, rng: rand.New(rand.NewPCG(seed, 0))}
}

// between returns a size from low to below high, small ones more likely.
func (b *builder) between(low, high int) int {
	for 2*low < high && b.rng.IntN(3) != 0 {
		low *= 2
	}
	return low + b.rng.IntN(min(low, high-low))
}

func (b *builder) block(low, high int) []byte {
	return b.keep(b.heap.AllocUninit(b.between(low, high)))
}

func (b *builder) zeroed(size int) []byte { return b.keep(b.heap.Alloc(size)) }

func (b *builder) realloc(old []byte, size int) []byte { return b.keep(b.heap.Realloc(old, size)) }

// keep touches the block, as its user would.
func (b *builder) keep(block []byte, err error) []byte {
	if err != nil {
		b.err = err
		return nil
	}
	touch(block)
	return block
}
