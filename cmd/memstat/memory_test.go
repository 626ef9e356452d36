package main

import (
	"bytes"
	"math"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/internal/trace"
)

// recorded returns a trace file of the events.
func recorded(t *testing.T, events ...trace.Event) string {
	t.Helper()
	var b bytes.Buffer
	w := trace.NewWriter(&b)
	for _, e := range events {
		_, err := w.Write(e)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String()
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

func TestATraceThatNeedsTooMuchIsRefusedBeforeItsReplay(t *testing.T) {
	huge := recorded(t,
		trace.Event{Op: trace.Alloc, Size: 100},
		trace.Event{Op: trace.Free, ID: 0},
		trace.Event{Op: trace.Alloc, Size: 1 << 30})
	sum := recorded(t,
		trace.Event{Op: trace.Alloc, Size: 600 * kib},
		trace.Event{Op: trace.Alloc, Size: 200 * kib},
		trace.Event{Op: trace.Free, ID: 0},
		trace.Event{Op: trace.AllocZeroed, Size: 500 * kib},
		trace.Event{Op: trace.Realloc, ID: 1, Size: 600 * kib})
	var small []trace.Event
	for range 1000 {
		small = append(small, trace.Event{Op: trace.Alloc}, trace.Event{Op: trace.Free, ID: uint32(len(small) / 2)})
	}
	for name, c := range map[string]struct {
		file, maxMemory, threads, want string
	}{
		"one huge block": {huge, "1MiB", "1",
			"event 2 asks for block 1 of 1,073,741,824 bytes: with it the replay takes 1.00 GiB on 1 thread, more than the 1.00 MiB of -max-memory"},
		"a sum, at a reallocation": {sum, "1MiB", "1", "event 4 asks for block 3 of 614,400 bytes: with it the replay takes"},
		"the sum of threads":       {sum, "1.5MiB", "2", "event 1 asks for block 1 of 204,800 bytes: with it the replay takes 1.56 MiB on 2 threads, more than the 1.50 MiB"},
		"address space": {recorded(t, trace.Event{Op: trace.AllocAligned, Align: trace.MaxAlign, Size: 8}), "1MiB", "1",
			"event 0 asks for block 0 of 8 bytes aligned to 1.00 GiB: with it the replay takes 2.00 MiB"},
		"tables": {recorded(t, small...), "10kB", "2", "the tables of 1,000 blocks take"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := memstat(c.file, "replay", "-max-memory", c.maxMemory, "-threads", c.threads, "-")
			require.Equal(t, exitFailure, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, "memstat replay: standard input: "+c.want)
		})
	}
}

func TestATraceThatNeedsNoMoreThanTheLimitIsReplayed(t *testing.T) {
	file := recorded(t, trace.Event{Op: trace.Alloc, Size: mib - blockEntry})
	require.Contains(t, succeed(t, file, "replay", "-rounds", "1", "-settle", "0", "-max-memory", "1MiB", "-"), "1 event, 1 block, ")
}

func TestMemoryLeftIsTheLeastThatAnyoneAllows(t *testing.T) {
	type files map[string]string
	meminfo := files{"proc/meminfo": "MemTotal:       4096 kB\nMemFree:         128 kB\nMemAvailable:   2048 kB\n"}
	for name, c := range map[string]struct {
		files files
		left  uint64
	}{
		"machine alone": {files{}, 2 * mib},
		"version 2": {files{
			"proc/self/cgroup":             "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "1048576\n",
		}, mib},
		"above": {files{
			"proc/self/cgroup":             "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "1048576\n",
			"sys/fs/cgroup/a/memory.max":   "524288\n",
		}, mib / 2},
		"no limit": {files{
			"proc/self/cgroup":           "0::/a\n",
			"sys/fs/cgroup/a/memory.max": "max\n",
		}, 2 * mib},
		"larger than the machine": {files{
			"proc/self/cgroup":           "0::/a\n",
			"sys/fs/cgroup/a/memory.max": "1073741824\n",
		}, 2 * mib},
		"version 1": {files{
			"proc/self/cgroup":                             "8:pids:/c\n4:memory:/c\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n",
			"sys/fs/cgroup/memory/c/memory.limit_in_bytes": "65536\n",
		}, 64 * kib},
		"the hierarchy begins at the group": {files{
			"proc/self/cgroup":         "0::/outside/../of/sight\n",
			"sys/fs/cgroup/memory.max": "4096\n",
		}, 4 * kib},
		"nonsense": {files{"proc/self/cgroup": "what\n\n:::"}, 2 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for _, some := range []files{meminfo, c.files} {
				for name, text := range some {
					root[name] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			left, ok := memoryLeft(root)
			require.True(t, ok)
			require.Equal(t, c.left, left)
		})
	}
	_, ok := memoryLeft(fstest.MapFS{})
	require.False(t, ok)
	_, ok = memoryLeft(fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 4096 kB\n")}})
	require.False(t, ok)
}

func TestThereIsAlwaysALimit(t *testing.T) {
	require.Positive(t, defaultMaxMemory())
	require.LessOrEqual(t, defaultMaxMemory(), uint64(math.MaxInt/2))
}
