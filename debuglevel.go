package spanheap

// DebugLevel is what a heap checks beside what every heap does: see Options.Debug. A level does what those
// below it do, and panics with a *MisuseError. Writes to a freed block are found as long as the heap keeps it from
// its centrals, which is until 16384 blocks or 16 MiB were freed after it, or Release; a block of 2 MiB and more is never kept. At any level but DebugOff every allocation and every free takes
// the slow path, a lock, and a note of about 100 bytes on the Go heap: some hundred nanoseconds, and microseconds
// at DebugStacks, and what it takes to fill the memory and to look at it. Such a heap has no guarded blocks, moves blocks in Realloc whenever their size
// changes, and its heap profile is that of its blocks without the canaries.
//
// The ideas are old: red zones and fill patterns are those of debug allocators such as Electric Fence's successors
// and the debugging options of jemalloc and FreeBSD's malloc, the quarantine AddressSanitizer's (Serebryany and
// others, AddressSanitizer: A Fast Address Sanity Checker, 2012).
type DebugLevel uint8

const (
	// DebugOff checks what every heap checks, on every free.
	DebugOff DebugLevel = iota

	// DebugPoison puts a canary behind the bytes asked for, 8 bytes at least and all of the slot's rest, which
	// is looked at when the block is freed or reallocated, and by Verify. A freed block is kept and filled
	// with poison, which is looked at before the next allocation of its class gets it, when it is kept no longer,
	// by Verify and by Close; that allocation is often the very next. A typed value must be freed
	// with exactly its size.
	DebugPoison

	// DebugQuarantine also keeps blocks that are kept from being used again meanwhile: in this quarantine a second
	// free is a double free, whatever was allocated since. The quarantine is emptied by Release and before an
	// allocation fails.
	DebugQuarantine

	// DebugStacks also keeps the stacks of allocations and frees: a MisuseError tells those of its block.
	DebugStacks
)

// heldBlocks and heldBytes bound what a heap keeps of freed blocks, heldBlock each of them.
const (
	heldBlocks = 1 << 14
	heldBytes  = 16 << 20
	heldBlock  = heldBytes / 8
)
