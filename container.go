package spanheap

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// What a Linux container may have of memory: the least of the limits that the process's control groups and
// all groups above them set, as far as their files can be seen from inside. In version 2 of control groups
// these are memory.max below the mount of type cgroup2; in version 1 memory.limit_in_bytes below the mount
// of type cgroup with the option memory. A hybrid system has both mounts.

// hierarchy is a mounted tree of control groups.
type hierarchy struct {
	root  string // the group that is mounted
	mount string // where, without the leading slash
	file  string // of each group, with its limit
}

// unlimited is what a group may have without a limit: version 1 writes a number somewhat below 2^63 then.
const unlimited = 1 << 62

// containerLimit returns the least limit in bytes. Its errors are ErrNoLimit, and those of files that cannot be
// understood.
func containerLimit(root fs.FS) (uint64, error) {
	groups, err := memoryGroups(root)
	if err != nil {
		return 0, err
	}
	mounts, err := hierarchies(root)
	if err != nil {
		return 0, err
	}
	least := uint64(unlimited)
	for _, h := range mounts {
		group, member := groups[h.file]
		for dir := h.folder(group); member; dir = path.Dir(dir) {
			limit, err := groupLimit(root, path.Join(dir, h.file))
			if err != nil {
				return 0, err
			}
			least = min(least, limit)
			if dir == h.mount || dir == "." {
				break
			}
		}
	}
	if least == unlimited {
		return 0, ErrNoLimit
	}
	return least, nil
}

const (
	fileV1 = "memory.limit_in_bytes"
	fileV2 = "memory.max"
)

// memoryGroups returns the process's groups, by the file that holds their limits.
func memoryGroups(root fs.FS) (map[string]string, error) {
	const name = "proc/self/cgroup"
	text, err := fs.ReadFile(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoLimit
	}
	if err != nil {
		return nil, err
	}
	groups := map[string]string{}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3) // number:controllers:group
		switch {
		case len(fields) != 3:
			return nil, fmt.Errorf("/%s: %q is no control group", name, line)
		case fields[0] == "0" && fields[1] == "":
			groups[fileV2] = fields[2]
		case has(fields[1], "memory"):
			groups[fileV1] = fields[2]
		}
	}
	return groups, nil
}

// hierarchies returns the mounts through which limits can be read.
func hierarchies(root fs.FS) (found []hierarchy, err error) {
	const name = "proc/self/mountinfo"
	text, err := fs.ReadFile(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoLimit
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		place, kind := strings.Fields(before), strings.Fields(after)
		if len(place) < 6 || len(kind) < 2 {
			return nil, fmt.Errorf("/%s: %q is no mount", name, line)
		}
		h := hierarchy{root: unescape(place[3]), mount: path.Join(".", unescape(place[4]))}
		switch {
		case kind[0] == "cgroup2":
			h.file = fileV2
		case kind[0] == "cgroup" && has(kind[len(kind)-1], "memory"):
			h.file = fileV1
		default:
			continue
		}
		found = append(found, h)
	}
	return found, nil
}

// folder returns where the group's files are: the mount itself for a group that lies outside of what is
// mounted, as it may seem from inside a container.
func (h hierarchy) folder(group string) string {
	below, inside := strings.CutPrefix(path.Join("/", group)+"/", strings.TrimSuffix(h.root, "/")+"/")
	if !inside || strings.HasPrefix(group, "/..") {
		return h.mount
	}
	return path.Join(h.mount, below)
}

// groupLimit reads a group's limit. A group without the file, a root for one, has none.
func groupLimit(root fs.FS, name string) (uint64, error) {
	text, err := fs.ReadFile(root, name)
	switch value := strings.TrimSpace(string(text)); {
	case errors.Is(err, fs.ErrNotExist) || err == nil && (value == "max" || value == "-1"):
		return unlimited, nil
	case err != nil:
		return 0, err
	default:
		limit, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/%s: %q is no number of bytes", name, value)
		}
		return min(limit, unlimited), nil
	}
}

// has tells whether the word is in the list, which commas separate.
func has(list, word string) bool {
	for entry := range strings.SplitSeq(list, ",") {
		if entry == word {
			return true
		}
	}
	return false
}

// unescape undoes what mountinfo does to blanks and backslashes: three octal digits behind a backslash.
func unescape(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}
