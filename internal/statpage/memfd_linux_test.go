package statpage

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestOthersReadAProcessesPage(t *testing.T) {
	w, err := Create()
	require.NoError(t, err)
	name := fmt.Sprintf("/proc/self/fd/%d", w.fd)
	link, err := os.Readlink(name)
	require.NoError(t, err)
	require.Equal(t, "/memfd:"+Name+" (deleted)", link)

	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	_, err = Read(file)
	require.ErrorIs(t, err, ErrBroken)
	for heaps := range 4 {
		p := numbered(heaps, 10)
		require.NoError(t, w.Write(p))
		got, err := Read(file)
		require.NoError(t, err)
		require.Equal(t, p.Process, got.Process)
		require.Len(t, got.Heaps, heaps)
	}
	require.Error(t, unix.Ftruncate(w.fd, 0), "sealed")
	require.Error(t, unix.Ftruncate(w.fd, 2*PageBytes), "sealed")
	require.NoError(t, w.Close())
	_, err = os.Readlink(name)
	require.Error(t, err)
}

// A program may close all descriptors and use their numbers again.
func TestAStrangersDescriptorIsLeftAlone(t *testing.T) {
	w, err := Create()
	require.NoError(t, err)
	null, err := unix.Open(os.DevNull, unix.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Dup3(null, w.fd, unix.O_CLOEXEC))
	require.NoError(t, w.Write(numbered(2, 2)))
	require.NoError(t, w.Close())
	_, err = unix.FcntlInt(uintptr(w.fd), unix.F_GETFD, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Close(w.fd))
	require.NoError(t, unix.Close(null))
}
