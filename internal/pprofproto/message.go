package pprofproto

import "encoding/binary"

// message is a protocol buffers message in its wire format: fields in any order, each a key, which is
// its number with the kind of its value, and the value (protobuf.dev/programming-guides/encoding).
type message []byte

const (
	kindVarint = 0
	kindBytes  = 2
)

func (m *message) varint(v uint64) { *m = binary.AppendUvarint(*m, v) }

// number adds a field that holds a number; 0 is what an absent one means.
func (m *message) number(field int, v uint64) {
	if v != 0 {
		m.varint(uint64(field)<<3 | kindVarint)
		m.varint(v)
	}
}

func (m *message) bool(field int, v bool) {
	if v {
		m.number(field, 1)
	}
}

// bytes adds a field that holds a text or a message.
func (m *message) bytes(field int, v []byte) {
	m.varint(uint64(field)<<3 | kindBytes)
	m.varint(uint64(len(v)))
	*m = append(*m, v...)
}

// numbers adds a field that holds several numbers.
func (m *message) numbers(field int, vs []uint64) {
	var packed message
	for _, v := range vs {
		packed.varint(v)
	}
	m.bytes(field, packed)
}
