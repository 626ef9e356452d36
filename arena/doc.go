// Package arena is the address space under spanheap, and the only code of the module that talks to
// the operating system. Three things, each standing on the one before:
//
//	System   what an operating system gives: verbs on ranges of addresses
//	Region   one arena: how far from its base it is ready for use
//	Space    all arenas of the process: reserves them, keeps those given back, hands them out again
//
// What is always true:
//
//   - An arena is Size bytes at a multiple of Size, below 2^48.
//   - Address space handed out as an arena is never unmapped while the process lives. The Go runtime
//     would be free to map its own heap there, and a stale pointer into the arena would become a bad
//     pointer into the Go heap. What goes back to the system is the memory behind the addresses.
//   - Memory that a heap sees for the first time, or again after Decommit, reads zero.
//   - The system may refuse any call. A refusal is an error that wraps the system's own; it leaves every
//     range in its state, and the same call may succeed later.
//
// The collector neither scans arenas nor knows them: nothing in them may point into the Go heap. In
// race builds, and where there is no mmap, arenas are cut from Go memory; the rules stay the same.
package arena

// Size is the length of an arena in bytes, and its alignment: 4 MiB in race builds, on 32-bit machines,
// and on systems without mmap; 64 MiB on all others.
const Size = 1 << Shift
