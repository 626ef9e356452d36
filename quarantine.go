package spanheap

import (
	"container/list"

	"github.com/spanheap/spanheap/mheap"
)

// quarantine holds a heap's freed blocks until their slots may be used again, in the order of their frees.
// The lock of the heap's notes guards it; a block that has left it is the caller's.
type quarantine struct {
	order   list.List // of *freedBlock, the oldest first
	at      map[uintptr]*list.Element
	byClass [mheap.NumSpanClasses][]*list.Element // the oldest first
	bytes   uintptr
}

// freedBlock is a block that was freed and filled with poison. Its slot is Held.
type freedBlock struct {
	addr, state      uintptr
	length           uintptr // bytes of the slot
	size             uintptr // bytes asked for
	class            mheap.SpanClass
	allocated, freed *stack // at DebugStacks
}

// add takes the block in.
func (q *quarantine) add(b *freedBlock) {
	if q.at == nil {
		q.at = map[uintptr]*list.Element{}
	}
	e := q.order.PushBack(b)
	q.at[b.addr] = e
	q.byClass[b.class] = append(q.byClass[b.class], e)
	q.bytes += b.length
}

// excess takes out the oldest block if there are more than so many, or so many bytes; or returns nil.
func (q *quarantine) excess(blocks int, bytes uintptr) *freedBlock {
	if q.order.Len() <= blocks && q.bytes <= bytes {
		return nil
	}
	e := q.order.Front()
	class := e.Value.(*freedBlock).class
	q.byClass[class][0] = nil
	q.byClass[class] = q.byClass[class][1:]
	return q.remove(e)
}

// newest takes out the youngest block of the class, or returns nil.
func (q *quarantine) newest(class mheap.SpanClass) *freedBlock {
	of := q.byClass[class]
	if len(of) == 0 {
		return nil
	}
	e := of[len(of)-1]
	q.byClass[class] = of[:len(of)-1]
	return q.remove(e)
}

func (q *quarantine) remove(e *list.Element) *freedBlock {
	b := q.order.Remove(e).(*freedBlock)
	delete(q.at, b.addr)
	q.bytes -= b.length
	return b
}

// find returns the block at p, or nil.
func (q *quarantine) find(p uintptr) *freedBlock {
	if e := q.at[p]; e != nil {
		return e.Value.(*freedBlock)
	}
	return nil
}

// all calls f with each block.
func (q *quarantine) all(f func(*freedBlock)) {
	for e := q.order.Front(); e != nil; e = e.Next() {
		f(e.Value.(*freedBlock))
	}
}
