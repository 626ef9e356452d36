package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"os"

	"github.com/spanheap/spanheap/internal/trace"
)

// maxBlock is the largest block that memstat takes from a file: what a heap allocates at most, 256 GiB less a page,
// or on 32-bit systems 2 GiB less one.
const maxBlock = math.MaxInt >> ((bits.UintSize - 32) * 25 / 32) &^ (8<<10 - 1)

// open returns the file, or standard input for "-".
func open(s streams, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(s.in), nil
	}
	return os.Open(name)
}

// title returns what the file is called where people read of it.
func title(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

func readTrace(s streams, name string) (*trace.Trace, error) {
	file, err := open(s, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t, err := trace.Read(file)
	if err != nil {
		return nil, of(name, err)
	}
	for i := range t.Events {
		if size := t.Events[i].Size; size > maxBlock {
			return nil, of(name, fmt.Errorf("event %d: a block of %s bytes is too large, a heap allocates %s at most", i, count(size), count(uint64(maxBlock))))
		}
	}
	return t, nil
}

// of returns the error with the file's title before it, unless the error names the file itself.
func of(name string, err error) error {
	var named *fs.PathError
	if errors.As(err, &named) && named.Path == name {
		return err
	}
	return fmt.Errorf("%s: %w", title(name), err)
}
