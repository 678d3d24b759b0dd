package supervise

import (
	"context"
	"errors"

	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// Reload is the plan of a reload and, unless that was all that was wanted, what
// came of it.
type Reload struct {
	// Steps are in the order in which they are taken: what ends first, in the
	// order of the shut-down list, then what begins, in that of the start-up list.
	Steps []Step
	// Unchanged is how many services and hooks stay as they are.
	Unchanged int
	Done      bool // false after a dry run
}

// The actions of a Step.
const (
	StepStop    = "stop"    // of one that is to go
	StepStart   = "start"   // of one that is new
	StepRestart = "restart" // stopped and started with what is new
	StepUpdate  = "update"  // takes what is new while it runs
)

// Step is one step of a reload.
type Step struct {
	Action string
	Name   string
	Kind   Kind
	// Keys of the manifest that have changed, such as command.
	Keys []string
	Err  error
}

// Reload makes the supervisor one of another manifest.
func (sup *Supervisor) Reload(ctx context.Context, m *session.Manager, to *manifest.Manifest, dryRun bool, progress func(string)) (*Reload, error) {
	return nil, errors.New("not yet")
}
