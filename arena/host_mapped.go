//go:build (linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows) && !race

package arena

// All memory is the operating system's.
var host, metadata System = virtualMemory{}, virtualMemory{}
