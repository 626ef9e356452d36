package spanheap

import "bytes"

// What debug levels write where nobody else may write: poison over freed blocks, canaries behind live ones. Each
// is one byte over and over: none that programs write often.
const (
	poison byte = 0xdf
	canary byte = 0xc9

	// leastCanary is how many bytes of canary a block has at least.
	leastCanary = 8
)

var pattern = [2][]byte{bytes.Repeat([]byte{poison}, 4096), bytes.Repeat([]byte{canary}, 4096)}

func patternOf(c byte) []byte {
	if c == poison {
		return pattern[0]
	}
	return pattern[1]
}

// overwrite writes c, poison or canary, over all of b.
func overwrite(b []byte, c byte) {
	for len(b) > 0 {
		b = b[copy(b, patternOf(c)):]
	}
}

// firstOther returns the place of the first byte of b that is not c, poison or canary, or -1.
func firstOther(b []byte, c byte) int {
	want := patternOf(c)
	for at := 0; at < len(b); at += len(want) {
		part := b[at:min(len(b), at+len(want))]
		if bytes.Equal(part, want[:len(part)]) {
			continue
		}
		for i := range part {
			if part[i] != c {
				return at + i
			}
		}
	}
	return -1
}
