package trace_test

import (
	"bytes"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/internal/trace"
)

var update = flag.Bool("update", false, "write the traces of testdata anew")

// The traces of testdata, which other packages' tests replay.
var samples = map[string]func(*recorder){
	"operations": operations,
	"service":    service,
	"compiler":   compiler,
}

func TestTestdataIsWhatTheSamplesRecord(t *testing.T) {
	for name, run := range samples {
		t.Run(name, func(t *testing.T) {
			var rec recorder
			run(&rec)
			path := filepath.Join("testdata", name+".trace.gz")
			if *update {
				require.NoError(t, os.WriteFile(path, written(t, rec.events), 0o666))
			}
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			got, err := trace.Read(bytes.NewReader(file))
			require.NoError(t, err)
			require.Equal(t, rec.events, got.Events)
		})
	}
	files, err := fs.Glob(os.DirFS("testdata"), "*.trace.gz")
	require.NoError(t, err)
	require.Len(t, files, len(samples))
}

// A recorder is a program's heap: it notes the calls and numbers the blocks.
type recorder struct {
	events []trace.Event
	thread uint16
	born   uint32
}

func (r *recorder) call(e trace.Event) uint32 {
	e.Thread = r.thread
	r.events = append(r.events, e)
	r.born++
	return r.born - 1
}

func (r *recorder) alloc(size int) uint32 {
	return r.call(trace.Event{Op: trace.Alloc, ID: r.born, Size: uint64(size)})
}

func (r *recorder) zeroed(size int) uint32 {
	return r.call(trace.Event{Op: trace.AllocZeroed, ID: r.born, Size: uint64(size)})
}

func (r *recorder) aligned(log2 uint8, size int) uint32 {
	return r.call(trace.Event{Op: trace.AllocAligned, ID: r.born, Align: log2, Size: uint64(size)})
}

func (r *recorder) realloc(id uint32, size int) uint32 {
	return r.call(trace.Event{Op: trace.Realloc, ID: id, Size: uint64(size)})
}

func (r *recorder) free(ids ...uint32) {
	for _, id := range ids {
		r.events = append(r.events, trace.Event{Op: trace.Free, Thread: r.thread, ID: id})
	}
}

// operations makes every call with sizes around every border that an allocator may have, 0 among
// them, and leaves some blocks behind.
func operations(r *recorder) {
	sizes := []int{0, 1, 7, 8, 9, 15, 16, 17}
	for shift := 5; shift <= 18; shift++ {
		sizes = append(sizes, 1<<shift-1, 1<<shift, 1<<shift+1)
	}
	var ids []uint32
	for _, size := range sizes {
		ids = append(ids, r.alloc(size), r.zeroed(size), r.aligned(uint8(size%14), size))
	}
	for i, from := range ids {
		ids[i] = r.realloc(from, sizes[(i*7)%len(sizes)])
	}
	for log2 := range uint8(21) {
		r.free(r.aligned(log2, 1), r.aligned(log2, 1<<log2), r.aligned(log2, 100))
	}
	for i, id := range ids {
		if i%5 != 0 {
			r.free(id)
		}
	}
}

// service has one thread that takes requests and two that answer them, free what the first allocated
// and keep sessions.
func service(r *recorder) {
	rng := rand.New(rand.NewPCG(1, 2))
	type request struct{ head, key, body uint32 }
	var queue []request
	sessions := make([]uint32, 0, 300)
	for i := range 2000 {
		r.thread = 0
		queue = append(queue, request{r.zeroed(96), r.alloc(4 + rng.IntN(40)), r.alloc(skewed(rng, 64, 16<<10))})
		if len(queue) < 16 {
			continue
		}
		r.thread = uint16(1 + i%2)
		at := rng.IntN(len(queue))
		q := queue[at]
		queue = append(queue[:at], queue[at+1:]...)
		answer := r.alloc(256)
		for size := 512; size < 64<<10 && rng.IntN(3) != 0; size *= 2 {
			answer = r.realloc(answer, size)
		}
		switch {
		case i%3 != 0:
		case len(sessions) < cap(sessions):
			sessions = append(sessions, r.alloc(skewed(rng, 48, 4096)))
		default:
			old := &sessions[rng.IntN(len(sessions))]
			r.free(*old)
			*old = r.aligned(6, skewed(rng, 48, 4096))
		}
		r.free(q.body, answer, q.key, q.head)
	}
	r.thread = 0
	for _, q := range queue {
		r.free(q.head, q.key, q.body)
	}
	for i, id := range sessions {
		if i%4 != 0 {
			r.free(id)
		}
	}
}

// compiler makes trees of small nodes, grows vectors by reallocation, ends each function's blocks
// together and never frees its symbols.
func compiler(r *recorder) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		var ofFunction []uint32
		vector := r.alloc(4 * 8)
		for n := range 20 + rng.IntN(120) {
			ofFunction = append(ofFunction, r.alloc([]int{24, 32, 40, 48, 56, 72, 104}[rng.IntN(7)]))
			if n >= 4 && n&(n-1) == 0 {
				vector = r.realloc(vector, 2*n*8)
			}
			if n%8 == 0 {
				r.alloc(6 + rng.IntN(30))
			}
		}
		bitmaps := r.zeroed(skewed(rng, 128, 40<<10))
		rng.Shuffle(len(ofFunction)/2, func(i, j int) {
			ofFunction[i], ofFunction[j] = ofFunction[j], ofFunction[i]
		})
		r.free(bitmaps)
		r.free(ofFunction...)
		r.free(r.realloc(vector, 8))
	}
}

// skewed returns a size from low to below high, each doubling of it less likely than the last.
func skewed(rng *rand.Rand, low, high int) int {
	size := low
	for 2*size < high && rng.IntN(4) != 0 {
		size *= 2
	}
	return size + rng.IntN(min(size, high-size))
}
