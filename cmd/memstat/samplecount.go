package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Numbers of fields of profile.proto's Profile, and its wire types.
const (
	sampleTypeField = 1
	sampleField     = 2

	wireVarint = 0
	wireEight  = 1
	wireBytes  = 2
	wireFour   = 5
)

var errNoProfile = errors.New("what it answers is no profile")

// sampleCount returns how many samples are in a gzip'd profile.proto, or errNoProfile for anything else, or
// for a part of one. A profile has sample types, even without a sample.
func sampleCount(profile []byte) (int, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return 0, fmt.Errorf("%w: %v", errNoProfile, err)
	}
	message, err := io.ReadAll(unpacked)
	if err != nil {
		return 0, fmt.Errorf("%w: %v", errNoProfile, err)
	}
	var fields [3]int // of each number
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return 0, errNoProfile
		}
		length, ok := fieldLength(key&7, message[n:])
		if !ok {
			return 0, errNoProfile
		}
		if number := key >> 3; number < uint64(len(fields)) {
			fields[number]++
		}
		message = message[n+length:]
	}
	if fields[sampleTypeField] == 0 {
		return 0, errNoProfile
	}
	return fields[sampleField], nil
}

// fieldLength returns how many bytes the field that begins the message is long, if it is whole.
func fieldLength(wire uint64, message []byte) (length int, ok bool) {
	switch wire {
	case wireVarint:
		_, length = binary.Uvarint(message)
		return length, length > 0
	case wireEight:
		length = 8
	case wireFour:
		length = 4
	case wireBytes:
		inner, n := binary.Uvarint(message)
		if n <= 0 || inner > uint64(len(message)-n) {
			return 0, false
		}
		length = n + int(inner)
	default:
		return 0, false
	}
	return length, length <= len(message)
}
