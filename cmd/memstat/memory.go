package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/spanheap/spanheap/internal/trace"
)

// What a replay may take of the machine's memory: the blocks of all threads, and the tables that
// they are kept in. A trace that needs more is refused before the first call.

// checkMemory returns an error if the replay of the trace would take more than o allows.
func (o replayOptions) checkMemory(t *trace.Trace) error {
	tables := uint64(o.threads) * uint64(t.Blocks) * blockEntry
	if tables > o.maxMemory {
		return fmt.Errorf("the tables of %s blocks take %s on %s, more than the %s of -max-memory",
			count(t.Blocks), size(tables), threads(o.threads), size(o.maxMemory))
	}
	perThread := (o.maxMemory - tables) / uint64(o.threads)
	taken := uint64(0)
	blocks := make([]uint64, 0, t.Blocks) // what each takes
	for i, e := range t.Events {
		if e.Op == trace.Free || e.Op == trace.Realloc {
			taken -= blocks[e.ID]
		}
		if e.Op == trace.Free {
			continue
		}
		takes := e.Size + 1<<e.Align/addressesPerRecord
		if taken += takes; taken > perThread {
			return fmt.Errorf("event %d asks for block %d of %s bytes%s: with it the replay takes %s on %s, more than the %s of -max-memory",
				i, len(blocks), count(e.Size), alignment(e), size(tables+taken*uint64(o.threads)), threads(o.threads), size(o.maxMemory))
		}
		blocks = append(blocks, takes)
	}
	return nil
}

// addressesPerRecord is how many addresses there are for each byte of a heap's records, at least: a
// block that is aligned to more than it is long leaves address space behind that has records too.
const addressesPerRecord = 512

func alignment(e trace.Event) string {
	if e.Align == 0 {
		return ""
	}
	return " aligned to " + size(1<<e.Align)
}

// A byteCount is a flag's value: a number of bytes above 0, with or without a unit.
type byteCount uint64

func (n *byteCount) Set(text string) error {
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes == 0 {
		return fmt.Errorf("no number of bytes above 0, as 500MB or 4GiB")
	}
	*n = byteCount(bytes)
	return nil
}

// String returns what help shows as the default: nothing.
func (n *byteCount) String() string { return "" }

// Without -max-memory a replay may take three quarters of the memory that is left, or unknownMemory.
const unknownMemory = 1 << 30

func defaultMaxMemory() uint64 {
	if runtime.GOOS == "linux" {
		if left, ok := memoryLeft(os.DirFS("/")); ok {
			return min(left/4*3, math.MaxInt/2)
		}
	}
	return unknownMemory
}

// memoryLeft returns the bytes of memory that Linux has available for the process: on the machine,
// and within the limits of its control groups.
func memoryLeft(root fs.FS) (left uint64, ok bool) {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, false
	}
	if left, ok = kibibytes(text, "MemAvailable:"); !ok {
		return 0, false
	}
	groups, _ := fs.ReadFile(root, "proc/self/cgroup") // without it there are none
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch group := fields[2]; fields[1] {
		case "": // version 2
			left = min(left, groupLimit(root, "sys/fs/cgroup", group, "memory.max"))
		case "memory": // version 1
			left = min(left, groupLimit(root, "sys/fs/cgroup/memory", group, "memory.limit_in_bytes"))
		}
	}
	return left, true
}

// groupLimit returns the smallest number in the named file of the group and of all above it.
func groupLimit(root fs.FS, hierarchy, group, file string) uint64 {
	limit := uint64(math.MaxUint64)
	for group = path.Join("/", group); ; group = path.Dir(group) {
		if text, err := fs.ReadFile(root, path.Join(hierarchy, group, file)); err == nil {
			if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
				limit = min(limit, n)
			}
		}
		if group == "/" {
			return limit
		}
	}
}

// kibibytes returns the bytes of the line "key n kB" of a file of /proc.
func kibibytes(text []byte, key string) (n uint64, ok bool) {
	for line := range bytes.Lines(text) {
		if value, found := bytes.CutPrefix(line, []byte(key)); found {
			fields := bytes.Fields(value)
			if len(fields) != 2 || string(fields[1]) != "kB" {
				return 0, false
			}
			kib, err := strconv.ParseUint(string(fields[0]), 10, 54)
			return kib << 10, err == nil
		}
	}
	return 0, false
}
