package arena_test

import (
	"math"
	"sync"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// misaligned and aligned are where a crowded fake has room: a GiB, and no room at any hint.
const (
	aligned    = 0x1000_0000
	misaligned = aligned + 1<<16
	roomEnd    = 0x5000_0000
)

// crowd leaves no room in the fake but from addr to roomEnd.
func crowd(fake *arenatest.Fake, addr uintptr) {
	fake.Occupy(roomEnd, math.MaxUint-roomEnd)
	fake.Place(addr)
}

// take takes n arenas and checks that they are contiguous arenas.
func take(t testing.TB, p *arena.Space, n int, after uintptr) []arena.Region {
	t.Helper()
	regions, err := p.Take(n, after)
	require.NoError(t, err)
	requireArenas(t, regions, n)
	return regions
}

func requireArenas(t testing.TB, regions []arena.Region, n int) {
	t.Helper()
	require.Len(t, regions, n)
	require.NotZero(t, regions[0].Base)
	for i, r := range regions {
		require.Zero(t, r.Base%arena.Size, "arena %d at %#x", i, r.Base)
		require.Equal(t, regions[0].Base+uintptr(i)*arena.Size, r.Base, "arena %d", i)
	}
}

// end returns the first address after the arenas.
func end(regions []arena.Region) uintptr { return regions[len(regions)-1].Base + arena.Size }

func TestTakeGrantsFreshContiguousArenas(t *testing.T) {
	space, faulty, fake := numbers(t)
	regions := take(t, space, 3, 0)
	for _, r := range regions {
		require.Equal(t, r.Base, r.Ready)
	}
	require.EqualValues(t, 3*arena.Size, fake.Bytes(arenatest.Reserved))
	require.Equal(t, 1, faulty.Calls(arenatest.Reserve))
	require.Equal(t, end(regions), take(t, space, 1, 0)[0].Base, "the next take follows")
}

func TestTakeRejectsImpossibleWishes(t *testing.T) {
	space, faulty, _ := numbers(t)
	for _, n := range []int{0, -1, math.MinInt, math.MaxInt} {
		_, err := space.Take(n, 0)
		require.ErrorContains(t, err, "arenas: want 1 to ")
	}
	for _, after := range []uintptr{1, arena.Size - 1, arena.Size + 4096} {
		_, err := space.Take(1, after)
		require.ErrorContains(t, err, "not a multiple of")
	}
	require.Zero(t, faulty.Calls(arenatest.Reserve))
}

func TestArenaCollision(t *testing.T) {
	type occupied struct{ addr, size uintptr }
	var others []occupied
	for range 10 {
		fake := arenatest.NewFake(t, 64<<10)
		for _, o := range others {
			fake.Occupy(o.addr, o.size)
		}
		space := arena.NewSpace(fake)
		regions := append(take(t, space, 2, 0), take(t, space, 1, 0)...)
		require.EqualValues(t, 3*arena.Size, fake.Bytes(arenatest.Reserved))
		for _, r := range regions {
			for _, o := range others {
				require.True(t, r.Base+arena.Size <= o.addr || o.addr+o.size <= r.Base, "arena at %#x over %#x", r.Base, o.addr)
			}
		}
		others = append(others, occupied{regions[1].Base + 320<<10, 64 << 10})
	}
}

func TestAnAlignedGrantElsewhereIsGood(t *testing.T) {
	space, faulty, fake := numbers(t)
	crowd(fake, aligned)
	require.EqualValues(t, aligned, take(t, space, 2, 0)[0].Base)
	require.Equal(t, 1, faulty.Calls(arenatest.Reserve))
	require.Zero(t, faulty.Calls(arenatest.Unreserve))
}

func TestAMisalignedGrantIsCutFromALargerOne(t *testing.T) {
	space, faulty, fake := numbers(t)
	crowd(fake, misaligned)
	first := take(t, space, 2, 0)
	require.EqualValues(t, 2*arena.Size, fake.Bytes(arenatest.Reserved), "the ends go back")

	faulty.Refuse(nil)
	take(t, space, 1, 0)
	require.LessOrEqual(t, faulty.Calls(arenatest.Reserve), 2, "hints that failed are not tried again")
	require.EqualValues(t, 3*arena.Size, fake.Bytes(arenatest.Reserved))
	require.Equal(t, arenatest.Reserved, fake.State(first[0].Base))
}

func TestTakePrefersToStartAtAfter(t *testing.T) {
	const wish = 0x7000_0000
	space, _, fake := numbers(t)
	require.EqualValues(t, wish, take(t, space, 2, wish)[0].Base)

	elsewhere := take(t, space, 1, wish)
	require.NotEqualValues(t, wish, elsewhere[0].Base, "taken by an arena")
	fake.Occupy(end(elsewhere)+arena.Size, 4096)
	other := take(t, space, 2, end(elsewhere))
	require.NotEqual(t, end(elsewhere), other[0].Base, "taken by somebody else")
	require.EqualValues(t, 5*arena.Size, fake.Bytes(arenatest.Reserved))
}

func TestAfterIsFoundAmongArenasGivenBack(t *testing.T) {
	space, faulty, _ := numbers(t)
	all := take(t, space, 4, 0)
	space.Give(all)
	faulty.Refuse(nil)
	require.Equal(t, all[1:3], take(t, space, 2, all[1].Base))
	require.Zero(t, faulty.Calls(arenatest.Reserve))
	require.Equal(t, end(all), take(t, space, 2, end(all))[0].Base, "fresh space at the wish comes before the pool")
}

func TestArenasGivenBackAreUsedAgain(t *testing.T) {
	space, faulty, fake := numbers(t)
	regions := take(t, space, 2, 0)
	require.NoError(t, regions[1].Commit(faulty, regions[1].Base, 2*mib))
	faulty.Refuse(nil)

	space.Give(regions)
	require.Equal(t, 1, faulty.Calls(arenatest.Decommit), "an untouched arena has nothing to give back")
	require.Equal(t, arenatest.Reserved, fake.State(regions[0].Base))
	require.Equal(t, arenatest.Ready, fake.State(regions[1].Base))

	require.Equal(t, regions, take(t, space, 2, 0), "with their marks")
	require.Zero(t, faulty.Calls(arenatest.Reserve)+faulty.Calls(arenatest.Unreserve))
	require.NotContains(t, take(t, space, 1, 0), regions[0])
}

func TestTakeOpensTheShortestRunThatFits(t *testing.T) {
	space, faulty, _ := numbers(t)
	all := take(t, space, 10, 0)
	space.Give(all[7:9]) // in any order
	space.Give(all[4:5])
	space.Give(all[0:3])
	faulty.Refuse(nil)
	require.Equal(t, all[7:9], take(t, space, 2, 0))
	require.Equal(t, all[4:5], take(t, space, 1, 0))
	require.Equal(t, all[0:1], take(t, space, 1, 0))
	require.Equal(t, all[1:3], take(t, space, 2, 0))
	require.Zero(t, faulty.Calls(arenatest.Reserve))
}

func TestArenasApartAreNoRun(t *testing.T) {
	space, faulty, _ := numbers(t)
	all := take(t, space, 3, 0)
	space.Give([]arena.Region{all[0], all[2]})
	faulty.Refuse(nil)
	fresh := take(t, space, 2, 0)
	require.Equal(t, 1, faulty.Calls(arenatest.Reserve))
	require.NotContains(t, fresh, all[0])
	require.NotContains(t, fresh, all[2])
	space.Give(all[1:2])
	require.Equal(t, all, take(t, space, 3, 0), "the gap is closed")
}

func TestGivePanicsOnWhatIsNotTheCallersArena(t *testing.T) {
	space, faulty, _ := numbers(t)
	regions := take(t, space, 2, 0)
	require.NoError(t, regions[1].Commit(faulty, regions[1].Base, mib))
	faulty.Refuse(arenatest.From(arenatest.Decommit, 1))
	space.Give(regions)
	for _, r := range regions {
		require.PanicsWithValue(t, givenBefore(r), func() { space.Give([]arena.Region{r}) })
	}
	for _, r := range []arena.Region{
		{},
		{Base: arena.Size + 4096, Ready: arena.Size + 4096},
		{Base: 2 * arena.Size, Ready: arena.Size},
		{Base: 2 * arena.Size, Ready: 3*arena.Size + 4096},
	} {
		require.Panics(t, func() { space.Give([]arena.Region{r}) })
	}
	take(t, space, 1, 0) // the lock is free
}

func TestOwnersNeverShareAnArena(t *testing.T) {
	space, faulty, fake := numbers(t)
	crowd(fake, misaligned)
	var mu sync.Mutex
	owned := map[uintptr]bool{}
	mark := func(regions []arena.Region, owner bool) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range regions {
			if owned[r.Base] == owner {
				t.Errorf("arena at %#x: two owners", r.Base)
			}
			owned[r.Base] = owner
		}
	}
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 50 {
				regions, err := space.Take(1+(g+i)%2, 0)
				if err != nil {
					t.Error(err)
					return
				}
				mark(regions, true)
				for j := range regions {
					if err := regions[j].Commit(faulty, regions[j].Base, mib); err != nil {
						t.Error(err)
					}
				}
				mark(regions, false)
				space.Give(regions)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, len(owned)*arena.Size, fake.Bytes(arenatest.Reserved)+fake.Bytes(arenatest.Ready))
	require.LessOrEqual(t, len(owned), 32, "arenas given back serve later takes")
}

func TestSpacesWithTheSameHintsDoNotMeet(t *testing.T) {
	for name, s := range map[string]arena.System{"host": arena.Host(), "metadata": arena.Metadata()} {
		t.Run("system="+name, func(t *testing.T) {
			var bases []uintptr
			for i := range 7 { // more than there are hints
				base := take(t, arena.NewSpace(s), 1, 0)[0].Base
				require.NotContains(t, bases, base)
				require.NoError(t, s.Commit(base, arena.Size))
				fill(base, s.PageSize(), byte(i+1))
				fill(base+arena.Size-s.PageSize(), s.PageSize(), byte(i+1))
				bases = append(bases, base)
			}
			for i, base := range bases {
				requireAll(t, byte(i+1), base, s.PageSize())
				requireAll(t, byte(i+1), base+arena.Size-s.PageSize(), s.PageSize())
			}
		})
	}
}

func TestTheProcessSharesOneSpaceOverTheHost(t *testing.T) {
	space := arena.Process()
	require.Same(t, space, arena.Process())
	require.Equal(t, arena.Host(), space.System())

	regions := take(t, space, 2, 0)
	for i := range regions {
		r := &regions[i]
		require.NoError(t, r.Commit(space.System(), r.Base+2*mib, 4096))
		requireAll(t, 0, r.Base, 2*mib+4096)
		fill(r.Base, 2*mib+4096, 7)
	}
	more := take(t, space, 1, end(regions))
	require.NoError(t, more[0].Commit(space.System(), more[0].Base, 4096))
	requireAll(t, 0, more[0].Base, 4096)

	space.Give(regions)
	again := take(t, space, 2, regions[0].Base)
	require.Equal(t, regions, again)
	requireAll(t, 0, again[0].Base, 2*mib+4096)
	requireAll(t, 0, again[1].Base, 2*mib+4096)
	space.Give(again)
	space.Give(more)
}
