//go:build (linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows) && race

package arena

// The race detector sees Go memory alone: it is to see blocks, and not to see records.
var host, metadata System = new(goMemory), virtualMemory{}
