package session

import "context"

// Freezer saves the image and ends it. It is called by one goroutine at a time, with all handlers shut
// down; [SnapshotFrom] tells it what was asked, [FromContext] in which session.
type Freezer interface {
	// Freeze saves the image at the point of this call, and returns twice, as fork(2) does: with
	// booting false in the copy that goes on, with booting true in each copy that is booted from the
	// saved image, be it much later and elsewhere. With booting false, an error says that nothing was
	// saved. With booting true, an error is a complaint about the boot: the new session is installed
	// all the same, for the copy is not the old one.
	//
	// The context is the one given to [Manager.Snapshot]. It may have ended long since when the booted
	// copy wakes up; that copy must not mind.
	Freeze(ctx context.Context) (booting bool, err error)
	// Quit ends the image. It may end the program and never return. When it returns nil, the session
	// has ended and the program is expected to end by itself; when it returns an error, the session
	// goes on.
	Quit(ctx context.Context) error
}
