package session

import (
	"context"
	"errors"
)

// Handler is a named thing that is started and shut down with the session.
//
// Both methods run in a goroutine of the manager's, under a context that ends when the handler's
// time limit is over or when the caller of [Manager.Boot] or [Manager.Snapshot] gives up; it also
// ends when the method returns, so work that outlives the method takes its context from
// [Session.Context]. The session is at hand with [FromContext], what is being done with
// [SnapshotFrom].
//
// Startup may be called on a handler that is already started (after a failed shut-down list, to set
// right what was half undone) and Shutdown on one that never was (it was registered in between, or
// its Startup failed), so both should do nothing where nothing is to be done. A Startup that fails
// should leave nothing behind.
type Handler interface {
	// ID names the handler. It is asked once, at registration; within a manager it is unique.
	ID() string
	// Startup is called by the start-up list: booting is true when a new session begins (the first
	// boot, or the boot of a saved image) and false when the same session goes on after a save.
	Startup(ctx context.Context, booting bool) error
	// Shutdown is called by the shut-down list: quitting is true when the session is about to end
	// and false when it is merely being saved.
	Shutdown(ctx context.Context, quitting bool) error
}

// Lifecycle is a Handler without a name; [Named] and [Lookup] give it one.
type Lifecycle interface {
	Startup(ctx context.Context, booting bool) error
	Shutdown(ctx context.Context, quitting bool) error
}

// Func makes a handler from two functions. Either may be nil: then nothing is done at that moment.
func Func(id string, startup, shutdown func(ctx context.Context, told bool) error) Handler {
	return &funcHandler{id: id, startup: startup, shutdown: shutdown}
}

type funcHandler struct {
	id                string
	startup, shutdown func(ctx context.Context, told bool) error
}

func (h *funcHandler) ID() string { return h.id }

func (h *funcHandler) Startup(ctx context.Context, booting bool) error {
	if h.startup == nil {
		return nil
	}
	return h.startup(ctx, booting)
}

func (h *funcHandler) Shutdown(ctx context.Context, quitting bool) error {
	if h.shutdown == nil {
		return nil
	}
	return h.shutdown(ctx, quitting)
}

// Named gives a name to something that can be started and shut down.
func Named(id string, l Lifecycle) Handler {
	return &namedHandler{Lifecycle: l, id: id}
}

type namedHandler struct {
	Lifecycle
	id string
}

func (h *namedHandler) ID() string { return h.id }

// Lookup makes a handler that holds only a name: each time it is called it asks find what bears that
// name now, as Pharo's ClassSessionHandler does with classes. What is registered may thus be
// replaced, or come to exist, after the registration. When find answers false, the call fails with
// [ErrNotFound].
func Lookup(id string, find func(id string) (Lifecycle, bool)) Handler {
	return &lookupHandler{id: id, find: find}
}

type lookupHandler struct {
	id   string
	find func(id string) (Lifecycle, bool)
}

func (h *lookupHandler) ID() string { return h.id }

func (h *lookupHandler) Startup(ctx context.Context, booting bool) error {
	l, ok := h.find(h.id)
	if !ok {
		return errNothingNamed
	}
	return l.Startup(ctx, booting)
}

func (h *lookupHandler) Shutdown(ctx context.Context, quitting bool) error {
	l, ok := h.find(h.id)
	if !ok {
		return errNothingNamed
	}
	return l.Shutdown(ctx, quitting)
}

var errNothingNamed = errors.Join(ErrNotFound, errors.New("nothing bears this name now"))
