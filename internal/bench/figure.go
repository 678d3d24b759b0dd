package bench

import (
	"context"
	"slices"
)

// Figure is one line of an area's table.
type Figure struct {
	Area  string  `json:"area"`
	Name  string  `json:"name"`
	Value float64 `json:"value"` // the median of Runs runs
	Unit  string  `json:"unit"`
	Runs  int     `json:"runs"`
	// Reference is what Value is compared with; nil where there is nothing.
	Reference *Reference `json:"reference,omitempty"`
	// Ratio is Value by the reference's; 0 without one.
	Ratio float64 `json:"ratio,omitempty"`
}

// Reference is a figure of somebody else, in the same unit.
type Reference struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	// Recorded says that it was measured earlier, on a machine like the
	// project's own, and not side by side in this run.
	Recorded bool `json:"recorded"`
}

func (f *Figure) compare(with *Reference) {
	f.Reference = with
	if with != nil && with.Value != 0 {
		f.Ratio = f.Value / with.Value
	}
}

// A NotHereError says why an area cannot be measured on this machine.
type NotHereError struct{ Why string }

func (e *NotHereError) Error() string { return "cannot be measured here: " + e.Why }

// Area is a group of figures that are measured together.
type Area struct {
	Name string
	// Measure takes runs runs of each figure. Its error is a [*NotHereError]
	// when nothing failed but this machine cannot do it.
	Measure func(ctx context.Context, runs int) ([]Figure, error)
}

// median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
