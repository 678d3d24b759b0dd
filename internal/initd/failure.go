package initd

import (
	"context"
	"errors"
	"fmt"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// bootPolicy is what the manifest wants to become of a first start-up in which
// something fails.
func bootPolicy(m *manifest.Manifest) session.Policy {
	if m.OnFailure == manifest.RollBack {
		return session.Abort
	}
	return session.Collect
}

// keepFailure keeps what fails at the first start-up, which is told when that
// is rolled back.
func (in *Init) keepFailure(r session.Record) {
	if !r.Booting || r.Action != session.Startup || r.Err == nil {
		return
	}
	if errors.Is(r.Err, context.Canceled) {
		return // given up with the start-up, and no failure of its own
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.failures = append(in.failures, r.HandlerError())
}

// rolledBack says why there is no image: what failed, each on a line with the
// last ones of its log below, as when the others go on. It is nil when the start-up was called off by a quit.
func (in *Init) rolledBack() *api.Error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.asked != nil || len(in.failures) == 0 {
		return nil
	}
	return &api.Error{
		Code: api.CodeCannot,
		Message: fmt.Sprintf("%v\nimage %q is not up: all that was started was stopped again, as on_failure says",
			errors.Join(roots(in.failures)...), in.name),
	}
}

// roots leaves out what has failed for want of another that is told of.
func roots(failures []error) (all []error) {
	told := map[string]bool{}
	for _, err := range failures {
		root := supervise.Root(err)
		what := root.Error()
		if named, ok := errors.AsType[*supervise.HandlerError](root); ok {
			what = named.What // who needs it may know less of why
		}
		if !told[what] {
			told[what] = true
			all = append(all, root)
		}
	}
	return all
}

// failedSoFar is what has failed in a first start-up that was called off.
func (in *Init) failedSoFar() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.asked == nil {
		return nil
	}
	return errors.Join(in.failures...)
}
