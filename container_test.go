package spanheap

import (
	"errors"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	mountV2     = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	mountV1     = "34 25 0:29 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n"
	mountOthers = "23 1 8:1 / / rw - ext4 /dev/sda1 rw\n35 25 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
)

type files map[string]string

func (f files) system() fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range f {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestContainerLimit(t *testing.T) {
	for name, c := range map[string]struct {
		files files
		limit uint64 // 0: none
	}{
		"version 2": {files{
			"proc/self/cgroup":             "0::/a/b\n",
			"proc/self/mountinfo":          mountOthers + mountV2,
			"sys/fs/cgroup/a/b/memory.max": "1048576\n",
		}, 1 << 20},
		"version 2, the group is the container's root": {files{
			"proc/self/cgroup":         "0::/\n",
			"proc/self/mountinfo":      mountV2,
			"sys/fs/cgroup/memory.max": "4096\n",
		}, 4096},
		"version 2, a group above allows less": {files{
			"proc/self/cgroup":               "0::/a/b/c\n",
			"proc/self/mountinfo":            mountV2,
			"sys/fs/cgroup/a/b/c/memory.max": "1048576\n",
			"sys/fs/cgroup/a/b/memory.max":   "max\n",
			"sys/fs/cgroup/a/memory.max":     "524288\n",
		}, 512 << 10},
		"version 2, no limit": {files{
			"proc/self/cgroup":           "0::/a\n",
			"proc/self/mountinfo":        mountV2,
			"sys/fs/cgroup/a/memory.max": "max\n",
		}, 0},
		"version 2, no file": {files{
			"proc/self/cgroup":    "0::/\n",
			"proc/self/mountinfo": mountV2,
		}, 0},
		"version 2, mounted elsewhere": {files{
			"proc/self/cgroup":           "0::/a\n",
			"proc/self/mountinfo":        "30 23 0:26 / /mnt/of\\040groups rw - cgroup2 none rw\n",
			"mnt/of groups/a/memory.max": "8192\n",
		}, 8192},
		"version 2, a part is mounted": {files{
			"proc/self/cgroup":               "0::/docker/id/inner\n",
			"proc/self/mountinfo":            "30 23 0:26 /docker/id /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
			"sys/fs/cgroup/inner/memory.max": "8192\n",
			"sys/fs/cgroup/memory.max":       "16384\n",
		}, 8192},
		"version 2, the group lies outside of what is mounted": {files{
			"proc/self/cgroup":               "0::/../other\n",
			"proc/self/mountinfo":            mountV2,
			"sys/fs/cgroup/memory.max":       "8192\n",
			"sys/fs/cgroup/other/memory.max": "1\n",
		}, 8192},
		"a group whose name begins like the mounted one": {files{
			"proc/self/cgroup":         "0::/docker/identity\n",
			"proc/self/mountinfo":      "30 23 0:26 /docker/id /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
			"sys/fs/cgroup/memory.max": "8192\n",
		}, 8192},
		"version 1": {files{
			"proc/self/cgroup":                             "8:pids:/c\n4:hugetlb,memory:/c\n",
			"proc/self/mountinfo":                          mountOthers + mountV1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n",
			"sys/fs/cgroup/memory/c/memory.limit_in_bytes": "65536\n",
		}, 64 << 10},
		"version 1, no limit": {files{
			"proc/self/cgroup":                           "4:memory:/\n",
			"proc/self/mountinfo":                        mountV1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0},
		"version 1, pages of 64 KiB and no limit": {files{
			"proc/self/cgroup":                           "4:memory:/\n",
			"proc/self/mountinfo":                        mountV1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854710272\n",
		}, 0},
		"version 1 in a container that sees the host's group": {files{
			"proc/self/cgroup":                           "4:memory:/docker/id\n",
			"proc/self/mountinfo":                        "34 25 0:29 /docker/id /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "65536\n",
		}, 64 << 10},
		"hybrid, the limit in version 1": {files{
			"proc/self/cgroup":                             "4:memory:/c\n0::/user\n",
			"proc/self/mountinfo":                          mountV1 + "31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			"sys/fs/cgroup/memory/c/memory.limit_in_bytes": "65536\n",
		}, 64 << 10},
		"no groups":       {files{"proc/self/cgroup": "", "proc/self/mountinfo": mountV2}, 0},
		"nothing mounted": {files{"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mountOthers}, 0},
		"no mountinfo":    {files{"proc/self/cgroup": "0::/a\n"}, 0},
		"no proc":         {files{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			limit, err := containerLimit(c.files.system())
			if c.limit == 0 {
				require.ErrorIs(t, err, ErrNoLimit)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.limit, limit)
		})
	}
}

// What cannot be understood is not taken for the absence of a limit.
func TestBrokenContainerFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files files
		names string
	}{
		"limit":     {files{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/memory.max": "lots\n"}, "/sys/fs/cgroup/memory.max"},
		"empty":     {files{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/memory.max": ""}, "/sys/fs/cgroup/memory.max"},
		"group":     {files{"proc/self/cgroup": "what\n", "proc/self/mountinfo": mountV2}, "/proc/self/cgroup"},
		"mount":     {files{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": "30 23 - cgroup2\n"}, "/proc/self/mountinfo"},
		"directory": {files{"proc/self/cgroup/x": "", "proc/self/mountinfo": mountV2}, "proc/self/cgroup"},
	} {
		_, err := containerLimit(c.files.system())
		require.ErrorContains(t, err, c.names, name)
		require.NotErrorIs(t, err, ErrNoLimit, name)
	}
}

func TestGoMemoryLimitIsWhatIsLeft(t *testing.T) {
	root := files{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/memory.max": "1600\n"}.system()
	for backed, want := range map[uint64]uint64{0: 1600, 1000: 600, 1500: 100, 1501: 100, 1600: 100, 5000: 100} {
		got, err := goMemoryLimit(root, backed)
		require.NoError(t, err)
		require.Equal(t, want, got, "%d backed", backed)
	}
	_, err := goMemoryLimit(fstest.MapFS{}, 0)
	require.ErrorIs(t, err, ErrNoLimit)
}

func TestGoMemoryLimitOfThisProcess(t *testing.T) {
	if limit, err := GoMemoryLimit(); err == nil {
		require.NotZero(t, limit)
	} else {
		require.ErrorIs(t, err, ErrNoLimit)
	}
}

func TestTrackGoMemoryLimit(t *testing.T) {
	set := func() int64 { return debug.SetMemoryLimit(-1) }
	before := set()
	synctest.Test(t, func(t *testing.T) {
		var says atomic.Uint64 // 0: an error
		provider := func() (uint64, error) {
			if n := says.Load(); n > 0 {
				return n, nil
			}
			return 0, errors.New("no idea")
		}
		_, err := TrackGoMemoryLimit(provider, time.Minute)
		require.EqualError(t, err, "no idea")
		_, err = TrackGoMemoryLimit(provider, 0)
		require.Error(t, err)
		require.Equal(t, before, set())

		says.Store(5 << 30)
		stop, err := TrackGoMemoryLimit(provider, time.Minute)
		require.NoError(t, err)
		require.Equal(t, int64(5<<30), set(), "at once")
		for _, n := range []uint64{4 << 30, 0} {
			says.Store(n)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, int64(4<<30), set(), "an error changes nothing")
		}
		stop()
		stop()
		require.Equal(t, before, set())
	})
}
