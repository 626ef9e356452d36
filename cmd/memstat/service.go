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
		requests <- s.receive(b)
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
	buffer := b.keep(s.heap.AllocUninit(b.between(256, 512)))
	for grown := b.between(512, 48<<10); len(buffer) < grown && b.err == nil; {
		buffer = b.keep(s.heap.Realloc(buffer, 2*len(buffer)))
	}
	if n%2 == 0 {
		place := &s.sessions[n/2%len(s.sessions)]
		s.end(*place)
		*place = s.learn(b)
	}
	if n%20 == 0 {
		place := &s.documents[n/20%len(s.documents)]
		s.heap.Free(*place)
		*place = s.document(b)
	}
	s.heap.Free(buffer)
	s.done(r)
}

func (s *service) receive(b *builder) request {
	return request{
		head: b.keep(s.heap.Alloc(112)),
		key:  b.keep(s.heap.AllocUninit(b.between(3, 40))),
		body: b.keep(s.heap.AllocUninit(b.between(64, 16<<10))),
	}
}

func (s *service) learn(b *builder) session {
	return session{
		record:  b.keep(s.heap.Alloc(208)),
		user:    b.keep(s.heap.AllocUninit(b.between(4, 32))),
		profile: b.keep(s.heap.AllocUninit(b.between(100, 4<<10))),
	}
}

func (s *service) document(b *builder) []byte {
	return b.keep(s.heap.AllocUninit(b.between(1<<10, 96<<10)))
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

// A builder draws the sizes of one goroutine's blocks, and keeps the first error.
type builder struct {
	rng *rand.Rand
	err error
}

func (s *service) builder(seed uint64) *builder {
	return &builder{rng: rand.New(rand.NewPCG(seed, 0))}
}

// between returns a size from low to below high, small ones more likely.
func (b *builder) between(low, high int) int {
	for 2*low < high && b.rng.IntN(3) != 0 {
		low *= 2
	}
	return low + b.rng.IntN(min(low, high-low))
}

// keep touches the block, as its user would.
func (b *builder) keep(block []byte, err error) []byte {
	if err != nil {
		b.err = err
		return nil
	}
	touch(block)
	return block
}
