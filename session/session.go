package session

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// AccessMode says what the things of a session may do to the world outside the image: files, logs,
// services elsewhere. The manager itself enforces what is in its hands (it saves only a read-write
// session) and leaves the rest to the handlers, who read the mode.
type AccessMode uint8

// The access modes.
const (
	ReadWrite AccessMode = iota // anything; the default
	ReadOnly                    // read, do not write; the session cannot be saved
	Disabled                    // touch nothing; the session cannot be saved
)

func (a AccessMode) String() string {
	switch a {
	case ReadWrite:
		return "read-write"
	case ReadOnly:
		return "read-only"
	case Disabled:
		return "disabled"
	}
	return fmt.Sprintf("AccessMode(%d)", uint8(a))
}

// Session is one lifetime of an image, from boot to quit. A save does not end it. It ends when the
// image quits, when its start-up is rolled back, and, in the copy that boots from a saved image,
// when the new session is installed there.
//
// A resource that keeps the session it was made in can see that it is stale: [Session.Stale].
type Session struct {
	id      string
	started time.Time
	ctx     context.Context
	end     context.CancelCauseFunc

	mu         sync.Mutex
	access     AccessMode
	properties map[any]any
	deferred   []deferredAction
}

type deferredAction struct {
	name string
	run  func(ctx context.Context, booting bool) error
}

type sessionKey struct{}

func newSession(id string, access AccessMode) *Session {
	s := &Session{id: id, started: time.Now(), access: access}
	ctx := context.WithValue(context.Background(), sessionKey{}, s)
	s.ctx, s.end = context.WithCancelCause(ctx)
	return s
}

// FromContext returns the session a handler, a deferred action or a freezer is called in, and
// the session of any context made from [Session.Context].
func FromContext(ctx context.Context) (*Session, bool) {
	s, ok := ctx.Value(sessionKey{}).(*Session)
	return s, ok
}

// ID returns the session's identity. No two sessions share one, not even two copies booted from one
// saved image.
func (s *Session) ID() string { return s.id }

// Started returns the wall-clock time at which the session was installed.
func (s *Session) Started() time.Time { return s.started }

// Context returns a context that ends with the session; its cause is then [ErrStale].
func (s *Session) Context() context.Context { return s.ctx }

// Stale reports whether the session has ended.
func (s *Session) Stale() bool { return s.ctx.Err() != nil }

func (s *Session) String() string { return "session " + s.id }

// Access returns the access mode.
func (s *Session) Access() AccessMode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.access
}

// SetAccess sets the access mode for the rest of the session. A handler that comes early in the
// start-up list sets it for all that come later.
func (s *Session) SetAccess(a AccessMode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access = a
}

// Property returns what was set under key. Keys are compared as map keys are; as with
// context values, a key of an own type collides with nobody's.
func (s *Session) Property(key any) (value any, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok = s.properties[key]
	return value, ok
}

// SetProperty keeps a value with the session. It outlives a save and is gone with the session: the
// session of a booted image begins without properties.
func (s *Session) SetProperty(key, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.properties == nil {
		s.properties = make(map[any]any)
	}
	s.properties[key] = value
}

// DeleteProperty removes what was set under key, if anything was.
func (s *Session) DeleteProperty(key any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.properties, key)
}

// Properties returns a copy of all properties.
func (s *Session) Properties() map[any]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.properties)
}

// Defer has action run once, after the start-up list: the one that is running, or else the next.
// It runs in the goroutine that called Boot or Snapshot, and is told whether the image is booting.
// Actions run in the order in which they were deferred; one that is deferred while actions run waits
// for the next start-up. When a saved image boots, the actions still waiting go over to the new
// session. There is no time limit, for a caller's goroutine cannot be left behind, but the context
// ends after the manager's default one. The name is for errors and events.
//
// It fails with [ErrStale] if the session has ended.
func (s *Session) Defer(name string, action func(ctx context.Context, booting bool) error) error {
	if action == nil {
		return fmt.Errorf("cannot defer action %q: nil: %w", name, ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Stale() {
		return fmt.Errorf("cannot defer action %q: %w", name, ErrStale)
	}
	s.deferred = append(s.deferred, deferredAction{name: name, run: action})
	return nil
}

func (s *Session) takeDeferred() []deferredAction {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.deferred
	s.deferred = nil
	return taken
}

// finish ends the session and hands over the actions that never ran. The two are one step under the
// lock, so that an action is either refused or handed over, never lost.
func (s *Session) finish() []deferredAction {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(ErrStale)
	left := slices.Clip(s.deferred)
	s.deferred = nil
	return left
}
