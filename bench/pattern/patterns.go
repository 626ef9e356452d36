package pattern

import "fmt"

// NodeBytes is the only size that the subjects of typed values have.
const NodeBytes = 64

// A definition is a pattern by name.
type definition struct {
	name    string
	sized   bool // blocks are of Params.Size bytes, else of sizes that the pattern draws
	group   int  // goroutines come in groups of so many; 0 for 1
	quantum int  // operations of the first, shortest run
	prepare func(Params) workload
}

var definitions = []definition{
	{name: "pair", sized: true, quantum: 100, prepare: newPair(0)},
	{name: "pair-1000-live", sized: true, quantum: 100, prepare: newPair(1000)},
	{name: "batch-64", sized: true, quantum: 64, prepare: newBatch(64, false)},
	{name: "batch-1000", sized: true, quantum: 1000, prepare: newBatch(1000, false)},
	{name: "batch-1000-random", sized: true, quantum: 1000, prepare: newBatch(1000, true)},
	{name: "mixed", quantum: 1000, prepare: newMixed},
	{name: "mixed-constant", sized: true, quantum: 1000, prepare: newMixed},
	{name: "producer-consumer", sized: true, group: 2, quantum: 1 << 14, prepare: newPipes},
	{name: "swap", group: 2, quantum: swapPeriod, prepare: newSwap},
	{name: "larson", quantum: larsonLife, prepare: newLarson},
	{name: "xmalloc-test", sized: true, group: 2, quantum: 1 << 14, prepare: newXmalloc},
	{name: "sh6bench", quantum: 1 << 12, prepare: newSh6},
	{name: "sh8bench", quantum: 1 << 12, prepare: newSh8},
	{name: "alloc-test", quantum: 1 << 12, prepare: newAllocTest},
	{name: "mstress", quantum: mstressLife, prepare: newMstress},
	{name: "rptest", quantum: 1 << 12, prepare: newRptest},
	{name: "cache-scratch", sized: true, quantum: 100, prepare: newCacheLines(true)},
	{name: "cache-thrash", sized: true, quantum: 100, prepare: newCacheLines(false)},
}

// Names returns the patterns' names.
func Names() []string {
	var names []string
	for _, d := range definitions {
		names = append(names, d.name)
	}
	return names
}

// Check says what keeps the pattern called name from being run with p.
func Check(name string, p Params) error {
	_, err := find(name, p)
	return err
}

// check says what is wrong with p.
func (d definition) check(p Params) error {
	group := max(d.group, 1)
	switch {
	case p.Procs < 1 || p.Procs%group != 0:
		return fmt.Errorf("pattern %s: %d goroutines are no multiple of %d", d.name, p.Procs, group)
	case d.sized && p.Size < 1:
		return fmt.Errorf("pattern %s: blocks of %d bytes", d.name, p.Size)
	case !d.sized && p.Size != 0:
		return fmt.Errorf("pattern %s draws its own sizes, size %d", d.name, p.Size)
	}
	return nil
}
