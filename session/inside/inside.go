// Package inside is the freezer of Go programs that run inside a seance image,
// and so makes such a program its own image: the program asks for a snapshot of
// everything around it, itself included, and the call returns again in every
// copy that is booted from what was saved.
//
//	freezer, err := inside.New()
//	if err != nil {
//		return err // not inside an image: start it with seance up -- PROGRAM
//	}
//	m := session.New(session.WithFreezer(freezer))
//	if _, err := m.Boot(ctx); err != nil {
//		return err
//	}
//	result, err := m.Snapshot(ctx, true, true)
//	// comes here in the booted copy, with result.Booting
//
// There are then two session managers, one in the other. The program's own runs
// the program's handlers, when the program itself asks for a snapshot. The
// image's, in init, runs the handlers of the manifest, whoever asks; it does
// not know of the program's. What is saved and what quits is the whole image.
package inside

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/session"
)

var (
	// ErrOutside: this program does not run inside an image.
	ErrOutside = errors.New("this program does not run inside a seance image; start it with: seance up -- PROGRAM")
	// ErrCold: the image is saved without its memory, so that no call could
	// return from what was saved.
	ErrCold = errors.New("the image is saved without its memory (freezer respawn), so that a booted copy would begin anew; see: seance up --freezer criu")
)

// Freezer saves and quits the image around this program. Make one with [New].
type Freezer struct {
	client *api.Client
	ref    string
}

var _ session.Freezer = (*Freezer)(nil)

// Option changes what [New] makes.
type Option func(*Freezer)

// As sets the NAME[:TAG] to save as. Without it that is the live image's name.
func As(ref string) Option { return func(f *Freezer) { f.ref = ref } }

// New makes the freezer of the image whose socket the environment variable
// SEANCE_SOCKET names; without one it fails with [ErrOutside]. A program that
// is to run outside an image as well makes its manager without a freezer then.
func New(opts ...Option) (*Freezer, error) {
	socket := os.Getenv(api.EnvSocket)
	if socket == "" {
		return nil, ErrOutside
	}
	f := &Freezer{client: api.NewClient(socket)}
	for _, o := range opts {
		o(f)
	}
	return f, nil
}

// Freeze saves the image around this program, and quits it as well when the
// snapshot in which it is called is to quit: then nothing returns but the booted
// copies.
//
// It is refused with [ErrCold] when the image has no hot freezer, and by the
// image itself while it boots or makes another snapshot (an [api.Error] with the
// code [api.CodeBusy]). Once the image has been asked, the end of ctx changes
// nothing any more: only the answer tells which copy this is.
func (f *Freezer) Freeze(ctx context.Context) (booting bool, err error) {
	if err := f.hot(ctx); err != nil {
		return false, fmt.Errorf("cannot save the image around this program: %w", err)
	}
	req := api.SnapshotRequest{Save: true, Ref: f.ref}
	if s, ok := session.SnapshotFrom(ctx); ok {
		req.Quit = s.Quit
	}
	r, err := f.client.Snapshot(context.WithoutCancel(ctx), req, nil)
	if err != nil {
		return false, fmt.Errorf("cannot save the image around this program: %w", reached(err))
	}
	switch {
	case r.Outcome == api.Booting && r.Error != "":
		return true, fmt.Errorf("the image around this program booted, but not without a fault: %s", r.Error)
	case r.Outcome == api.Booting:
		return true, nil
	case r.Outcome == api.Continuing:
		return false, nil
	}
	return false, fmt.Errorf("cannot save the image around this program: %s", r.Error)
}

// hot sees that a save keeps memory.
func (f *Freezer) hot(ctx context.Context) error {
	img, err := f.client.Image(ctx)
	if err != nil {
		return reached(err)
	}
	if img.Freezer == api.FreezerRespawn {
		return ErrCold
	}
	return nil
}

// Quit has the image around this program quit, all its services with it, saving
// nothing. It returns as soon as that has begun, or had begun before: this
// program is then expected to end, and gets the signal that stops it as every
// other does.
func (f *Freezer) Quit(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begun := false
	_, err := f.client.Snapshot(ctx, api.SnapshotRequest{Quit: true}, func(api.Event) {
		begun = true
		cancel()
	})
	if begun || f.quitting(ctx, err) {
		return nil
	}
	return fmt.Errorf("cannot quit the image around this program: %w", reached(err))
}

// quitting says whether a quit was refused because the image quits already.
func (f *Freezer) quitting(ctx context.Context, refusal error) bool {
	var told *api.Error
	if !errors.As(refusal, &told) || told.Code != api.CodeBusy {
		return false
	}
	img, err := f.client.Image(ctx)
	return err == nil && img.State == api.StateQuitting
}

// reached explains a socket that nobody serves: the environment was handed on to
// a program outside.
func reached(err error) error {
	if errors.Is(err, api.ErrNoMonitor) {
		return fmt.Errorf("%w (%w)", ErrOutside, err)
	}
	return err
}
