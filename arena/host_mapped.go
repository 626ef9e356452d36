//go:build (linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows) && !race

package arena

// All memory is the operating system's.
var host, metadata System = virtualMemory{}, virtualMemory{}

// GoesBack tells whether what Host decommits is the operating system's again: Go memory stays with the process.
const GoesBack = true
