package statpage

import (
	"io"
	"math"
)

// Read returns the state that a page holds, the newer of the two that may be whole. The reader is of the page as
// others write on it. Errors: ErrNoPage, ErrVersion, ErrBroken, and those of reading.
func Read(r io.ReaderAt) (*Page, error) {
	head := make([]byte, headerBytes)
	if n, err := r.ReadAt(head, 0); err != nil && n < len(head) {
		if err == io.EOF {
			err = ErrNoPage
		}
		return nil, err
	}
	if err := checkHeader(head); err != nil {
		return nil, err
	}
	p := new(Page)
	for range attempts {
		var counters [frames]uint64
		for i := range counters {
			b, err := readAt(r, int64(atFrames+i*FrameBytes), 8)
			if err != nil {
				return nil, err
			}
			counters[i] = little.Uint64(b)
		}
		newer := 0
		if counters[1] > counters[0] {
			newer = 1
		}
		for _, i := range [frames]int{newer, 1 - newer} {
			frame, err := wholeFrame(r, int64(atFrames+i*FrameBytes))
			if err != nil {
				return nil, err
			}
			if p.readFrame(frame) == nil {
				return p, nil
			}
		}
	}
	return nil, ErrBroken
}

// attempts is how often a reader tries that a writer always overtakes. A writer takes its time between two
// frames.
const attempts = 100

// wholeFrame returns the frame at an offset, or none if it was written meanwhile.
func wholeFrame(r io.ReaderAt, at int64) ([]byte, error) {
	head, err := readAt(r, at, frameProcess)
	if err != nil {
		return nil, err
	}
	n := little.Uint32(head[frameLength:])
	if n < frameHeaps || n > FrameBytes {
		return nil, nil
	}
	frame, err := readAt(r, at, int(n))
	if err != nil {
		return nil, err
	}
	after, err := readAt(r, at, 8)
	if err != nil {
		return nil, err
	}
	if little.Uint64(after) != little.Uint64(frame) {
		return nil, nil
	}
	return frame, nil
}

// readAt returns n bytes at an offset. A page that ends before them is broken.
func readAt(r io.ReaderAt, at int64, n int) ([]byte, error) {
	b := make([]byte, min(n, math.MaxInt32))
	if got, err := r.ReadAt(b, at); got < len(b) {
		if err == io.EOF {
			err = ErrBroken
		}
		return nil, err
	}
	return b, nil
}
