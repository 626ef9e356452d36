// Package bench holds the C program with the native side of the benchmarks. The benchmarks themselves
// are run by cmd/spanbench; README.md says how, and how to read what comes of it.
package bench

import "embed"

// Native is the C program's source, in the folder native.
//
//go:embed native
var Native embed.FS
