package smaps

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const someMaps = `00400000-00500000 r-xp 00000000 08:02 173521      /usr/bin/program
Size:               1024 kB
Rss:                 900 kB
Anonymous:             0 kB
c000000000-c000100000 rw-p 00000000 00:00 0
Rss:                 512 kB
AnonHugePages:       256 kB
Swap:                 12 kB
c000100000-c000200000 ---p 00000000 00:00 0
Rss:                   0 kB
VmFlags: mr mw me
`

const someRollup = `00400000-7ffd00000000 ---p 00000000 00:00 0      [rollup]
Rss:                1412 kB
Anonymous:           512 kB
AnonHugePages:       256 kB
Swap:                 12 kB
`

func folderWith(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666))
	}
	return folder
}

func TestExtentsAreFoundAmongTheMappings(t *testing.T) {
	folder := folderWith(t, map[string]string{"smaps": someMaps, "smaps_rollup": someRollup})
	v, err := Read(folder, []Extent{{0xc000040000, 0x180000}, {0x10000000, 4096}})
	require.NoError(t, err)
	want := View{Mapped: 0xc0000, Resident: 512 << 10, Swapped: 12 << 10, Huge: 256 << 10, Untouched: 0xc0000, Mappings: 2}
	want.Process.Resident, want.Process.Anonymous = 1412<<10, 512<<10
	want.Process.Huge, want.Process.Swapped, want.Process.Mappings = 256<<10, 12<<10, 3
	require.Equal(t, want, v)

	v, err = Read(folder, []Extent{{0xc000000000, 4096}})
	require.NoError(t, err)
	require.EqualValues(t, 4096, v.Resident, "no more than is asked about")
	v, err = Read(folder, nil)
	require.NoError(t, err)
	require.Zero(t, v.Mapped+v.Resident+v.Mappings)
}

func TestFilesThatAreNotThere(t *testing.T) {
	_, err := Read(t.TempDir(), nil)
	require.True(t, os.IsNotExist(err))
	_, err = Read(folderWith(t, map[string]string{"smaps": someMaps}), nil)
	require.True(t, os.IsNotExist(err))
}
