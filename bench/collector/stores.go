package collector

import (
	"unsafe"

	"github.com/spanheap/spanheap"
)

// goStore holds the objects on the Go heap.
type goStore []*goNode

type goNode struct {
	next *goNode
	data [(NodeBytes - unsafe.Sizeof(uintptr(0))) / 8]uint64
}

func newGoStore(chains int) goStore { return make(goStore, chains) }

func (s goStore) add(chain, i int) {
	n := &goNode{next: s[chain]}
	n.data[0] = uint64(i)
	s[chain] = n
}

func (s goStore) walk(chain, steps int) (sum uint64) {
	for n := s[chain]; n != nil && steps > 0; n, steps = n.next, steps-1 {
		sum += n.data[0]
	}
	return sum
}

// offHeapStore holds the objects and the table of chains in spanheap.
type offHeapStore struct {
	heap   *spanheap.Heap
	chains []spanheap.Ptr[offHeapNode]
}

type offHeapNode struct {
	next spanheap.Ptr[offHeapNode]
	data [(NodeBytes - unsafe.Sizeof(uintptr(0))) / 8]uint64
}

func newOffHeapStore(chains int) offHeapStore {
	h, err := spanheap.NewHeap(spanheap.Options{Name: "collector"})
	check(err)
	table, err := spanheap.MakeSlice[spanheap.Ptr[offHeapNode]](h, chains, chains)
	check(err)
	return offHeapStore{h, table}
}

func (s offHeapStore) add(chain, i int) {
	n, err := spanheap.New[offHeapNode](s.heap)
	check(err)
	n.next = s.chains[chain]
	n.data[0] = uint64(i)
	s.chains[chain] = spanheap.PtrTo(n)
}

func (s offHeapStore) walk(chain, steps int) (sum uint64) {
	for p := s.chains[chain]; !p.IsNil() && steps > 0; steps-- {
		n := p.Get()
		sum += n.data[0]
		p = n.next
	}
	return sum
}

// check ends the process: a measurement without memory is none.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
