// Package pprofprototest reads what package pprofproto writes, for tests. It knows profile.proto on its
// own account, and refuses a message that contradicts itself.
package pprofprototest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spanheap/spanheap/internal/pprofproto"
)

// Decode returns the profile that Write wrote.
func Decode(written []byte) (p pprofproto.Profile, err error) {
	z, err := gzip.NewReader(bytes.NewReader(written))
	if err != nil {
		return p, err
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return p, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("broken profile: %v", r)
		}
	}()
	return decode(raw), nil
}

// message is the fields of a message, by number: for each what was there, in order.
type message map[int][]field

// field is a number, or the bytes of a text, of a message or of packed numbers.
type field struct {
	number uint64
	bytes  []byte
}

var errShort = errors.New("message ends within a field")

// varint takes a number off the head of b.
func varint(b *[]byte) uint64 {
	v, n := binary.Uvarint(*b)
	if n <= 0 {
		panic(errShort)
	}
	*b = (*b)[n:]
	return v
}

func parse(b []byte) message {
	m := message{}
	for len(b) > 0 {
		key := varint(&b)
		f := field{number: varint(&b)}
		switch key & 7 {
		case 0:
		case 2:
			if f.number > uint64(len(b)) {
				panic(errShort)
			}
			f.bytes, b = b[:f.number], b[f.number:]
		default:
			panic(fmt.Errorf("field of kind %d", key&7))
		}
		m[int(key>>3)] = append(m[int(key>>3)], f)
	}
	return m
}

// number returns the field's number; 0 when there is none.
func (m message) number(n int) uint64 {
	if len(m[n]) == 0 {
		return 0
	}
	return m[n][0].number
}

func (m message) message(n int) message {
	if len(m[n]) == 0 {
		return nil
	}
	return parse(m[n][0].bytes)
}

func (m message) numbers(n int) (vs []uint64) {
	for _, f := range m[n] {
		for b := f.bytes; len(b) > 0; {
			vs = append(vs, varint(&b))
		}
	}
	return vs
}

// byID returns the messages of field n by their field 1.
func (m message) byID(n int) map[uint64]message {
	all := map[uint64]message{}
	for _, f := range m[n] {
		one := parse(f.bytes)
		if id := one.number(1); id == 0 || all[id] != nil {
			panic(fmt.Errorf("field %d: number %d is 0 or there twice", n, id))
		}
		all[one.number(1)] = one
	}
	return all
}

func decode(raw []byte) (p pprofproto.Profile) {
	m := parse(raw)
	texts := m[6]
	text := func(i uint64) string { return string(texts[i].bytes) }
	if text(0) != "" {
		panic("the first text is not empty")
	}
	valueType := func(v message) pprofproto.ValueType {
		return pprofproto.ValueType{Type: text(v.number(1)), Unit: text(v.number(2))}
	}
	for _, f := range m[1] {
		p.Types = append(p.Types, valueType(parse(f.bytes)))
	}
	mappings, locations, functions := m.byID(3), m.byID(4), m.byID(5)
	for _, f := range m[2] {
		sample := parse(f.bytes)
		var s pprofproto.Sample
		for _, id := range sample.numbers(1) {
			location := locations[id]
			if mappings[location.number(2)].number(7) != 1 {
				panic("a location that is not symbolised")
			}
			line := location.message(4)
			function := functions[line.number(1)]
			s.Stack = append(s.Stack, pprofproto.Frame{
				PC: location.number(3), Line: int(line.number(2)),
				Function: text(function.number(2)), File: text(function.number(4)),
			})
		}
		for _, v := range sample.numbers(2) {
			s.Values = append(s.Values, int64(v))
		}
		if len(s.Values) != len(p.Types) {
			panic("a sample with other values than the profile has types")
		}
		for _, f := range sample[3] {
			l := parse(f.bytes)
			s.Labels = append(s.Labels, pprofproto.Label{
				Key: text(l.number(1)), Text: text(l.number(2)), Num: int64(l.number(3)), Unit: text(l.number(4)),
			})
		}
		p.Samples = append(p.Samples, s)
	}
	p.Time = time.Unix(0, int64(m.number(9)))
	p.Duration = time.Duration(m.number(10))
	p.PeriodType, p.Period = valueType(m.message(11)), int64(m.number(12))
	p.Default = text(m.number(14))
	for _, mapping := range mappings {
		p.Binary = text(mapping.number(5))
	}
	return p
}
