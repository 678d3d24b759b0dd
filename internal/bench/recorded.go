package bench

import (
	"fmt"
	"slices"
)

// record is a reference for one Go benchmark that was measured earlier.
type record struct {
	benchmark string // its name, without "Benchmark"
	unit      string
	Reference
}

// axprocess is the process hierarchy in Rust whose semantics package process
// took up, built for release. Medians of several runs on 2 cores.
var axprocess = []record{
	{"Cycle/ForkExitFree/one", "ns/op", axprocessTook(475)},
	{"Cycle/ForkExitFree/own-sessions", "ns/op", axprocessTook(534)},
	{"Cycle/ForkExitFree/one-group", "ns/op", axprocessTook(719)},
	{"Cycle/NewSession/one", "ns/op", axprocessTook(657)},
	{"Cycle/NewSession/own-sessions", "ns/op", axprocessTook(401)},
	{"Cycle/NewSession/one-group", "ns/op", axprocessTook(963)},
	{"Cycle/NewGroupAndBack/one", "ns/op", axprocessTook(1187)},
	{"Cycle/NewGroupAndBack/own-sessions", "ns/op", axprocessTook(697)},
	{"Cycle/NewGroupAndBack/one-group", "ns/op", axprocessTook(2323)},
	{"Million/build", "ns/process", axprocessTook(366)},
	{"Million/build", "B/process", axprocessTook(207)},
	{"Million/walk", "ns/process", axprocessTook(79)},
	{"Million/tear-down", "ns/process", axprocessTook(301)},
	{"ExitOfParent", "ns/process", axprocessTook(149)},
	{"List/children", "ns/process", axprocessTook(21)},
	{"List/members", "ns/process", axprocessTook(26)},
}

func axprocessTook(v float64) Reference { return Reference{"axprocess", v, true} }

func findRecord(records []record, benchmark, unit string) *Reference {
	i := slices.IndexFunc(records, func(r record) bool { return r.benchmark == benchmark && r.unit == unit })
	if i < 0 {
		return nil
	}
	return &records[i].Reference
}

// unmatched returns an error when a record names a figure that there is not:
// a benchmark that was renamed must not lose its reference unseen.
func unmatched(records []record, all []series) error {
	for _, r := range records {
		if !slices.ContainsFunc(all, func(s series) bool { return s.name == r.benchmark && s.unit == r.unit }) {
			return fmt.Errorf("no benchmark %q in %s, which %s is recorded for", r.benchmark, r.unit, r.Name)
		}
	}
	return nil
}
