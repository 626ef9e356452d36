package mheap_test

import (
	"strconv"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// extending: a large object takes what it needs of the idle pages behind it.
var extending = []literal{
	{
		"into a part of a free span",
		"used 1, free 5, used rest", "extend 0 to 3",
		"used 3, free 3, used rest",
	}, {
		"into all of a free span",
		"used 1, free 5, used rest", "extend 0 to 6",
		"used 6, used rest",
	}, {
		"into a part of a scav span",
		"used 1, scav 5, used rest", "extend 0 to 3",
		"used 3, scav 3, used rest",
	}, {
		"into all of a scav span",
		"used 1, scav 5, used rest", "extend 0 to 6",
		"used 6, used rest",
	}, {
		"over a free span into a scav one",
		"used 1, free 2, scav 5, used rest", "extend 0 to 5",
		"used 5, scav 3, used rest",
	}, {
		"over a scav span into a free one",
		"used 1, scav 2, free 5, used rest", "extend 0 to 5",
		"used 5, free 3, used rest",
	}, {
		"over many",
		"used 3, used 1, free 1, scav 1, free 1, scav 4, used rest", "extend 3 to 6",
		"used 3, used 6, scav 2, used rest",
	}, {
		"not into a span in use",
		"used 1, used 5, free 9, used rest", "extend 0 to 2",
		"used 1, used 5, free 9, used rest",
	}, {
		"not where the run is too short, and nothing is backed for it",
		"used 1, free 2, scav 5, used 1, free rest", "extend 0 to 9",
		"used 1, free 2, scav 5, used 1, free rest",
	}, {
		"what lies before it stays",
		"free 4, used 1, free 5, used rest", "extend 4 to 2",
		"free 4, used 2, free 4, used rest",
	}, {
		"to the arena's end",
		"used 1, scav rest", "extend 0 to " + strconv.Itoa(mheap.PagesPerArena),
		"used rest",
	},
}

// shortening: the tail becomes free, and one with what is free behind it.
var shortening = []literal{
	{
		"before a span in use",
		"used 6, used rest", "shorten 0 to 2",
		"used 2, free 4, used rest",
	}, {
		"before a free span",
		"used 6, free 3, used rest", "shorten 0 to 1",
		"used 1, free 8, used rest",
	}, {
		"before a scav span",
		"used 6, scav 3, used rest", "shorten 0 to 5",
		"used 5, free 1, scav 3, used rest",
	}, {
		"behind a free span",
		"free 2, used 6, used rest", "shorten 2 to 5",
		"free 2, used 5, free 1, used rest",
	},
}

// dropping: what was moved away leaves pages without memory.
var dropping = []literal{
	{
		"between spans in use",
		"used 1, used 6, used rest", "drop 1",
		"used 1, scav 6, used rest",
	}, {
		"between scav and free",
		"scav 2, used 6, free 3, used rest", "drop 2",
		"scav 8, free 3, used rest",
	},
}

func TestResizing(t *testing.T) {
	play(t, small, extending, shortening, dropping)
}

// Where the system's pages are larger than ours, it backs and takes back whole ones.
func TestExtendingOverLargePhysicalPages(t *testing.T) {
	play(t, []uintptr{physical64}, []literal{
		{
			"a physical page at a time",
			"used 8, scav 16, used rest", "extend 0 to 9",
			"used 9, free 7, scav 8, used rest",
		}, {
			"all of it",
			"used 8, scav 16, used rest", "extend 0 to 24",
			"used 24, used rest",
		}, {
			"over a free span",
			"used 5, free 3, scav 16, used rest", "extend 0 to 11",
			"used 11, free 5, scav 8, used rest",
		},
	})
}

func TestExtendingTellsWhatReadsZero(t *testing.T) {
	for before, dirty := range map[string]uintptr{
		"used 1, free 5, used rest":                 4,
		"used 1, scav 5, used rest":                 1,
		"used 1, free 2, scav 5, used rest":         3,
		"used 1, scav 1, free 1, scav 5, used rest": 3,
	} {
		r := newRig(t, 4<<10)
		r.build(before)
		s := r.spanAt(0)
		old, err := r.Extend(s, 4)
		require.NoError(t, err)
		require.Equal(t, dirty*mheap.PageSize, old-s.Base(), before)
	}
}

// A span at the heap's end takes the next arenas, but only when there is no room elsewhere.
func TestExtendingIntoArenasToCome(t *testing.T) {
	r := newRig(t, 4<<10)
	s := r.alloc(mheap.PagesPerArena - 2)
	base := s.Base()
	_, err := r.Extend(s, 3*mheap.PagesPerArena)
	require.NoError(t, err)
	require.Equal(t, base, s.Base())
	require.EqualValues(t, 3, r.Usage().Arenas)
	require.EqualValues(t, 3*arena.Size, r.Usage().LargeBytes)
	r.verify()
	r.Free(s)

	first := r.alloc(3*mheap.PagesPerArena - 3)
	last := r.alloc(3)
	r.Free(first)
	_, err = r.Extend(last, 100)
	require.ErrorIs(t, err, mheap.ErrNoRoom)
	require.EqualValues(t, 3, r.Usage().Arenas)
	r.verify()

	r.fake.Occupy(last.Base()+last.Bytes(), 4<<10) // somebody else is there
	_, err = r.Extend(last, 4*mheap.PagesPerArena)
	require.ErrorIs(t, err, mheap.ErrNoRoom)
	r.verify()
}

func TestARefusedExtensionLeavesTheSpan(t *testing.T) {
	r := newRig(t, 4<<10)
	s := r.alloc(1)
	r.system.Refuse(arenatest.Nth(arenatest.Commit, 1))
	_, err := r.Extend(s, 300)
	require.ErrorIs(t, err, arenatest.ErrRefused)
	require.EqualValues(t, 1, s.Pages())
	r.verify()
	_, err = r.Extend(s, 300)
	require.NoError(t, err)
	r.system.Refuse(arenatest.From(arenatest.Reserve, 1))
	_, err = r.Extend(s, 2*mheap.PagesPerArena)
	require.ErrorIs(t, err, arenatest.ErrRefused)
	require.EqualValues(t, 300, s.Pages())
	r.verify()
	r.system.Refuse(nil)
	r.Free(s)

	r.build("used 200, scav rest")
	r.exhaustMetadata()
	before := r.text()
	_, err = r.Extend(r.spanAt(0), 300)
	require.ErrorIs(t, err, arenatest.ErrRefused, "the scav span cannot be cut without a record")
	require.False(t, r.Shorten(r.spanAt(0), 100))
	require.Equal(t, before, r.text())
	r.verify()
}

// TestCarrying carries objects between every pair of kinds of places, on memory that is real.
func TestCarrying(t *testing.T) {
	for _, physical := range []uintptr{4 << 10, physical64} {
		system := arenatest.NewFaulty(arenatest.NewFakeOver(t, arena.Host(), physical))
		h := mheap.New(3, arena.NewSpace(system), arena.Metadata())
		for _, refuse := range []func(arenatest.Call) bool{
			nil,
			arenatest.From(arenatest.Move, 1),
			arenatest.Nth(arenatest.Move, 1),
			arenatest.Nth(arenatest.Move, 2),
			func(c arenatest.Call) bool { return c.Verb == arenatest.Move && c.K%2 == 1 },
		} {
			for i, npages := range []uintptr{5, 127, 128, 400, 600, 400, 600} {
				if i < 5 {
					h.Release(^uintptr(0)) // so that there is no free memory to copy to
				} else {
					free, err := h.Alloc(1500, mheap.LargeNoscan, 0)
					require.NoError(t, err)
					h.Free(free)
				}
				src, err := h.Alloc(npages, mheap.LargeNoscan, 0)
				require.NoError(t, err)
				fill(src, byte(npages))
				system.Refuse(refuse)
				dst, err := h.AllocToGrow(npages+3, src)
				require.NoError(t, err)
				moved := h.Carry(dst, src, src.Bytes())
				switch {
				case i >= 5:
					require.True(t, dst.NeedZero())
					require.False(t, moved)
				case refuse == nil && npages >= 128 && system.PageSize() <= mheap.PageSize:
					require.True(t, moved)
					require.Equal(t, -1, firstOther(src, 0))
				}
				for i, b := range bytesOf(dst)[:src.Bytes()] {
					if b != byte(npages) {
						require.FailNow(t, "not carried", "byte %d of %d pages", i, npages)
					}
				}
				if moved {
					h.FreeEmpty(src)
				} else {
					h.Free(src)
				}
				require.NoError(t, h.Verify())
				h.Free(dst)
				require.NoError(t, h.Verify())
			}
		}
		system.Refuse(nil)
		h.Close()
	}
}

// What is copied goes to backed pages, where there are any and it is not too long; what is moved to pages without
// memory; both where they can grow.
func TestPlacesToGrow(t *testing.T) {
	type place struct {
		before string
		span   uintptr // pages
		to     uintptr
		after  string
	}
	places := []place{
		{"used 9, scav 30, free 30, used rest", 9, 12, "used 9, scav 30, used 12, free 18, used rest"},
		{"used 9, free 14, used 1, free 30, used rest", 9, 12, "used 9, free 14, used 1, used 12, free 18, used rest"},
		{"used 9, free 14, used 1, scav 30, used rest", 9, 12, "used 9, used 12, free 2, used 1, scav 30, used rest"},
		{"used 9, scav 14, used 1, scav 30, used rest", 9, 12, "used 9, scav 14, used 1, used 12, scav 18, used rest"},
		{"used 9, scav 14, used rest", 9, 12, "used 9, used 12, scav 2, used rest"},
		{"used 130, free 20, used 1, scav rest", 130, 140, "used 130, free 20, used 1, used 140, scav rest"},
		{"used 130, free 150, used 1, scav rest", 130, 140, "used 130, used 140, free 10, used 1, scav rest"},
	}
	if mheap.PagesPerArena > 3*2049 {
		places = append(places,
			place{"used 2040, free 2048, used 1, scav rest", 2040, 2048, "used 2040, used 2048, used 1, scav rest"},
			place{"used 2040, free 2049, used 1, scav rest", 2040, 2049, "used 2040, free 2049, used 1, used 2049, scav rest"})
	}
	for _, c := range places {
		r := newRig(t, 4<<10)
		r.build(c.before)
		s, err := r.AllocToGrow(c.to, r.spanAt(0))
		require.NoError(t, err)
		require.Equal(t, c.to, s.Pages())
		require.Equal(t, c.after, r.text())
		r.verify()
	}
}
