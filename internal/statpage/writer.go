package statpage

import "sync/atomic"

// writer fills the frames of a page that it alone writes.
type writer struct {
	memory []byte // of the page, from its first byte, 8-byte aligned
	frame  []byte // the one that is about to be written
	count  uint64 // of frames written
	ready  int    // bytes of each frame that are known to have memory behind them

	populate func(from, to int) error // backs these bytes of memory, or says that they cannot be
}

// write writes p as the newest frame. An error, which is the system's, says that there is no memory for more
// than what was there before; the frames stay as they were.
func (w *writer) write(p *Page) error {
	w.frame = p.appendFrame(w.frame[:0])
	if n := len(w.frame); n > w.ready {
		for i := range frames {
			at := atFrames + i*FrameBytes
			if err := w.populate(at+w.ready, at+n); err != nil {
				return err
			}
		}
		w.ready = n
	}
	to := w.memory[atFrames+int(w.count%frames)*FrameBytes:]
	w.count++
	counter := counterAt(to)
	atomic.StoreUint64(counter, littleWord(2*w.count-1))
	copy(to[frameLength:], w.frame[frameLength:])
	atomic.StoreUint64(counter, littleWord(2*w.count))
	return nil
}
