package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seancehq/seance/api"
	livefolder "github.com/seancehq/seance/internal/live"
)

// keptError says that an image cannot be adopted: somebody keeps it who does not
// answer, or not yet.
type keptError struct{ error }

// adopt starts a monitor for an image that has lost its own. One that runs in the
// foreground has none, and gets none.
func (a *app) adopt(ctx context.Context, live api.Live) (api.Image, error) {
	r, err := livefolder.ReadRecord(live)
	if errors.Is(err, fs.ErrNotExist) { // it has quit since its record was seen
		return api.Image{}, notAlive("image %q is no longer alive", live.Name)
	}
	if why := (keepers{init: readRecord(live).initPID()}).stopped(); why != "" {
		return api.Image{}, &notAnsweringError{name: live.Name, why: why} // nor would it answer a new monitor
	}
	if err == nil && r.Foreground {
		return api.Image{}, unservedRun(live, r)
	}
	img, err := a.launch(ctx, api.Launch{Action: api.ActionAdopt, Name: live.Name}, nil)
	var remote *api.Error
	switch {
	case err == nil:
		return *img, nil
	case isNotAlive(err), errors.As(err, new(interruptedError)):
		return api.Image{}, err
	case errors.As(err, &remote) && remote.Code == api.CodeBusy:
		err = keptError{errors.New("it has a monitor that does not answer")}
	}
	return api.Image{}, fmt.Errorf("cannot adopt image %q: %w", live.Name, err)
}

// unservedRun is why nobody answers for an image that runs in the foreground. What
// is left of one that was killed is cleared away.
func unservedRun(live api.Live, r livefolder.Record) error {
	cleared := livefolder.ErrLocked
	if !livefolder.Alive(live) {
		cleared = livefolder.ClearAway(live, r.Init)
	}
	switch {
	case errors.Is(cleared, livefolder.ErrLocked):
		return keptError{fmt.Errorf("image %q does not answer: its seance run (pid %d) says nothing", live.Name, r.Init.PID)}
	case cleared != nil:
		return fmt.Errorf("cannot clear away what is left of image %q: %w", live.Name, cleared)
	}
	return notAlive("image %q has ended: its seance run was killed", live.Name)
}

// notAlive is what a monitor says of an image that has died.
func notAlive(format string, args ...any) error {
	return &api.Error{Code: api.CodeNotAlive, Message: fmt.Sprintf(format, args...)}
}
