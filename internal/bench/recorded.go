package bench

import "slices"

// record is a reference for one Go benchmark that was measured earlier.
type record struct {
	benchmark string // its name, without "Benchmark"
	unit      string
	Reference
}

// axprocess is the process hierarchy in Rust whose semantics package process
// took up, built for release. Medians of several runs on 2 cores.
var axprocess = []record{}

func findRecord(records []record, benchmark, unit string) *Reference {
	i := slices.IndexFunc(records, func(r record) bool { return r.benchmark == benchmark && r.unit == unit })
	if i < 0 {
		return nil
	}
	return &records[i].Reference
}
