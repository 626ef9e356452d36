package arenatest_test

import (
	"fmt"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

const page = 4096

// notes keeps what a Fake reports.
type notes []string

func (n *notes) Errorf(format string, args ...any) { *n = append(*n, fmt.Sprintf(format, args...)) }

func TestFakeReportsEveryBreach(t *testing.T) {
	const base, size = 1 << 30, 8 * page // pages: 0, 1 Ready; 2, 3 Reserved; 4 to 7 a Reserved grant of their own
	for name, breach := range map[string]struct {
		call func(f *arenatest.Fake) error
		says string
	}{
		"commit twice":             {func(f *arenatest.Fake) error { return f.Commit(base+page, 2*page) }, "Commit of 8192 bytes at 0x40001000: the page at 0x40001000 is Ready, not Reserved"},
		"commit of foreign pages":  {func(f *arenatest.Fake) error { return f.Commit(base+7*page, 2*page) }, "the page at 0x40008000 is None, not Reserved"},
		"commit over two grants":   {func(f *arenatest.Fake) error { return f.Commit(base+3*page, 2*page) }, "another grant begins at 0x40004000"},
		"decommit of Reserved":     {func(f *arenatest.Fake) error { return f.Decommit(base+page, 2*page) }, "the page at 0x40002000 is Reserved, not Ready"},
		"decommit of foreign":      {func(f *arenatest.Fake) error { return f.Decommit(base-page, 2*page) }, "the page at 0x3ffff000 is None, not Ready"},
		"unreserve of Ready":       {func(f *arenatest.Fake) error { return f.Unreserve(base, 4*page) }, "the page at 0x40000000 is Ready, not Reserved"},
		"unreserve of foreign":     {func(f *arenatest.Fake) error { return f.Unreserve(base+7*page, 2*page) }, "is None, not Reserved"},
		"address inside a page":    {func(f *arenatest.Fake) error { return f.Commit(base+2*page+8, page) }, "not whole pages of 4096 bytes"},
		"part of a page":           {func(f *arenatest.Fake) error { return f.Decommit(base, page/2) }, "not whole pages of 4096 bytes"},
		"no page at all":           {func(f *arenatest.Fake) error { return f.Unreserve(base+2*page, 0) }, "not whole pages of 4096 bytes"},
		"reserve of part of pages": {func(f *arenatest.Fake) error { _, err := f.Reserve(0, page+1); return err }, "not whole pages of 4096 bytes"},
		"move of Reserved":         {func(f *arenatest.Fake) error { return f.Move(base, base+2*page, page) }, "Move of 4096 bytes from 0x40002000 to 0x40000000: the page at 0x40002000 is Reserved"},
		"move to Reserved":         {func(f *arenatest.Fake) error { return f.Move(base+page, base, 2*page) }, "the page at 0x40002000 is Reserved"},
		"move onto itself":         {func(f *arenatest.Fake) error { return f.Move(base, base, page) }, "the ranges overlap"},
		"move of a part of a page": {func(f *arenatest.Fake) error { return f.Move(base, base+page+1, page) }, "not whole pages of 4096 bytes"},
		"advice for foreign pages": {func(f *arenatest.Fake) error { return f.Advise(arena.HugeOn, base, arena.HugePage) }, "Advise of huge pages on for 2097152 bytes at 0x40000000: the page at 0x40008000 is None"},
		"advice for small pages":   {func(f *arenatest.Fake) error { return f.Advise(arena.HugeOff, base, page) }, "not whole huge pages"},
		"hint inside a page":       {func(f *arenatest.Fake) error { _, err := f.Reserve(base+1, page); return err }, "not whole pages of 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			var reports notes
			f := arenatest.NewFake(&reports, page)
			for _, grant := range []struct{ addr, size uintptr }{{base, 4 * page}, {base + 4*page, 4 * page}} {
				addr, err := f.Reserve(grant.addr, grant.size)
				require.NoError(t, err)
				require.Equal(t, grant.addr, addr)
			}
			require.NoError(t, f.Commit(base, 2*page))
			require.Empty(t, reports)

			err := breach.call(f)
			require.ErrorContains(t, err, breach.says)
			require.NotErrorIs(t, err, arenatest.ErrRefused)
			require.Equal(t, notes{err.Error()}, reports)
			require.EqualValues(t, 2*page, f.Bytes(arenatest.Ready), "nothing changes")
			require.EqualValues(t, size-2*page, f.Bytes(arenatest.Reserved), "nothing changes")
		})
	}
}

func TestFakeTracksStates(t *testing.T) {
	f := arenatest.NewFake(t, page)
	base, err := f.Reserve(0, 4*page)
	require.NoError(t, err)
	require.NoError(t, f.Commit(base+page, page))
	require.NoError(t, f.Unreserve(base+2*page, 2*page))
	for i, want := range []arenatest.State{arenatest.Reserved, arenatest.Ready, arenatest.None, arenatest.None} {
		require.Equal(t, want, f.State(base+uintptr(i)*page+17), "page %d", i)
	}
	require.NoError(t, f.Decommit(base+page, page))
	require.Equal(t, arenatest.Ready, f.State(base+page))
}

func TestFakeGrantsWhereThereIsRoom(t *testing.T) {
	f := arenatest.NewFake(t, page)
	f.Place(1 << 30)
	f.Occupy(1<<30+2*page, page)
	reserve := func(hint, size uintptr) uintptr {
		addr, err := f.Reserve(hint, size)
		require.NoError(t, err)
		return addr
	}
	require.EqualValues(t, 1<<29, reserve(1<<29, page), "the hint")
	require.EqualValues(t, 1<<30, reserve(1<<29, 2*page), "the hint is taken")
	require.EqualValues(t, 1<<30+3*page, reserve(0, page), "behind what occupies the way")
	require.EqualValues(t, 1<<30+4*page, reserve(1<<30+page, 4*page), "the hint's second page is occupied")
	require.NoError(t, f.Unreserve(1<<30, page))
	require.EqualValues(t, 1<<30, reserve(0, page), "what was unreserved")
}

func TestFakeRefusesWhatHasNoRoom(t *testing.T) {
	f := arenatest.NewFake(t, page)
	f.Place(1 << 30)
	f.Occupy(1<<30+2*page, ^uintptr(0)-1<<30-2*page)
	for _, size := range []uintptr{3 * page, 1 << 31, ^uintptr(page - 1)} {
		_, err := f.Reserve(0, size)
		require.ErrorIs(t, err, arenatest.ErrRefused)
	}
	require.Zero(t, f.Bytes(arenatest.Reserved))
	_, err := f.Reserve(0, 2*page)
	require.NoError(t, err)
}

func TestFakeOverASystemHasMemoryInPagesOfAnySize(t *testing.T) {
	for _, size := range []uintptr{4 << 10, 16 << 10, 64 << 10, 1 << 20} {
		f := arenatest.NewFakeOver(t, arena.Host(), size)
		require.Equal(t, max(size, arena.Host().PageSize()), f.PageSize())
		for range 3 {
			addr, err := f.Reserve(0, f.PageSize())
			require.NoError(t, err)
			require.Zero(t, addr%f.PageSize())
			require.NoError(t, f.Commit(addr, f.PageSize()))
			require.NoError(t, f.Decommit(addr, f.PageSize()))
		}
	}
}

func TestFakeOverASystemGrantsNothingOccupied(t *testing.T) {
	f := arenatest.NewFakeOver(t, arena.Host(), page)
	base, err := f.Reserve(0, 4*f.PageSize())
	require.NoError(t, err)
	require.NoError(t, f.Unreserve(base, 4*f.PageSize()))
	f.Occupy(base+f.PageSize(), 1)
	for range 8 {
		addr, err := f.Reserve(base, 2*f.PageSize())
		require.NoError(t, err)
		require.True(t, addr+2*f.PageSize() <= base+f.PageSize() || base+2*f.PageSize() <= addr, "grant at %#x", addr)
	}
}
