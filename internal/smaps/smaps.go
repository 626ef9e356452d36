// Package smaps reads what Linux says of a process's memory in /proc/PID/smaps and smaps_rollup.
package smaps

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Extent is a stretch of address space that is asked about.
type Extent struct{ Addr, Bytes uint64 }

// View is what the kernel says. All figures are bytes but for the mappings'. Of a mapping that reaches beyond
// the extents the part inside counts as mapped, and no more than that as resident.
type View struct {
	Mapped    uint64 // of the extents, what may be read and written
	Resident  uint64 // of it, in memory
	Swapped   uint64 // of it, on a swap device
	Huge      uint64 // of Resident, in huge pages
	Untouched uint64 // of the extents, what may not be accessed
	Mappings  uint64 // number of mappings that the extents reach into

	Process struct {
		Resident  uint64 // in memory
		Anonymous uint64 // of Resident, no file's
		Huge      uint64 // of Resident, in huge pages
		Swapped   uint64 // on a swap device
		Mappings  uint64 // number
	}
}

// Read asks about the process of a folder of /proc. The error is the one of reading the folder's files: one
// for which os.IsNotExist holds where there are none.
func Read(folder string, extents []Extent) (v View, err error) {
	file, err := os.Open(filepath.Join(folder, "smaps"))
	if err != nil {
		return v, err
	}
	defer file.Close()
	if err := v.addMappings(file, extents); err != nil {
		return v, fmt.Errorf("%s: %w", file.Name(), err)
	}
	rollup, err := os.ReadFile(filepath.Join(folder, "smaps_rollup"))
	if err != nil {
		return v, err
	}
	for line := range bytes.Lines(rollup) {
		key, n := field(string(line))
		switch key {
		case "Rss":
			v.Process.Resident = n
		case "Anonymous":
			v.Process.Anonymous = n
		case "AnonHugePages":
			v.Process.Huge = n
		case "Swap":
			v.Process.Swapped = n
		}
	}
	return v, nil
}

// addMappings reads smaps: of each mapping a line with its addresses and rights, then a line per figure.
func (v *View) addMappings(smaps io.Reader, extents []Extent) error {
	inside := uint64(0) // bytes of the mapping at hand that are the extents', and accessible
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		line := lines.Text()
		if start, end, rights, ok := head(line); ok {
			v.Process.Mappings++
			inside = overlap(start, end, extents)
			if inside > 0 {
				v.Mappings++
			}
			if strings.HasPrefix(rights, "---") {
				v.Untouched += inside
				inside = 0
			}
			v.Mapped += inside
			continue
		}
		switch key, n := field(line); key {
		case "Rss":
			v.Resident += min(n, inside)
		case "AnonHugePages":
			v.Huge += min(n, inside)
		case "Swap":
			v.Swapped += min(n, inside)
		}
	}
	return lines.Err()
}

// overlap returns how many bytes of [start, end) are in extents.
func overlap(start, end uint64, extents []Extent) (n uint64) {
	for _, e := range extents {
		low, high := max(start, e.Addr), min(end, e.Addr+e.Bytes)
		n += max(high, low) - low
	}
	return n
}

// head reads "start-end rights ...", in hexadecimal digits.
func head(line string) (start, end uint64, rights string, ok bool) {
	addresses, rest, _ := strings.Cut(line, " ")
	first, last, found := strings.Cut(addresses, "-")
	start, errStart := strconv.ParseUint(first, 16, 64)
	end, errEnd := strconv.ParseUint(last, 16, 64)
	return start, end, rest, found && errStart == nil && errEnd == nil
}

// field reads "Key:   n kB".
func field(line string) (key string, bytes uint64) {
	key, value, _ := strings.Cut(line, ":")
	kib, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 54)
	return key, kib << 10
}
