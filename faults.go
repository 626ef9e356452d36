package spanheap

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spanheap/spanheap/mheap"
)

// FaultKind says what touched a page that guards a block.
type FaultKind uint8

const (
	// FaultOverflow is an access behind the end of a live block.
	FaultOverflow FaultKind = iota + 1
	// FaultUnderflow is an access before the beginning of a live block.
	FaultUnderflow
	// FaultUseAfterFree is an access to, or around, a block that was freed.
	FaultUseAfterFree
)

// String returns the kind in words.
func (k FaultKind) String() string {
	return [...]string{"fault", "overflow", "underflow", "use after free"}[k]
}

// FaultError is the report of an access to a page that guards a block: see Options.Guard.
type FaultError struct {
	Kind  FaultKind
	Addr  uintptr // the address that was touched
	Heap  string  // the heap's name
	Block uintptr // address of the block that it was about, the nearest
	Size  int     // bytes asked for when the block was allocated

	// Program counters, innermost first, as runtime.CallersFrames takes them: 32 at most.
	Accessed  []uintptr // of the access; nil from DescribeFault
	Allocated []uintptr // of the block's allocation
	Freed     []uintptr // of the block's free; nil while it lives
}

// Error returns a line that says what was touched, and behind it the stacks.
func (e *FaultError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "spanheap: %v: address %#x, ", e.Kind, e.Addr)
	switch end := e.Block + uintptr(e.Size); {
	case e.Addr < e.Block:
		fmt.Fprintf(&text, "%d bytes before", e.Block-e.Addr)
	case e.Addr >= end:
		fmt.Fprintf(&text, "%d bytes behind the end of", e.Addr-end)
	default:
		fmt.Fprintf(&text, "%d bytes into", e.Addr-e.Block)
	}
	fmt.Fprintf(&text, " the block %#x+%d of %s", e.Block, e.Size, e.Heap)
	for _, s := range [...]struct {
		what  string
		stack []uintptr
	}{{"accessed", e.Accessed}, {"allocated", e.Allocated}, {"freed", e.Freed}} {
		if len(s.stack) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n%s by", s.what)
		for _, f := range frames(s.stack) {
			fmt.Fprintf(&text, "\n\t%s\n\t\t%s:%d", f.Function, f.File, f.Line)
		}
	}
	return text.String()
}

// DescribeFault returns what is known of a touch of addr, for programs that meet faults in their own way: by
// debug.SetPanicOnFault, whose panic value has the address as its Addr method. ok is false for an address that
// no page of guards holds, or that is a live block's. Any goroutine may call it; what was touched may have been used anew meanwhile, so call it at once.
func DescribeFault(addr uintptr) (e *FaultError, ok bool) {
	if mheap.EntryOf(addr).Class() != mheap.Guarded {
		return nil, false
	}
	h := heapOf(addr)
	if h == nil {
		return nil, false
	}
	return describeFault(addr, h.name, h.guards.at)
}

// describeFault is DescribeFault by the blocks of a heap's guards: at returns the block that the slot around an
// address has or had last, of address 0 if there was none.
func describeFault(addr uintptr, heap string, at func(p uintptr) guardedBlock) (e *FaultError, ok bool) {
	b := nearest(addr, at)
	if b.addr == 0 || b.live && addr-b.addr < b.size {
		return nil, false
	}
	e = &FaultError{Addr: addr, Heap: heap, Block: b.addr, Size: int(b.size), Allocated: known(b.allocated[:])}
	switch {
	case !b.live:
		e.Kind, e.Freed = FaultUseAfterFree, known(b.freed[:])
	case addr < b.addr:
		e.Kind = FaultUnderflow
	default:
		e.Kind = FaultOverflow
	}
	return e, true
}

// nearest returns the block around addr, or else the nearest one, of the two slots that share the pages
// between them; its address is 0 if neither has had any.
func nearest(addr uintptr, at func(p uintptr) guardedBlock) guardedBlock {
	own, before := at(addr), at(addr-mheap.GuardSlot)
	switch {
	case before.addr == 0 || own.addr != 0 && addr >= own.addr:
		return own
	case own.addr == 0 || addr-(before.addr+before.size) < own.addr-addr:
		return before
	}
	return own
}

// known cuts the stack off behind its outermost frame.
func known(stack []uintptr) []uintptr {
	for i, pc := range stack {
		if pc == 0 {
			return stack[:i]
		}
	}
	return stack
}

// ReportFaults calls f, and where f touches a page that guards a block (see Options.Guard) panics with a
// *FaultError: it names the block, and where it was allocated and freed. Faults in other memory panic with
// the runtime.Error that debug.SetPanicOnFault makes of them; other panics of f pass.
//
// It holds for the calling goroutine, not for those that f starts: begin each by go ReportFaults(work). Without
// it, or debug.SetPanicOnFault and DescribeFault, a touch of a guard ends the process as a touch of no memory
// does: the Go runtime prints "unexpected fault address" with the address, and the stack of the goroutine
// that did it; after ReportCrashes, the block follows. A system call that is handed such memory fails with EFAULT.
func ReportFaults(f func()) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		r := recover()
		if r == nil {
			return
		}
		if fault, ok := r.(interface{ Addr() uintptr }); ok {
			if e, ok := DescribeFault(fault.Addr()); ok {
				e.Accessed = faultingStack()
				panic(e)
			}
		}
		panic(r)
	}()
	f()
}

// faultingStack returns the stack at the fault for which deferred functions run now.
func faultingStack() []uintptr {
	var stack [guardDepth + 16]uintptr
	pcs := stack[:runtime.Callers(1, stack[:])]
	inSigpanic := func(pc uintptr) bool {
		f := runtime.FuncForPC(pc)
		return f != nil && f.Name() == "runtime.sigpanic"
	}
	if i := slices.IndexFunc(pcs, inSigpanic); i >= 0 {
		for pcs = pcs[i:]; len(pcs) > 0 && inSigpanic(pcs[0]); {
			pcs = pcs[1:] // functions inlined into it have counters of their own
		}
	}
	return pcs[:min(len(pcs), guardDepth)]
}
