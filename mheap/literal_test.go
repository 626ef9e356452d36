package mheap_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// A heap of one arena is written down as its spans in address order: "free 3, used 2, scav rest".
// rest is the length up to the arena's end. An operation is written down in pages too:
//
//	alloc 3           allocate three pages
//	alloc 3 align 4   at a multiple of four pages
//	free 2            free the span that begins with page 2
//	release 5         give back five pages' worth
//	trade 5           give back five pages' worth, if five fit nowhere
//	extend 2 to 5     make the span that begins with page 2 five pages long, if there is room
//	shorten 2 to 1    make it one page long
//	drop 2            free the span that begins with page 2, whose memory was moved away

// literal is one operation on a heap that is written down.
type literal struct{ name, before, do, after string }

// play runs the tables over each size of the operating system's pages.
func play(t *testing.T, physicalPages []uintptr, tables ...[]literal) {
	for _, physical := range physicalPages {
		for _, table := range tables {
			for _, l := range table {
				t.Run(fmt.Sprintf("%s/physical=%d", l.name, physical), func(t *testing.T) {
					r := newRig(t, physical)
					r.UseTrade(true)
					r.build(l.before)
					require.NotPanics(t, func() { r.do(l.do) })
					require.Equal(t, l.after, r.text())
					r.verify()
				})
			}
		}
	}
}

// build makes the empty heap what the text says.
func (r *rig) build(text string) {
	r.t.Helper()
	r.Free(r.alloc(mheap.PagesPerArena))
	var spans []*mheap.Span
	var states []string
	left := uintptr(mheap.PagesPerArena)
	for _, item := range strings.Split(text, ", ") {
		state, length, _ := strings.Cut(item, " ")
		npages := left
		if length != "rest" {
			npages = r.number(length)
		}
		left -= npages
		spans, states = append(spans, r.alloc(npages)), append(states, state)
	}
	for i, s := range spans {
		if states[i] == "scav" {
			r.Free(s)
			r.Release(math.MaxUint)
		}
	}
	for i, s := range spans {
		if states[i] == "free" {
			r.Free(s)
		}
	}
	require.Equal(r.t, text, r.text(), "no heap can be like this")
	r.verify()
}

// do does what the text says.
func (r *rig) do(text string) {
	r.t.Helper()
	words := strings.Fields(text)
	npages := r.number(words[1])
	switch words[0] {
	case "alloc":
		align := uintptr(0)
		if len(words) == 4 {
			align = r.number(words[3]) * mheap.PageSize
		}
		s, err := r.Alloc(npages, mheap.LargeNoscan, align)
		require.NoError(r.t, err)
		require.Equal(r.t, npages, s.Pages())
		if align > 0 {
			require.Zero(r.t, s.Base()%align)
		}
	case "free":
		r.Free(r.spanAt(npages))
	case "drop":
		r.FreeEmpty(r.spanAt(npages))
	case "extend":
		s, to := r.spanAt(npages), r.number(words[3])
		if _, err := r.Extend(s, to); err != nil {
			require.ErrorIs(r.t, err, mheap.ErrNoRoom)
		} else {
			require.Equal(r.t, to, s.Pages())
		}
	case "shorten":
		s, to := r.spanAt(npages), r.number(words[3])
		require.True(r.t, r.Shorten(s, to))
		require.Equal(r.t, to, s.Pages())
	case "trade":
		r.Trade(npages)
	case "release":
		r.Release(npages * mheap.PageSize)
	default:
		require.FailNow(r.t, "no such operation", text)
	}
}

// spanAt returns the span in use that begins with a page.
func (r *rig) spanAt(page uintptr) *mheap.Span {
	r.t.Helper()
	runs, err := r.Runs()
	require.NoError(r.t, err)
	s := mheap.SpanOf(runs[0].Base + page*mheap.PageSize)
	require.NotNil(r.t, s)
	return s
}

// text writes the heap down.
func (r *rig) text() string {
	r.t.Helper()
	runs, err := r.Runs()
	require.NoError(r.t, err)
	require.NotEmpty(r.t, runs)
	items := make([]string, len(runs))
	end := runs[0].Base + mheap.PagesPerArena*mheap.PageSize
	for i, run := range runs {
		length := strconv.Itoa(int(run.Pages))
		if run.Base+run.Pages*mheap.PageSize == end {
			length = "rest"
		}
		items[i] = strings.Replace(run.State, "in use", "used", 1) + " " + length
	}
	return strings.Join(items, ", ")
}

func (r *rig) number(word string) uintptr {
	r.t.Helper()
	n, err := strconv.Atoi(word)
	require.NoError(r.t, err)
	return uintptr(n)
}
