package mcentral_test

import (
	"testing"

	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// sparse returns a central with so many spans, of whose slots of 64 bytes every other half page lives.
func sparse(t *testing.T, spans int) (r *rig, live []mheap.Slot) {
	r = newRigOn(t, 4<<10, 64)
	var freed []mheap.Slot
	for _, slot := range byAddress(r.take(spans * r.slots())) {
		if slot.Addr>>12%2 == 0 && slot.Addr>>6%64 < 32 {
			live = append(live, slot)
		} else {
			freed = append(freed, slot)
		}
	}
	r.Return(freed)
	return r, live
}

// hollowAll walks once over all spans, and returns what they gave.
func (r *rig) hollowAll(age uint32) (gave uintptr) {
	for left := r.Round(age > 0); left > 0; {
		looked, bytes := r.Hollow(1, age)
		require.Equal(r.t, 1, looked)
		left -= looked
		gave += bytes
	}
	return gave
}

// One walk makes all spans hollow that can be; the next finds nothing more.
func TestAWalkComesToEverySpan(t *testing.T) {
	r, live := sparse(t, 20)
	spans := len(bySpan(live))
	backed := r.heap.Budget().Backed()
	gave := r.hollowAll(0)
	require.GreaterOrEqual(t, gave, uintptr(spans)*4<<10)
	require.EqualValues(t, gave, r.Usage().Hollow)
	require.EqualValues(t, gave, backed-r.heap.Budget().Backed())
	r.verify(spans, 0)
	require.Zero(t, r.hollowAll(0))
	looked, _ := r.Hollow(1000, 0)
	require.Equal(t, 1000, looked, "round and round")

	r.Return(live)
	require.Zero(t, r.Usage().Hollow)
	r.verify(0, 0)
	require.Zero(t, r.heap.Usage().FreePages, "they went back whole")
	looked, gave = r.Hollow(10, 0)
	require.Zero(t, looked)
	require.Zero(t, gave)
}

// Spans to which slots come, or from which some are taken, stay as they are.
func TestOnlySpansThatNobodyTouchesBecomeHollow(t *testing.T) {
	r, live := sparse(t, 3)
	spans := bySpan(live)
	require.Len(t, spans, 3)
	given := mheap.SpanOf(live[0].Addr)
	const age = 3
	for range age + 2 {
		r.Return(spans[given][:1])
		spans[given] = spans[given][1:]
		s := r.exchange(nil)
		var slot [1]mheap.Slot
		require.Equal(t, 1, s.Take(slot[:]))
		if s != given {
			spans[s] = append(spans[s], slot[0])
		}
		r.Put(s)
		r.hollowAll(age)
	}
	hollow := 0
	for s := range spans {
		if s.Hollow() > 0 {
			require.NotSame(t, given, s)
			hollow++
		}
	}
	require.Equal(t, 1, hollow, "of three, one is given slots, and one taken from")
}

func TestASpanMustBeOfTheAge(t *testing.T) {
	r, _ := sparse(t, 2)
	for range 3 {
		require.Zero(t, r.hollowAll(4))
		require.NotZero(t, r.Round(false))
	}
	require.NotZero(t, r.hollowAll(4))
}

// Hollow spans are taken from last, and count as backed from then on.
func TestHollowSpansAreTakenLast(t *testing.T) {
	r, live := sparse(t, 3)
	spans := bySpan(live)
	r.Hollow(1, 0)
	for range 3 {
		s := r.exchange(nil)
		require.Zero(t, s.Hollow())
		delete(spans, s)
		hollow := uintptr(0)
		for other := range spans {
			hollow += other.Hollow()
		}
		require.Equal(t, len(spans) > 0, hollow > 0, "%d are left", len(spans))
		require.EqualValues(t, hollow, r.Usage().Hollow)
	}
	r.verify(3, 3)
}

// Where a limit leaves no room for a hollow span, others with room are taken; then the error is the limit's.
func TestAHollowSpanAtTheLimit(t *testing.T) {
	r, live := sparse(t, 3)
	r.Hollow(1, 0)
	r.heap.Release(1 << 30)
	budget := r.heap.Budget()
	budget.SetLimit(budget.Backed(), 0)
	var held []*mheap.Span
	for range 2 {
		held = append(held, r.exchange(nil))
	}
	_, err := r.Exchange(nil, mcentral.Taker{})
	require.ErrorIs(t, err, mheap.ErrLimit)
	var dst [4]mheap.Slot
	_, _, err = r.Refill(nil, dst[:], mcentral.Taker{})
	require.ErrorIs(t, err, mheap.ErrLimit)
	_, err = r.Take(dst[:])
	require.ErrorIs(t, err, mheap.ErrLimit)
	r.verify(3, 2)
	require.NotZero(t, r.Usage().Hollow)
	require.LessOrEqual(t, budget.Backed(), budget.Limit())

	r.Put(held[0])
	looked, gave := r.Hollow(3, 0)
	require.NotZero(t, looked)
	require.NotZero(t, gave)
	r.exchange(nil)
	r.verify(3, 2)
	require.LessOrEqual(t, budget.Backed(), budget.Limit())
	require.NotEmpty(t, live)
}

// A hollow span that is free, and that the system refuses to take, stays; it is offered again, and can be used.
func TestAHollowSpanThatIsRefusedIsASpare(t *testing.T) {
	r, live := sparse(t, 3)
	spans := len(bySpan(live))
	r.hollowAll(0)
	r.system.Refuse(arenatest.From(arenatest.Decommit, 1))
	r.Return(live)
	r.verify(spans, 0)
	r.Drain()
	r.verify(spans, 0)
	require.NotZero(t, r.Usage().Hollow)
	s := r.exchange(nil)
	require.Zero(t, s.Hollow())
	r.verify(spans, 1)
	r.Put(s)
	r.system.Refuse(nil)
	r.Drain()
	r.verify(0, 0)
	require.Zero(t, r.Usage().Hollow)
}

// Pages that are refused are tried again, not in the same walk.
func TestRefusedPagesAreTriedAgain(t *testing.T) {
	r, live := sparse(t, 4)
	r.system.Refuse(arenatest.From(arenatest.Decommit, 1))
	require.Zero(t, r.hollowAll(0))
	require.LessOrEqual(t, r.system.Calls(arenatest.Decommit), 2*4)
	r.verify(4, 0)
	r.system.Refuse(nil)
	require.NotZero(t, r.hollowAll(0))
	r.Return(live)
	r.verify(0, 0)
}

// The last slots may come back while the span is held by who makes it hollow.
func TestTheLastSlotComesBackMeanwhile(t *testing.T) {
	for _, refused := range []bool{false, true} {
		r, live := sparse(t, 3)
		spans := len(bySpan(live))
		r.system.Refuse(func(c arenatest.Call) bool {
			if c.Verb == arenatest.Decommit && live != nil {
				slots := live
				live = nil
				r.Return(slots)
				return refused
			}
			return false
		})
		_, gave := r.Hollow(1, 0)
		require.Nil(t, live)
		require.Equal(t, refused, gave == 0)
		left := mcentral.MaxSpares
		r.verify(left, 0)
		require.Less(t, left, spans)
		r.Drain()
		r.verify(0, 0)
	}
}
