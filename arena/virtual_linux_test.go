package arena_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// mapping is one entry of /proc/self/smaps.
type mapping struct {
	addr, end uintptr
	resident  uintptr // bytes
}

// mappingsOf returns the kernel's mappings that lie in or over [addr, addr+size).
func mappingsOf(t testing.TB, addr, size uintptr) (in []mapping) {
	t.Helper()
	file, err := os.Open("/proc/self/smaps")
	require.NoError(t, err)
	defer file.Close()
	var all []mapping
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if kib, isRss := strings.CutPrefix(line, "Rss:"); isRss {
			n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(kib, "kB")), 10, 64)
			require.NoError(t, err)
			all[len(all)-1].resident = uintptr(n) << 10
			continue
		}
		var m mapping
		if n, _ := fmt.Sscanf(line, "%x-%x ", &m.addr, &m.end); n == 2 {
			all = append(all, m)
		}
	}
	for _, m := range all {
		if m.addr < addr+size && addr < m.end {
			in = append(in, m)
		}
	}
	require.NotEmpty(t, in)
	return in
}

// mappedArena returns an arena that the kernel mapped, in every build. There is a reserved arena on each
// side, so that the kernel joins it to nothing else.
func mappedArena(t testing.TB) (*arena.Region, arena.System) {
	t.Helper()
	space := arena.NewSpace(arena.Metadata())
	regions := take(t, space, 3, 0)
	t.Cleanup(func() { space.Give(regions) })
	return &regions[1], space.System()
}

// resident returns how many bytes of the arena are in memory.
func resident(t testing.TB, r *arena.Region) (n uintptr) {
	t.Helper()
	for _, m := range mappingsOf(t, r.Base, arena.Size) {
		n += m.resident
	}
	return n
}

func TestResidentSizeFollowsUse(t *testing.T) {
	r, s := mappedArena(t)
	require.Zero(t, resident(t, r), "reserved")
	require.NoError(t, r.Commit(s, r.Base, 4*mib))
	require.Zero(t, resident(t, r), "committed")
	fill(r.Base, 4*mib, 7)
	require.EqualValues(t, 4*mib, resident(t, r), "written")
	require.NoError(t, r.Decommit(s, r.Base+mib, 2*mib))
	require.EqualValues(t, 2*mib, resident(t, r), "half given back")
	fill(r.Base+mib, mib, 9)
	require.EqualValues(t, 3*mib, resident(t, r), "some written again")
	require.NoError(t, r.Decommit(s, r.Base, 4*mib))
	require.Zero(t, resident(t, r), "all given back")
	requireAll(t, 0, r.Base, 4*mib)
}

func TestAnArenaIsAtMostTwoMappings(t *testing.T) {
	r, s := mappedArena(t)
	const step = arena.Size / 16
	for offset := uintptr(0); offset < arena.Size; offset += step {
		require.NoError(t, r.Commit(s, r.Base+offset, step))
		fill(r.Base+offset, 8192, 7)
		require.NoError(t, r.Decommit(s, r.Base+offset/2&^(step-1), step/2))
		require.LessOrEqual(t, len(mappingsOf(t, r.Base, arena.Size)), 2)
	}
}

// dropsLocked tells whether this kernel drops locked memory on advice: Linux from 5.18 on does, emulators
// of it may say so and not do it.
func dropsLocked(t *testing.T) bool {
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	defer unix.Munmap(b)
	b[0] = 7
	require.NoError(t, unix.Mlock(b))
	return unix.Madvise(b, unix.MADV_DONTNEED_LOCKED) == nil && b[0] == 0
}

func TestLockedMemoryIsGivenBackIfTheKernelCan(t *testing.T) {
	r, s := mappedArena(t)
	page := s.PageSize()
	require.NoError(t, r.Commit(s, r.Base, 2*page))
	fill(r.Base, 2*page, 7)
	require.NoError(t, unix.Mlock(at(r.Base, page)))
	defer unix.Munlock(at(r.Base, page))

	err := r.Decommit(s, r.Base, page)
	if dropsLocked(t) {
		require.NoError(t, err)
		requireAll(t, 0, r.Base, page)
	} else if err != nil {
		require.ErrorIs(t, err, syscall.EINVAL)
		requireAll(t, 7, r.Base, page)
	}
	requireAll(t, 7, r.Base+page, page)
}

func TestRefusalsWrapTheErrorNumber(t *testing.T) {
	s := arena.Metadata()
	page := s.PageSize()
	base, err := s.Reserve(0, page)
	require.NoError(t, err)

	_, err = s.Reserve(0, -page)
	require.ErrorIs(t, err, syscall.ENOMEM)
	for verb, err := range map[string]error{
		"commit":    s.Commit(base+1, page),
		"decommit":  s.Decommit(base+1, page),
		"unreserve": s.Unreserve(base+1, page),
	} {
		require.ErrorIs(t, err, syscall.EINVAL)
		require.EqualError(t, err, fmt.Sprintf("arena: %s of %d bytes at %#x refused: %v", verb, page, base+1, syscall.EINVAL))
		var errno syscall.Errno
		require.True(t, errors.As(err, &errno))
	}
	require.NoError(t, s.Commit(base, page))
}
