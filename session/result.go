package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Action is what is done with a handler.
type Action uint8

// The actions.
const (
	Startup Action = iota
	Shutdown
	Deferred // a deferred action: see [Session.Defer]
)

var actionNames = [...]string{"startup", "shutdown", "deferred"}

func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// MarshalText makes an action readable in JSON.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Action) UnmarshalText(text []byte) error {
	i := slices.Index(actionNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown action %q: %w", text, ErrInvalid)
	}
	*a = Action(i)
	return nil
}

// Record is one call of one handler.
type Record struct {
	ID       string
	Category string // empty for a deferred action
	Priority int
	Action   Action
	// Booting is what a start-up was told, Quitting what a shut-down was told.
	Booting  bool
	Quitting bool
	// Rollback: the call undid what a failed list had done.
	Rollback bool
	Start    time.Time
	Duration time.Duration
	Err      error // nil when it went well
}

// HandlerError returns the record's error with the handler's name, or nil.
func (r Record) HandlerError() error {
	if r.Err == nil {
		return nil
	}
	return &HandlerError{ID: r.ID, Category: r.Category, Action: r.Action, Err: r.Err}
}

// recordJSON is Record on the wire: an error is its text.
type recordJSON struct {
	ID       string        `json:"id"`
	Category string        `json:"category,omitempty"`
	Priority int           `json:"priority"`
	Action   Action        `json:"action"`
	Booting  bool          `json:"booting,omitempty"`
	Quitting bool          `json:"quitting,omitempty"`
	Rollback bool          `json:"rollback,omitempty"`
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration_ns"`
	Error    string        `json:"error,omitempty"`
}

// MarshalJSON writes the error as its text.
func (r Record) MarshalJSON() ([]byte, error) {
	return json.Marshal(recordJSON{
		r.ID, r.Category, r.Priority, r.Action, r.Booting, r.Quitting, r.Rollback,
		r.Start, r.Duration, errorText(r.Err),
	})
}

// UnmarshalJSON reads what MarshalJSON wrote; of the error the text is left.
func (r *Record) UnmarshalJSON(b []byte) error {
	var w recordJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*r = Record{
		w.ID, w.Category, w.Priority, w.Action, w.Booting, w.Quitting, w.Rollback,
		w.Start, w.Duration, textError(w.Error),
	}
	return nil
}

// Result is what came of a boot or a snapshot.
type Result struct {
	// Save and Quit are what was asked.
	Save, Quit bool
	// Booting is true in a session that has just begun: after Boot, and in each copy booted
	// from the saved image. It is false in the session that goes on.
	Booting bool
	// Saved: the image was saved. True in the booted copy too.
	Saved bool
	// Running: the session is up as the call returns. False after a quit and after a rolled-back boot.
	Running bool
	// Session is the identity of the session that is current as the call returns.
	Session string
	Start   time.Time
	// Duration is the whole time the call took; in a booted copy, the time since the freezer
	// returned there.
	Duration time.Duration
	// Handlers has a record for every call of a handler, in the order in which they were done.
	Handlers []Record
	// Deferred has a record for every deferred action.
	Deferred []Record
	// ObserverErr is the first panic of an observer, a [*PanicError].
	ObserverErr error
	// Err says why the boot or the snapshot as a whole did not do what was asked. It is nil when only
	// single handlers failed and the policy is [Collect].
	Err error
}

// Outcome returns what happened in one word: "booting", "continuing", "quit" or "stopped" (the
// session was not running, or its start-up was rolled back).
func (r *Result) Outcome() string {
	switch {
	case r.Running && r.Booting:
		return "booting"
	case r.Running:
		return "continuing"
	case r.Quit && r.Err == nil:
		return "quit"
	}
	return "stopped"
}

// Failed returns the records of the handlers and deferred actions that failed.
func (r *Result) Failed() []Record {
	var failed []Record
	for _, list := range [][]Record{r.Handlers, r.Deferred} {
		for _, each := range list {
			if each.Err != nil {
				failed = append(failed, each)
			}
		}
	}
	return failed
}

// AllErrors returns everything that went wrong as one error, or nil: Err first, then a
// [*HandlerError] for every handler and deferred action that failed and is not named in Err. It is
// what Boot and Snapshot return.
func (r *Result) AllErrors() error {
	errs := []error{r.Err, r.ObserverErr}
	for _, each := range r.Failed() {
		if !named(r.Err, each) {
			errs = append(errs, each.HandlerError())
		}
	}
	return errors.Join(errs...)
}

// named reports whether the error of that record is somewhere in err.
func named(err error, r Record) bool {
	if h, ok := err.(*HandlerError); ok {
		return h.ID == r.ID && h.Action == r.Action
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return named(e.Unwrap(), r)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(each error) bool { return named(each, r) })
	}
	return false
}

type resultJSON struct {
	Save          bool          `json:"save"`
	Quit          bool          `json:"quit"`
	Outcome       string        `json:"outcome"`
	Booting       bool          `json:"booting"`
	Saved         bool          `json:"saved"`
	Running       bool          `json:"running"`
	Session       string        `json:"session,omitempty"`
	Start         time.Time     `json:"start"`
	Duration      time.Duration `json:"duration_ns"`
	Handlers      []Record      `json:"handlers"`
	Deferred      []Record      `json:"deferred,omitempty"`
	ObserverError string        `json:"observer_error,omitempty"`
	Error         string        `json:"error,omitempty"`
}

// MarshalJSON writes errors as their text, and the outcome besides the fields.
func (r *Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(resultJSON{
		r.Save, r.Quit, r.Outcome(), r.Booting, r.Saved, r.Running, r.Session,
		r.Start, r.Duration, r.Handlers, r.Deferred, errorText(r.ObserverErr), errorText(r.Err),
	})
}

// UnmarshalJSON reads what MarshalJSON wrote; of the errors the text is left.
func (r *Result) UnmarshalJSON(b []byte) error {
	var w resultJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*r = Result{
		w.Save, w.Quit, w.Booting, w.Saved, w.Running, w.Session,
		w.Start, w.Duration, w.Handlers, w.Deferred, textError(w.ObserverError), textError(w.Error),
	}
	return nil
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func textError(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}
