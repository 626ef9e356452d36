package spanheap

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spanheap/spanheap/mheap"
)

func viewOf(extents []mheap.Extent) (v SystemView, err error) {
	file, err := os.Open("/proc/self/smaps")
	if os.IsNotExist(err) {
		return v, errNoView
	}
	if err != nil {
		return v, fmt.Errorf("spanheap: %w", err)
	}
	defer file.Close()
	if err := v.addMappings(file, extents); err != nil {
		return v, fmt.Errorf("spanheap: %s: %w", file.Name(), err)
	}
	rollup, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return v, fmt.Errorf("spanheap: %w", err)
	}
	for line := range bytes.Lines(rollup) {
		key, n := smapsField(string(line))
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
func (v *SystemView) addMappings(smaps io.Reader, extents []mheap.Extent) error {
	inside := uint64(0) // bytes of the mapping at hand that are the heap's, and accessible
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		line := lines.Text()
		if start, end, rights, ok := smapsHead(line); ok {
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
		switch key, n := smapsField(line); key {
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
func overlap(start, end uint64, extents []mheap.Extent) (n uint64) {
	for _, e := range extents {
		low, high := max(start, uint64(e.Addr)), min(end, uint64(e.Addr)+uint64(e.Bytes))
		n += max(high, low) - low
	}
	return n
}

// smapsHead reads "start-end rights ...", in hexadecimal digits.
func smapsHead(line string) (start, end uint64, rights string, ok bool) {
	addresses, rest, _ := strings.Cut(line, " ")
	first, last, found := strings.Cut(addresses, "-")
	start, errStart := strconv.ParseUint(first, 16, 64)
	end, errEnd := strconv.ParseUint(last, 16, 64)
	return start, end, rest, found && errStart == nil && errEnd == nil
}

// smapsField reads "Key:   n kB".
func smapsField(line string) (key string, bytes uint64) {
	key, value, _ := strings.Cut(line, ":")
	kib, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 54)
	return key, kib << 10
}
