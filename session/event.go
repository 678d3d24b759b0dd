package session

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"
)

// EventKind says what an event is about.
type EventKind uint8

// The kinds of event.
const (
	// PhaseBegins: a boot or a snapshot enters Progress.Phase.
	PhaseBegins EventKind = iota
	// HandlerBegins comes before each call of a handler or a deferred action.
	HandlerBegins
	// HandlerDone comes after each call; with Err set, it failed, was refused, or was left behind.
	HandlerDone
	// HandlerReturned: a call that had been left behind has returned at last. It may come at any
	// time, from a goroutine of its own.
	HandlerReturned
	// SessionInstalled: a new session is the current one.
	SessionInstalled
	// SessionEnded: the session is over.
	SessionEnded
)

var eventNames = [...]string{
	"phase begins", "handler begins", "handler done", "handler returned", "session installed", "session ended",
}

func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// MarshalText makes a kind readable in JSON.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *EventKind) UnmarshalText(text []byte) error {
	i := slices.Index(eventNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown kind of event %q: %w", text, ErrInvalid)
	}
	*k = EventKind(i)
	return nil
}

// Event is one step of a boot or a snapshot.
type Event struct {
	Kind     EventKind `json:"kind"`
	Time     time.Time `json:"time"`
	Session  string    `json:"session,omitempty"` // identity of the session
	Progress Progress  `json:"progress"`
	// Handler describes the call, for the handler kinds. Duration and Err are set from HandlerDone on.
	Handler Record `json:"handler,omitzero"`
}

// LogValue groups what the event's kind gives meaning to.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", e.Kind.String()), slog.String("session", e.Session)}
	switch e.Kind {
	case PhaseBegins:
		attrs = append(attrs, slog.String("phase", e.Progress.Phase.String()), slog.Int("handlers", e.Progress.Total))
	case HandlerBegins, HandlerDone, HandlerReturned:
		attrs = append(attrs, e.Handler.attrs()...)
	}
	if e.Kind == HandlerDone || e.Kind == HandlerReturned {
		attrs = append(attrs, slog.Duration("duration", e.Handler.Duration))
	}
	if e.Handler.Err != nil {
		attrs = append(attrs, slog.String("error", e.Handler.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

func (r Record) attrs() []slog.Attr {
	told := slog.Bool("booting", r.Booting)
	if r.Action == Shutdown {
		told = slog.Bool("quitting", r.Quitting)
	}
	return []slog.Attr{
		slog.String("handler", r.ID),
		slog.String("category", r.Category),
		slog.Int("priority", r.Priority),
		slog.String("action", r.Action.String()),
		told,
	}
}

// LogEvents returns an observer that writes every event to the logger: failures as errors, calls that
// begin as debug, the rest as info.
func LogEvents(l *slog.Logger) func(Event) {
	return func(e Event) {
		level := slog.LevelInfo
		switch {
		case e.Handler.Err != nil:
			level = slog.LevelError
		case e.Kind == HandlerBegins:
			level = slog.LevelDebug
		}
		l.LogAttrs(context.Background(), level, e.Kind.String(), slog.Any("event", e))
	}
}

// emit tells every observer. No lock is held. An observer that panics is a fault of the program that
// must not end an image: the panic is given back as an error.
func (m *Manager) emit(e Event) (err error) {
	e.Time = time.Now()
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	for _, observe := range m.observers {
		observe(e)
	}
	return nil
}
