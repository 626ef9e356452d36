package suite

import "slices"

// A Kind says how an impl is built and called.
type Kind string

const (
	Go     Kind = "go"     // Go without cgo
	Cgo    Kind = "cgo"    // Go with C below it: needs a C compiler
	Native Kind = "native" // the C program: needs a C compiler, and the library where it is not C's own
)

// An Impl is an allocator under test: one column of the results.
type Impl struct {
	Name    string `json:"name"`
	About   string `json:"about"`
	Kind    Kind   `json:"kind"`
	Version string `json:"version,omitempty"` // of the module or library, when it is known

	tag       string            // the build tag that makes it the worker's subject
	extra     []string          // build tags beside
	env       []string          // variables of the environment that make it what it is
	needs     []string          // files without which it cannot be built
	module    string            // where it comes from
	library   string            // what is preloaded
	zeroes    zeroing           // what fills of blocks it has
	runs      func(c Cell) bool // the cells it is for; nil for all
	replays   bool              // it replays traces
	collected bool              // its blocks are Go's collector's, which works beside it
	slowly    bool              // and takes so long for it that it does it once, not in every round
	retains   bool              // what it keeps of freed memory is measured
	binary    map[bool]string   // the program, by whether blocks are zeroed; set by Build
	preload   string            // the library's file; set by Build
}

// zeroing says how an impl can hand out blocks.
type zeroing int

const (
	uninit zeroing = iota // never zeroed
	both                  // as one asks for
	always                // always zeroed
)

// Names of the impls that the results speak of.
const (
	Spanheap    = "spanheap"
	Local       = "spanheap-local"
	Batch       = "spanheap-batch"
	Unsampled   = "spanheap-unsampled"
	Make        = "make"
	Modernc     = "modernc-mutex"
	CgoJemalloc = "cgo-jemalloc"
	Glibc       = "glibc"
	Jemalloc    = "jemalloc"
	Tcmalloc    = "tcmalloc"
	Mimalloc    = "mimalloc"
	Empty       = "empty-go"
	EmptyNative = "empty-c"
	Baseline    = "baseline"
)

// Natives are the impls of which the best of a row is the yardstick.
var Natives = []string{Glibc, Jemalloc, Tcmalloc, Mimalloc}

// Impls returns all allocators, spanheap first.
func Impls() []*Impl {
	return []*Impl{
		{Name: Spanheap, About: "Heap.AllocUninit (Alloc in zeroed rows) and Free", Kind: Go, zeroes: both, replays: true, retains: true},
		{Name: Local, About: "the same through a Local handle", Kind: Go, tag: "peer_spanheap_local", zeroes: both, replays: true},
		{Name: Batch, About: "AllocBatch and FreeBatch", Kind: Go, tag: "peer_spanheap_batch", runs: inGroups},
		{Name: "spanheap-new", About: "New and Delete of a 64-byte type", Kind: Go, tag: "peer_spanheap_new", zeroes: always, runs: typed},
		{Name: "spanheap-unguarded", About: "spanheap without guards, which it has by default", Kind: Go, env: []string{"SPANHEAPDEBUG=guard=0"}, runs: simple, replays: true},
		{Name: Unsampled, About: "spanheap without its heap profile, which is on by default, and so without guards", Kind: Go, env: []string{"SPANBENCH_PROFILE=0"}, runs: simple, replays: true},
		{Name: "spanheap-check-1", About: "spanheap at DebugPoison", Kind: Go, env: []string{"SPANHEAPDEBUG=check=1"}, runs: simple, replays: true, slowly: true},
		{Name: "spanheap-check-2", About: "spanheap at DebugQuarantine", Kind: Go, env: []string{"SPANHEAPDEBUG=check=2"}, runs: simple, replays: true, slowly: true},
		{Name: "spanheap-check-3", About: "spanheap at DebugStacks", Kind: Go, env: []string{"SPANHEAPDEBUG=check=3"}, runs: simple, replays: true, slowly: true},
		{Name: Make, About: "Go's make, its collector included", Kind: Go, collected: true, tag: "peer_make", zeroes: always, replays: true},
		{Name: "new", About: "Go's new of a 64-byte type, its collector included", Kind: Go, collected: true, tag: "peer_new", zeroes: always, runs: typed},
		{Name: "sync.Pool", About: "a sync.Pool of *[]byte for every power of two", Kind: Go, collected: true, tag: "peer_pool", runs: upToTwo},
		{Name: Modernc, About: "modernc.org/memory behind a sync.Mutex", Kind: Go, tag: "peer_modernc", module: "modernc.org/memory", zeroes: both, replays: true},
		{Name: "modernc", About: "modernc.org/memory without a lock, for one goroutine", Kind: Go, tag: "peer_modernc_unlocked", module: "modernc.org/memory", zeroes: both, runs: alone},
		{Name: "mcache", About: "bytedance's mcache", Kind: Go, collected: true, tag: "peer_mcache", module: "github.com/bytedance/gopkg", runs: upToTwo},
		{Name: "ristretto", About: "ristretto's z.Calloc, on the Go heap as it is without its build tag", Kind: Go, collected: true, tag: "peer_ristretto", module: "github.com/dgraph-io/ristretto/v2", zeroes: always, runs: inShort},
		{Name: "ristretto-je", About: "ristretto's z.Calloc with its build tag jemalloc", Kind: Cgo, tag: "peer_ristretto_jemalloc", extra: []string{"jemalloc"}, needs: []string{"/usr/local/lib/libjemalloc.a"}, module: "github.com/dgraph-io/ristretto/v2", zeroes: always, runs: inShort},
		{Name: "arrow-go", About: "Arrow's GoAllocator", Kind: Go, collected: true, tag: "peer_arrow", module: "github.com/apache/arrow-go/v18", zeroes: always, runs: inShort},
		{Name: "arrow-malloc", About: "Arrow's Mallocator, on cgo", Kind: Cgo, tag: "peer_arrow_mallocator", module: "github.com/apache/arrow-go/v18", zeroes: always, runs: inShort},
		{Name: "cgo-malloc", About: "glibc's malloc through cgo", Kind: Cgo, tag: "peer_cgo_malloc", zeroes: both, runs: upToTwo},
		{Name: CgoJemalloc, About: "jemalloc's mallocx through cgo", Kind: Cgo, tag: "peer_cgo_jemalloc", zeroes: both},
		{Name: Glibc, About: "the C library's malloc, in C", Kind: Native, zeroes: both, replays: true, retains: true},
		{Name: Jemalloc, About: "jemalloc, in C", Kind: Native, library: "libjemalloc.so.2", zeroes: both, replays: true, retains: true},
		{Name: Tcmalloc, About: "gperftools' tcmalloc_minimal, in C", Kind: Native, library: "libtcmalloc_minimal.so.4", zeroes: both, replays: true, retains: true},
		{Name: Mimalloc, About: "mimalloc, in C", Kind: Native, library: "libmimalloc.so.2", zeroes: both, replays: true, retains: true},
		{Name: Empty, About: "no allocator: the harness in Go", Kind: Go, tag: "peer_empty", runs: alone},
		{Name: EmptyNative, About: "no allocator: the harness in C", Kind: Native, runs: alone},
	}
}

// Runs tells whether the impl is measured in the cell. One that always zeroes stands in uninitialized
// rows too: it has nothing else to offer.
func (i *Impl) Runs(c Cell) bool {
	if i.zeroes == uninit && c.Zeroed {
		return false
	}
	return i.runs == nil || i.runs(c)
}

// Tags returns the build tags of the impl's worker.
func (i *Impl) tags(zeroed bool) []string {
	var tags []string
	if i.tag != "" {
		tags = append(tags, "peer", i.tag)
	}
	if zeroed && i.zeroes == both {
		tags = append(tags, "zeroed")
	}
	return append(tags, i.extra...)
}

// fills returns for which fills the impl has a program of its own.
func (i *Impl) fills() []bool {
	if i.zeroes == both {
		return []bool{false, true}
	}
	return []bool{false}
}

// program returns the impl's program for the cell.
func (i *Impl) program(zeroed bool) string {
	if i.zeroes != both {
		zeroed = false
	}
	return i.binary[zeroed]
}

// inGroups are the rows where blocks come and go in groups.
func inGroups(c Cell) bool {
	return slices.Contains([]string{"batch-64", "batch-1000", "batch-1000-random", "producer-consumer"}, c.Pattern)
}

// upToTwo keeps impls that no target speaks of to rows of one and two goroutines.
func upToTwo(c Cell) bool { return c.Procs <= 2 }

func alone(c Cell) bool { return c.Procs == 1 && !c.Zeroed }

// inShort keeps impls that are much alike, or slow, to the rows of the short run.
func inShort(c Cell) bool { return slices.Contains(ShortCells(), c) }

// typed are the rows for values of one type.
func typed(c Cell) bool { return c.Zeroed && c.Size == 64 }

// NewBaseline returns an impl that is spanheap as another build of its worker has it, in rows that are
// not zeroed.
func NewBaseline(program string) *Impl {
	return &Impl{
		Name: Baseline, About: "spanheap, as another build has it", Kind: Go, replays: true, retains: true,
		binary: map[bool]string{false: program},
	}
}

// simple are the rows in which little else happens than calls of the allocator.
func simple(c Cell) bool {
	return !c.Zeroed && c.Procs == 1 && slices.Contains([]string{"pair", "mixed"}, c.Pattern)
}
