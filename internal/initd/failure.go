package initd

import (
	"fmt"
	"strings"

	"github.com/seancehq/seance/api"
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
	in.mu.Lock()
	defer in.mu.Unlock()
	in.failures = append(in.failures, r.HandlerError())
}

// rolledBack says why there is no image: what failed, with the last lines of
// its log. It is nil when the start-up was called off by a quit.
func (in *Init) rolledBack() *api.Error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.asked != nil || len(in.failures) == 0 {
		return nil
	}
	var reasons, lines []string
	for _, err := range in.failures {
		reason, more, _ := strings.Cut(err.Error(), "\n")
		reasons = append(reasons, strings.TrimSuffix(reason, "; its last lines:"))
		if more != "" {
			lines = append(lines, reason, more)
		}
	}
	return &api.Error{
		Code: api.CodeCannot,
		Message: fmt.Sprintf("%s; image %q is not up: all that was started was stopped again, as on_failure says",
			strings.Join(reasons, "; "), in.name),
		Detail: strings.Join(lines, "\n"),
	}
}
