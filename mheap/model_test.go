package mheap_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// model is what a page heap must be, page by page.
type model struct {
	*rig
	spans []*mheap.Span           // in use
	owner map[uintptr]*mheap.Span // of each page in use
	old   map[uintptr]bool        // pages that may hold what somebody wrote
}

func newModel(t testing.TB, physicalPage uintptr) *model {
	m := &model{rig: newRig(t, physicalPage), owner: map[uintptr]*mheap.Span{}, old: map[uintptr]bool{}}
	m.watch.gone = func(addr, size uintptr) {
		for p := addr; p < addr+size; p += mheap.PageSize {
			delete(m.old, p)
		}
	}
	return m
}

// mostPages bounds the pages in use, so that every step can look at all of them.
const mostPages = mheap.PagesPerArena * 3 / 2

// step is three bytes: what to do, and two numbers for it.
func (m *model) step(what, a, b byte) {
	switch what % 13 {
	case 0, 1:
		m.allocate(1+uintptr(a%48), m.class(b), 0)
	case 2:
		m.allocate(1+3*uintptr(a), m.class(b), 0)
	case 3:
		m.allocate(1+uintptr(a%20), mheap.LargeScan, mheap.PageSize<<(b%8))
	case 4:
		m.allocate(mheap.PagesPerArena-8+uintptr(a%16), mheap.LargeNoscan, 0)
	case 5, 6, 7:
		if n := len(m.spans); n > 0 {
			m.free((int(a)<<8 | int(b)) % n)
		}
	case 8:
		m.release(uintptr(a) << (b % 20))
	case 9:
		if verb := arenatest.Verbs()[int(a)%len(arenatest.Verbs())]; a < 128 {
			m.system.Refuse(arenatest.Nth(verb, 1+int(b%3)))
		} else {
			m.metadata.Refuse(arenatest.Nth(verb, 1+int(b%3)))
		}
	case 10, 11, 12:
		if s := m.large(int(b)); s != nil {
			[]func(*mheap.Span, uintptr){m.extend, m.shorten, m.carry}[what%13-10](s, 1+uintptr(a))
		}
	}
}

// large returns the first large object from the i-th span on, or nil.
func (m *model) large(i int) *mheap.Span {
	for k := range m.spans {
		if s := m.spans[(i+k)%len(m.spans)]; s.Class().Large() {
			return s
		}
	}
	return nil
}

// own notes that the pages from the first-th on are of s. Up to dirty they may hold old bytes.
func (m *model) own(s *mheap.Span, first uintptr, dirty uintptr) {
	for p := s.Base() + first*mheap.PageSize; p < s.Base()+s.Bytes(); p += mheap.PageSize {
		if m.owner[p] != nil || m.old[p] && p >= dirty {
			require.FailNow(m.t, "wrong page", "page %#x of %v: of %v, needs zeroing %t", p, s, m.owner[p], m.old[p])
		}
		m.owner[p], m.old[p] = s, true
	}
}

func (m *model) extend(s *mheap.Span, more uintptr) {
	old := s.Pages()
	if uintptr(len(m.owner))+more > mostPages {
		return
	}
	dirty, err := m.Extend(s, old+more)
	if err != nil {
		require.Equal(m.t, old, s.Pages())
		return
	}
	require.Equal(m.t, old+more, s.Pages())
	m.own(s, old, dirty)
}

func (m *model) shorten(s *mheap.Span, fewer uintptr) {
	old := s.Pages()
	if fewer >= old || !m.Shorten(s, old-fewer) {
		return
	}
	require.Equal(m.t, old-fewer, s.Pages())
	for p := s.Base() + s.Bytes(); p < s.Base()+old*mheap.PageSize; p += mheap.PageSize {
		delete(m.owner, p)
	}
}

// carry moves an object to a place where it can grow. The system moves mere numbers.
func (m *model) carry(s *mheap.Span, more uintptr) {
	if s.Bytes() < mheap.MinMove || m.fake.PageSize() > mheap.PageSize || uintptr(len(m.owner))+s.Pages()+more > mostPages {
		return
	}
	m.release(^uintptr(0)) // so that there is no free memory to copy to: numbers cannot be copied
	dst, err := m.AllocToGrow(s.Pages()+more, s)
	if err != nil {
		return
	}
	if dst.NeedZero() { // the system refused
		m.Free(dst)
		return
	}
	m.own(dst, 0, dst.Base())
	m.spans = append(m.spans, dst)
	m.system.Refuse(nil)
	require.True(m.t, m.Carry(dst, s, s.Bytes()))
	for p := s.Base(); p < s.Base()+s.Bytes(); p += mheap.PageSize {
		delete(m.old, p)
		delete(m.owner, p)
	}
	m.spans = slices.DeleteFunc(m.spans, func(other *mheap.Span) bool { return other == s })
	m.FreeEmpty(s)
}

// class is a class of slots or, mostly, of large objects.
func (m *model) class(b byte) mheap.SpanClass {
	if class := mheap.SpanClass(b); class < mheap.Tiny-1 {
		return class
	}
	return mheap.LargeNoscan
}

func (m *model) allocate(npages uintptr, class mheap.SpanClass, align uintptr) {
	m.t.Helper()
	if !class.Large() {
		npages = uintptr(class.Layout().Pages)
	}
	if uintptr(len(m.owner))+npages > mostPages {
		return
	}
	s, err := m.Alloc(npages, class, align)
	if err != nil {
		require.ErrorIs(m.t, err, arenatest.ErrRefused)
		return
	}
	require.Equal(m.t, npages, s.Pages())
	require.Equal(m.t, class, s.Class())
	require.Zero(m.t, s.Base()%max(align, mheap.PageSize))
	require.Equal(m.t, mheap.SlotCounts{}, s.SlotCounts)
	inSpan, held, live := s.Count()
	require.Equal(m.t, []uint32{s.Slots(), 0, 0}, []uint32{inSpan, held, live})
	for p := s.Base(); p < s.Base()+s.Bytes(); p += mheap.PageSize {
		if m.owner[p] != nil || m.old[p] && !s.NeedZero() {
			require.FailNow(m.t, "wrong page", "page %#x of %v: of %v, needs zeroing %t", p, s, m.owner[p], m.old[p])
		}
		m.owner[p], m.old[p] = s, true
	}
	m.spans = append(m.spans, s)
}

func (m *model) free(i int) {
	s := m.spans[i]
	m.spans[i] = m.spans[len(m.spans)-1]
	m.spans = m.spans[:len(m.spans)-1]
	for p := s.Base(); p < s.Base()+s.Bytes(); p += mheap.PageSize {
		delete(m.owner, p)
	}
	m.Free(s)
}

func (m *model) release(n uintptr) {
	m.t.Helper()
	before := m.Usage()
	released := uint64(m.Release(n))
	after := m.Usage()
	require.Equal(m.t, released, after.Released-before.Released)
	require.Equal(m.t, released, before.FreePages-after.FreePages)
}

// check compares the heap with the model.
func (m *model) check() {
	m.t.Helper()
	m.verify()
	used := map[uintptr]bool{}
	m.Walk(func(s *mheap.Span) { used[s.Base()] = true })
	require.Len(m.t, used, len(m.spans))
	for _, s := range m.spans {
		require.True(m.t, used[s.Base()])
		require.Same(m.t, s, mheap.SpanOf(s.Base()))
		require.Same(m.t, s, mheap.SpanOf(s.Base()+s.Bytes()-1))
	}
	runs, err := m.Runs()
	require.NoError(m.t, err)
	for _, run := range runs {
		for p := run.Base; run.State == "scav" && p < run.Base+run.Pages*mheap.PageSize; p += mheap.PageSize {
			if m.old[p] {
				require.FailNow(m.t, "not given back", "page %#x of %+v", p, run)
			}
		}
	}
}

// play takes the bytes as steps, and frees all that is left.
func (m *model) play(steps []byte, checkEvery int) {
	for i := 0; i+3 <= len(steps); i += 3 {
		require.NotPanics(m.t, func() { m.step(steps[i], steps[i+1], steps[i+2]) })
		if i/3%checkEvery == 0 {
			m.check()
		}
	}
	m.check()
	m.system.Refuse(nil)
	m.metadata.Refuse(nil)
	for len(m.spans) > 0 {
		m.free(len(m.spans) - 1)
	}
	m.check()
	m.requireEmpty()
}

// requireEmpty checks that nothing is in use, and that all comes together again.
func (r *rig) requireEmpty() {
	r.t.Helper()
	r.Release(^uintptr(0))
	runs, err := r.Runs()
	require.NoError(r.t, err)
	for i, run := range runs {
		require.Equal(r.t, "scav", run.State)
		require.Zero(r.t, run.Pages%mheap.PagesPerArena, "whole arenas")
		if i > 0 {
			require.NotEqual(r.t, runs[i-1].Base+runs[i-1].Pages*mheap.PageSize, run.Base)
		}
	}
	require.Zero(r.t, r.Usage().FreePages)
	r.verify()
}

func TestPagesAgainstAModel(t *testing.T) {
	for _, physical := range []uintptr{4 << 10, physical16, physical64} {
		for seed := range uint64(2) {
			random := rand.New(rand.NewPCG(seed, uint64(physical)))
			steps := make([]byte, 3*300)
			for i := range steps {
				steps[i] = byte(random.Uint32())
			}
			m := newModel(t, physical)
			m.play(steps, 4)
		}
	}
}

// FuzzPages takes the first byte for the size of the system's pages, and the others for steps.
func FuzzPages(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 || len(data) > 1+3*300 {
			return
		}
		m := newModel(t, 4<<10<<(data[0]%5))
		m.play(data[1:], 16)
	})
}
