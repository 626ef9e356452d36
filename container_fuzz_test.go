package spanheap

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever the files hold, the limit is a number below what is no limit, or there is an error.
func FuzzContainerLimit(f *testing.F) {
	f.Add("0::/a/b\n", mountV2, "4096\n")
	f.Add("4:memory:/a\n0::/\n", mountV1+mountOthers, "max\n")
	f.Add("0::/../x\n", "30 23 0:26 /.. /sys\\040fs rw - cgroup2 c rw\n", "-1\n")
	f.Fuzz(func(t *testing.T, groups, mounts, limit string) {
		root := files{"proc/self/cgroup": groups, "proc/self/mountinfo": mounts,
			"sys/fs/cgroup/memory.max": limit, "sys/fs/cgroup/a/memory.max": limit, "sys/fs/cgroup/memory/memory.limit_in_bytes": limit}.system()
		n, err := containerLimit(root)
		if err != nil {
			require.Zero(t, n)
			require.True(t, errors.Is(err, ErrNoLimit) || err.Error() != "")
			return
		}
		require.Less(t, n, uint64(unlimited))
	})
}
