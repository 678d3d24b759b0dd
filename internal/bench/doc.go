// Package bench measures seance against its references and prints what it
// found: one table an area, and the same as JSON.
//
// An [Area] yields [Figure]s. Two kinds of areas exist: one runs Go benchmarks
// and reads what they print (gobench.go); the other is a list of [Case]s, each
// measured in turn with its reference, run by run, so that a machine that is
// busy for a while slows both (run.go). To add a case, add one to the area's
// list; to compare with a figure that cannot be measured here, add it to
// recorded.go.
//
// A figure is the median of its runs. Ratios last, absolute figures do not:
// below 30% apart on a small shared machine is a tie.
package bench
