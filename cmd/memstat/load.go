package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/spanheap/spanheap/internal/trace"
)

// A kind is what decides which slot a block gets.
type kind struct {
	size  uint64 // bytes asked for, at most maxBlock
	align uint64 // bytes; 0 for what every block has
}

// A load counts the blocks of each kind. Their bytes sum up to trace.MaxLive at most.
type load map[kind]uint64

// peakLoad returns the blocks that live in the trace when its live bytes are at their peak.
func peakLoad(s streams, name string) (load, error) {
	t, err := readTrace(s, name)
	if err != nil {
		return nil, err
	}
	blocks := load{}
	kinds := make([]kind, 0, t.Blocks) // by block
	for _, e := range t.Events[:t.PeakEvents] {
		if e.Op == trace.Free || e.Op == trace.Realloc {
			blocks[kinds[e.ID]]--
		}
		if e.Op != trace.Free {
			k := kind{size: e.Size}
			if e.Op == trace.AllocAligned {
				k.align = 1 << e.Align
			}
			kinds = append(kinds, k)
			blocks[k]++
		}
	}
	for k, n := range blocks {
		if n == 0 {
			delete(blocks, k)
		}
	}
	return blocks, nil
}

// readSizes returns the blocks that a CSV file lists.
func readSizes(s streams, name string) (load, error) {
	file, err := open(s, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	blocks, err := parseSizes(file)
	if err != nil {
		return nil, of(name, err)
	}
	return blocks, nil
}

const byteOrderMark = "\ufeff" // some spreadsheets begin a file with it

func parseSizes(file io.Reader) (load, error) {
	text := bufio.NewReader(file)
	if head, _ := text.Peek(len(byteOrderMark)); string(head) == byteOrderMark {
		text.Discard(len(byteOrderMark))
	}
	r := csv.NewReader(text)
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	r.ReuseRecord = true
	blocks := load{}
	total := uint64(0)
	for first := true; ; first = false {
		fields, err := r.Read()
		switch {
		case err == io.EOF && len(blocks) == 0:
			return nil, errors.New("it lists no sizes")
		case err == io.EOF:
			return blocks, nil
		case err != nil:
			return nil, err
		case first && isHeader(fields):
			continue
		}
		line, _ := r.FieldPos(0)
		size, n, err := parseLine(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		high, bytes := bits.Mul64(max(size, 1), n)
		if high != 0 || bytes > trace.MaxLive-total {
			return nil, fmt.Errorf("line %d: with it the blocks have more than %d bytes", line, uint64(trace.MaxLive))
		}
		total += bytes
		blocks[kind{size: size}] += n
	}
}

// isHeader reports whether the fields are the names of two columns, the counts not first: neither begins as
// a number does.
func isHeader(fields []string) bool {
	return len(fields) == 2 && !strings.EqualFold(fields[0], "count") && !slices.ContainsFunc(fields, func(field string) bool {
		return field == "" || strings.Contains("0123456789+-.", field[:1])
	})
}

func parseLine(fields []string) (size, n uint64, err error) {
	if len(fields) != 2 {
		return 0, 0, fmt.Errorf("%q is no size and a count with a comma between", strings.Join(fields, ","))
	}
	if size, err = strconv.ParseUint(strings.TrimSpace(fields[0]), 10, 64); err != nil || size > maxBlock {
		return 0, 0, fmt.Errorf("size %q is no whole number from 0 to %d", fields[0], uint64(maxBlock))
	}
	if n, err = strconv.ParseUint(strings.TrimSpace(fields[1]), 10, 64); err != nil {
		return 0, 0, fmt.Errorf("count %q is no whole number from 0 to %d", fields[1], uint64(math.MaxUint64))
	}
	return size, n, nil
}
