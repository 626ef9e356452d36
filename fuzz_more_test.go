package spanheap_test

import "github.com/spanheap/spanheap"

// The commands of FuzzHeap for Locals, batches and the heap profile.

// changeLocal opens a Local, or closes the one there is.
func (m *model) changeLocal() {
	if m.local != nil {
		m.check(m.local.Close())
		m.local = nil
		return
	}
	m.local = m.heap.Local()
}

func (m *model) allocLocal() {
	n, l := m.size(), m.local
	if m.full() || l == nil {
		return
	}
	b, err := l.Alloc(n)
	requireZeroed(m.t, b)
	m.moveIn(b, n, err, func() { l.Free(b) }) // a closed one too
}

func (m *model) allocBatch() {
	n, bs := m.size(), make([][]byte, m.byte())
	if m.full() || n*len(bs) > 1<<20 {
		return
	}
	made, err := m.heap.AllocBatch(n, bs)
	if !m.refused(err) {
		m.check(err)
	}
	for _, b := range bs[:made] {
		m.moveIn(b, n, nil, func() { m.heap.Free(b) })
	}
}

func (m *model) freeBatch() {
	var bs [][]byte
	for range min(m.byte(), len(m.live)) {
		bs = append(bs, m.moveOut(m.pick()).bytes)
	}
	m.heap.FreeBatch(bs)
}

func (m *model) changeProfileRate() {
	spanheap.SetProfileRate([]int{0, 1, 1 << 10, spanheap.DefaultProfileRate}[m.byte()%4])
}
