package bench

import (
	"context"
	"fmt"
)

// Case is one figure that is measured by running something.
type Case struct {
	Name string
	Unit string
	// Run measures once.
	Run func(context.Context) (float64, error)
	// Reference, measured in turn with Run, names what runs in RunReference.
	Reference    string
	RunReference func(context.Context) (float64, error)
	// Recorded is a reference that cannot be run here.
	Recorded *Reference
}

// measureCases measures all cases, runs times each. The runs are interleaved:
// every case and every reference once, then all of them again.
func measureCases(ctx context.Context, area string, cases []Case, runs int) ([]Figure, error) {
	own := make([][]float64, len(cases))
	theirs := make([][]float64, len(cases))
	for range runs {
		for i, c := range cases {
			if err := sample(ctx, c.Run, &own[i]); err != nil {
				return nil, fmt.Errorf("cannot measure %q: %w", c.Name, err)
			}
			if c.RunReference == nil {
				continue
			}
			if err := sample(ctx, c.RunReference, &theirs[i]); err != nil {
				return nil, fmt.Errorf("cannot measure %q, the reference of %q: %w", c.Reference, c.Name, err)
			}
		}
	}
	figures := make([]Figure, len(cases))
	for i, c := range cases {
		figures[i] = Figure{Area: area, Name: c.Name, Value: median(own[i]), Unit: c.Unit, Runs: runs}
		if c.RunReference != nil {
			figures[i].compare(&Reference{Name: c.Reference, Value: median(theirs[i])})
		} else {
			figures[i].compare(c.Recorded)
		}
	}
	return figures, nil
}

func sample(ctx context.Context, run func(context.Context) (float64, error), into *[]float64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v, err := run(ctx)
	*into = append(*into, v)
	return err
}
