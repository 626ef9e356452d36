//go:build spanheap_soak

package spanheap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"unsafe"
)

// soakBlock is a live block, whose every word tells its place and the block's mark.
type soakBlock struct {
	bytes []byte
	mark  uint64
	typed *[3]uint64 // if New made it
}

func (b *soakBlock) word(i int) uint64 { return b.mark * uint64(2*i+1) }

func (b *soakBlock) fill(from int) {
	for i := from / 8; i < len(b.bytes)/8; i++ {
		binary.LittleEndian.PutUint64(b.bytes[8*i:], b.word(i))
	}
	for i := len(b.bytes) &^ 7; i < len(b.bytes); i++ {
		b.bytes[i] = byte(b.mark)
	}
}

// check looks at the first n bytes' words, or at all bytes if that is how many there are.
func (b *soakBlock) check(bytes []byte, n int) error {
	for i := range n / 8 {
		if got := binary.LittleEndian.Uint64(bytes[8*i:]); got != b.word(i) {
			return fmt.Errorf("block of %d bytes at %#x: word %d is %#x, not %#x", len(b.bytes), addressOf(bytes), i, got, b.word(i))
		}
	}
	for i := n &^ 7; i < n && n == len(b.bytes); i++ {
		if bytes[i] != byte(b.mark) {
			return fmt.Errorf("block of %d bytes at %#x: byte %d is %#x, not %#x", n, addressOf(bytes), i, bytes[i], byte(b.mark))
		}
	}
	return nil
}

// soaker is a goroutine that allocates and frees in every way there is, and ends after some hundreds of steps.
type soaker struct {
	*soak
	random *rand.Rand
	local  *Local // nil: none
	own    []soakBlock
}

// live makes the steps in runs, between which the soak may stop it. What it leaves behind goes to others, or
// is freed.
func (w *soaker) live() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	for range w.random.IntN(60) {
		if w.stopping.Load() {
			break
		}
		if err := w.run(); err != nil {
			return err
		}
		runtime.Gosched()
	}
	w.world.RLock()
	defer w.world.RUnlock()
	for len(w.own) > 0 {
		if b := w.take(); w.random.IntN(2) == 0 {
			err = w.free(b)
		} else {
			err = w.handOver(b)
		}
		if err != nil {
			return err
		}
	}
	if w.local != nil {
		return w.local.Close()
	}
	return nil
}

func (w *soaker) run() error {
	w.world.RLock()
	defer w.world.RUnlock()
	if w.local == nil && w.random.IntN(50) == 0 {
		w.local = w.heap.Local()
	}
	for range 64 {
		if err := w.step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *soaker) step() error {
	w.steps.Add(1)
	full := w.liveBytes.Load() > w.most || len(w.own) > 400
	switch k := w.random.IntN(20); {
	case len(w.own) == 0 && full:
		return nil
	case len(w.own) == 0 || k < 8 && !full:
		return w.alloc()
	case k < 9 && !full:
		return w.batch()
	case k < 12:
		return w.realloc()
	case k < 14:
		return w.handOver(w.take())
	case k < 15:
		return w.freeBatch()
	default:
		return w.free(w.take())
	}
}

// size is logarithmic up to 32 KiB as a rule, and now and then up to 2 MiB.
func (w *soaker) size() int {
	bits := 16
	if w.random.IntN(200) == 0 {
		bits = 22
	}
	return 1 + int(w.random.Uint64()>>1>>(63-w.random.IntN(bits)))
}

// refusal returns the errors that no limit and no fault explains.
func (w *soaker) refusal(err error) error {
	if errors.Is(err, ErrLimit) || errors.Is(err, ErrOutOfMemory) {
		w.refused.Add(1)
		return err
	}
	if err != nil {
		w.fail(fmt.Errorf("an allocation returned %w", err))
	}
	return err
}

func (w *soaker) alloc() error {
	n := w.size()
	var b []byte
	var err error
	var typed *[3]uint64
	zeroed := true
	switch k := w.random.IntN(10); {
	case k < 2 && w.local != nil:
		b, err = w.local.Alloc(n)
	case k < 4 && w.local != nil:
		b, err = w.local.AllocUninit(n)
		zeroed = false
	case k < 5:
		zeroed = false
		align := 1 << w.random.IntN(17)
		if b, err = w.heap.AllocAligned(n, align); err == nil && addressOf(b)%uintptr(align) != 0 {
			return fmt.Errorf("a block at %#x is not aligned to %d", addressOf(b), align)
		}
	case k < 6:
		if typed, err = New[[3]uint64](w.heap); err == nil {
			b = bytesAt(uintptr(unsafe.Pointer(typed)), 24)
		}
	case k < 8:
		b, err = w.heap.Alloc(n)
	default:
		b, err = w.heap.AllocUninit(n)
		zeroed = false
	}
	if w.refusal(err) != nil {
		return nil
	}
	if zeroed {
		if err := soakZeroed(b); err != nil {
			return err
		}
	}
	w.keep(soakBlock{bytes: b, typed: typed})
	return nil
}

func soakZeroed(b []byte) error {
	for i, c := range b {
		if c != 0 {
			return fmt.Errorf("byte %d of %d at %#x is %#x, not 0", i, len(b), addressOf(b), c)
		}
	}
	return nil
}

// keep gives the block a mark of its own.
func (w *soaker) keep(b soakBlock) {
	b.mark = w.marks.Add(1)
	b.fill(0)
	w.own = append(w.own, b)
	w.liveBlocks.Add(1)
	w.liveBytes.Add(int64(len(b.bytes)))
}

// take picks one of the worker's blocks.
func (w *soaker) take() soakBlock {
	i, last := w.random.IntN(len(w.own)), len(w.own)-1
	b := w.own[i]
	w.own[i] = w.own[last]
	w.own = w.own[:last]
	return b
}

// gone checks a block that is about to be freed.
func (w *soaker) gone(b soakBlock) error {
	w.liveBlocks.Add(-1)
	w.liveBytes.Add(-int64(len(b.bytes)))
	return b.check(b.bytes, len(b.bytes))
}

func (w *soaker) free(b soakBlock) error {
	if err := w.gone(b); err != nil {
		return err
	}
	switch k := w.random.IntN(3); {
	case b.typed != nil:
		Delete(b.typed)
	case k == 0 && w.local != nil:
		w.local.Free(b.bytes)
	case k == 1:
		w.heap.Free(b.bytes)
	default:
		Free(b.bytes)
	}
	return nil
}

func (w *soaker) batch() error {
	bs := make([][]byte, 1+w.random.IntN(100))
	n := 1 + w.random.IntN(1000)
	made, err := w.heap.AllocBatch(n, bs)
	w.refusal(err)
	for _, b := range bs[:made] {
		w.keep(soakBlock{bytes: b})
	}
	return nil
}

func (w *soaker) freeBatch() error {
	var bs [][]byte
	for range min(len(w.own), 1+w.random.IntN(100)) {
		b := w.take()
		if err := w.gone(b); err != nil {
			return err
		}
		bs = append(bs, b.bytes)
	}
	w.heap.FreeBatch(bs)
	return nil
}

func (w *soaker) realloc() error {
	b := w.take()
	if b.typed != nil {
		return w.free(b)
	}
	old, n := len(b.bytes), w.size()
	moved, err := w.heap.Realloc(b.bytes, n)
	if w.refusal(err) != nil {
		w.own = append(w.own, b)
		return b.check(b.bytes, old)
	}
	if err := b.check(moved, min(old, n)); err != nil {
		return fmt.Errorf("after a realloc from %d to %d bytes: %w", old, n, err)
	}
	if n > old {
		if err := soakZeroed(moved[old:]); err != nil {
			return fmt.Errorf("after a realloc from %d to %d bytes: %w", old, n, err)
		}
	}
	w.liveBytes.Add(int64(n - old))
	b.bytes = moved
	b.fill(0)
	w.own = append(w.own, b)
	return nil
}

// handOver leaves the block to another goroutine, and frees what was left there before.
func (w *soaker) handOver(b soakBlock) error {
	if before := w.exchange[w.random.IntN(len(w.exchange))].Swap(&b); before != nil {
		return w.free(*before)
	}
	return nil
}
