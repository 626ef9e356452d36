package arena_test

import (
	"fmt"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// givenBefore is what Give says to an arena that it has.
func givenBefore(r arena.Region) string {
	return fmt.Sprintf("arena: give of the arena at %#x: given before", r.Base)
}

// tenant lives through a fixed life with a Space: takes, commits and gives arenas. A step that the
// system refuses is repeated, once the refusals are over if need be.
type tenant struct {
	t      *testing.T
	space  *arena.Space
	system *arenatest.Faulty
	owned  map[uintptr]bool // by base: arenas this tenant has now
	seen   map[uintptr]bool // all that it ever had
}

func (l *tenant) live() {
	pair := l.take(2, 0)
	l.commit(pair)
	next := l.take(1, end(pair))
	l.commit(next)
	l.give(pair)
	other := l.take(2, 0)
	l.commit(other)
	l.give(other)
	l.give(next)
	l.give(l.take(3, 0))
}

// step does try until it is not refused.
func (l *tenant) step(try func() error) {
	if err := try(); err != nil {
		require.ErrorIs(l.t, err, arenatest.ErrRefused)
		if err = try(); err != nil {
			require.ErrorIs(l.t, err, arenatest.ErrRefused)
			l.system.Refuse(nil)
			require.NoError(l.t, try())
		}
	}
}

func (l *tenant) take(n int, after uintptr) (regions []arena.Region) {
	l.step(func() (err error) {
		regions, err = l.space.Take(n, after)
		return err
	})
	requireArenas(l.t, regions, n)
	for _, r := range regions {
		require.False(l.t, l.owned[r.Base], "arena at %#x is owned", r.Base)
		l.owned[r.Base], l.seen[r.Base] = true, true
	}
	return regions
}

func (l *tenant) commit(regions []arena.Region) {
	for i := range regions {
		l.step(func() error { return regions[i].Commit(l.system, regions[i].Base, mib+1) })
	}
}

func (l *tenant) give(regions []arena.Region) {
	for _, r := range regions {
		delete(l.owned, r.Base)
	}
	l.space.Give(regions)
}

func TestEveryCallMayBeRefused(t *testing.T) {
	rules := map[string]func(arenatest.Verb, int) func(arenatest.Call) bool{
		"once":     arenatest.Nth,
		"from_now": arenatest.From,
	}
	for name, rule := range rules {
		for _, place := range []uintptr{0, aligned, misaligned} {
			for _, verb := range arenatest.Verbs() {
				t.Run(fmt.Sprintf("refuse=%v/%s/place=%#x", verb, name, place), func(t *testing.T) {
					refused := true
					for k := 1; refused; k++ {
						fake := arenatest.NewFake(t, 64<<10)
						if place != 0 {
							crowd(fake, place)
						}
						faulty := arenatest.NewFaulty(fake)
						refused = false
						hits := rule(verb, k)
						faulty.Refuse(func(c arenatest.Call) bool {
							hit := hits(c)
							refused = refused || hit
							return hit
						})
						l := &tenant{t, arena.NewSpace(faulty), faulty, map[uintptr]bool{}, map[uintptr]bool{}}
						l.live()

						faulty.Refuse(nil)
						l.give(l.take(1, 0))
						require.EqualValues(t, len(l.seen)*arena.Size,
							fake.Bytes(arenatest.Reserved)+fake.Bytes(arenatest.Ready), "k=%d: nothing but arenas is left", k)
					}
				})
			}
		}
	}
}

func TestAnArenaIsZeroBeforeItHasANewOwner(t *testing.T) {
	faulty := arenatest.NewFaulty(arenatest.NewFakeOver(t, arena.Host(), 4096))
	space := arena.NewSpace(faulty)
	old := take(t, space, 1, 0)
	require.NoError(t, old[0].Commit(faulty, old[0].Base, mib))
	fill(old[0].Base, mib, 7)

	faulty.Refuse(arenatest.From(arenatest.Decommit, 1))
	space.Give(old)
	other := take(t, space, 1, 0)
	require.NotEqual(t, old[0].Base, other[0].Base, "not while it cannot be cleared")

	faulty.Refuse(nil)
	again := take(t, space, 1, 0)
	require.Equal(t, old, again)
	requireAll(t, 0, old[0].Base, mib)
	space.Give(append(other, again...))
}

func TestRefusedAddressSpaceIsAnErrorThatSaysHowMuch(t *testing.T) {
	space, faulty, fake := numbers(t)
	faulty.Refuse(arenatest.From(arenatest.Reserve, 1))
	_, err := space.Take(2, 0)
	require.ErrorIs(t, err, arenatest.ErrRefused)
	require.ErrorContains(t, err, fmt.Sprint(2*arena.Size))
	require.Zero(t, fake.Bytes(arenatest.Reserved))
	faulty.Refuse(nil)
	take(t, space, 2, 0)
	require.Equal(t, 1, faulty.Calls(arenatest.Reserve), "the hint is still good")
}
