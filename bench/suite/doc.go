// Package suite runs the measurements: what is measured (cells, traces, the collector's side), on what
// (impls), how each impl's worker is built, and in what order the measurements are made.
//
// Every measurement is a process of its own, so that no heap, collector or layout of code in memory is
// inherited from the one before. Rounds are interleaved: a round makes every measurement once, the
// impls of a cell one after the other, so that a machine that becomes slower or faster does so for all.
package suite
