package trace

import (
	"errors"
	"fmt"
)

// A ledger holds the blocks of a trace up to one event. It takes only events that a program can have
// made, so its sums never wrap.
type ledger struct {
	sizes  []uint64 // by block; ended for a block that is dead
	events int
	live   uint64

	peakLive   uint64
	peakEvents int
}

const ended = ^uint64(0)

// apply adds the event, and writes the number of a block that it gives birth to into it. A
// reallocation ends the old block before the new one is born. After an error the ledger is of no
// further use.
func (l *ledger) apply(e *Event) error {
	if l.events == MaxEvents {
		return fmt.Errorf("more than %d events", MaxEvents)
	}
	switch e.Op {
	case Alloc, AllocZeroed, AllocAligned:
		e.ID = uint32(len(l.sizes))
	case Free, Realloc:
		if err := l.end(e.ID); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown operation %d", e.Op)
	}
	if e.Align != 0 && (e.Op != AllocAligned || e.Align > MaxAlign) {
		return alignError(uint64(e.Align))
	}
	if e.Op == Free {
		if e.Size != 0 {
			return errors.New("a free has no size")
		}
	} else if err := l.bear(e.Size); err != nil {
		return err
	}
	l.events++
	if l.live > l.peakLive {
		l.peakLive, l.peakEvents = l.live, l.events
	}
	return nil
}

func (l *ledger) end(id uint32) error {
	if int64(id) >= int64(len(l.sizes)) {
		return fmt.Errorf("block %d is not born yet", id)
	}
	if l.sizes[id] == ended {
		return fmt.Errorf("block %d is already dead", id)
	}
	l.live -= l.sizes[id]
	l.sizes[id] = ended
	return nil
}

func (l *ledger) bear(size uint64) error {
	if size > MaxSize {
		return fmt.Errorf("a block of %d bytes, more than %d", size, uint64(MaxSize))
	}
	if l.live+size > MaxLive {
		return fmt.Errorf("more than %d bytes live at once", uint64(MaxLive))
	}
	l.live += size
	l.sizes = append(l.sizes, size)
	return nil
}

func alignError(log2 uint64) error {
	return fmt.Errorf("an alignment of 2^%d, more than 2^%d", log2, MaxAlign)
}
