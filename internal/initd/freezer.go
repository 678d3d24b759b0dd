package initd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/seancehq/seance/internal/link"
)

// freezer is the session manager's freezer. The freezing is the monitor's
// work, from outside; in here it is a wait for the monitor to come back. CRIU
// takes this process, and all others, at some point of that wait, so that it
// ends in each copy with the greeting that this copy gets.
type freezer struct{ in *Init }

// Freeze implements session.Freezer.
func (f freezer) Freeze(ctx context.Context) (booting bool, err error) {
	// The end of whoever asked does not end the wait: by now the monitor is at
	// work, and its greeting is what counts.
	g, err := f.in.link.Await(context.WithoutCancel(ctx))
	if err != nil {
		return false, err
	}
	f.in.greeted(g)
	switch g.Verdict {
	case link.Continuing:
		return false, nil
	case link.Booting:
		return true, f.in.services.Regroup(f.in.groups())
	case link.Failed:
		return false, g.Error
	case link.Adopted:
		return false, errors.New("the monitor was lost before the image was saved; nothing was saved, try again")
	}
	return false, fmt.Errorf("the monitor came back with %q", g.Verdict)
}

// Quit implements session.Freezer. With init its whole PID namespace ends.
func (f freezer) Quit(context.Context) error {
	if f.in.foreground != nil {
		return nil // its starter goes on
	}
	f.in.end()
	os.Exit(0)
	return nil
}

// greeted takes in what a greeting says of the image.
func (in *Init) greeted(g link.Greeting) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.name = g.Name
	in.saved, in.frozenMS = g.Saved, g.FrozenMS
}
