package supervise

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/manifest"
)

// NotReadyError says why a program did not get ready.
type NotReadyError struct {
	// Reason is for people.
	Reason string
	// Lines are the last ones it wrote, oldest first.
	Lines []string
	// Err is the cause where there is one, such as the context's.
	Err error
	// Then is what comes next, for people; "": nothing does by itself.
	Then string
}

func (e *NotReadyError) Error() string {
	text := e.Reason
	if len(e.Lines) == 0 {
		text += "; it wrote nothing"
	}
	if e.Then != "" {
		text += "; " + e.Then
	}
	if len(e.Lines) == 0 {
		return text
	}
	return text + linesFollow + "\n  | " + strings.Join(e.Lines, "\n  | ")
}

// linesFollow ends the first line of an error that has more.
const linesFollow = "; its last lines:"

func (e *NotReadyError) Unwrap() error { return e.Err }

// lastLines is how many lines of a log an error shows.
const lastLines = 10

// logMatch waits for a line that matches.
type logMatch struct {
	expr *regexp.Regexp
	once sync.Once
	seen chan struct{}
}

// newLogMatch is nil when the service is not ready by its log.
func newLogMatch(r *manifest.Ready) (*logMatch, error) {
	if r == nil || r.Log == "" {
		return nil, nil
	}
	expr, err := regexp.Compile(r.Log)
	if err != nil {
		return nil, fmt.Errorf("cannot wait for a line of the log: %w", err)
	}
	return &logMatch{expr: expr, seen: make(chan struct{})}, nil
}

func (m *logMatch) look(line []byte) {
	if m.expr.Match(line) {
		m.once.Do(func() { close(m.seen) })
	}
}

// awaitReady waits until the instance is ready: nil. An instance that ends first
// is not, unless that is what it is for. The limit of the readiness is the
// service's own.
func (s *service) awaitReady(ctx context.Context, spec *manifest.Service, in *instance, match *logMatch) error {
	r := spec.Ready
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := &limit{at: time.Now().Add(r.Timeout)}
	l.timer = time.AfterFunc(r.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer l.timer.Stop()
	switch {
	case r.Notify:
		return s.awaitNotify(limited, spec, in, l)
	case match != nil:
		defer in.untap()
		return s.awaitLine(limited, spec, in, match)
	case r.Exit:
		return s.awaitExit(limited, spec, in)
	}
	return s.awaitProbe(limited, spec, in)
}

// awaitNotify waits for READY=1. Till then the program may move its limit, and
// hand over to another process.
func (s *service) awaitNotify(ctx context.Context, spec *manifest.Service, in *instance, l *limit) error {
	nt := in.notify
	s.mu.Lock()
	nt.limit = l
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		nt.limit = nil
		s.mu.Unlock()
	}()
	for {
		select {
		case <-nt.ready:
			return nil
		case <-in.proc.Done():
			nt.drain() // READY=1 may be the last that it said
			select {
			case <-nt.ready:
				return nil
			default:
			}
			next := s.follow(in)
			if next == nil {
				return s.endedEarly(in)
			}
			in = next
		case <-ctx.Done():
			return s.late(ctx, spec, in, "it has not said READY=1")
		}
	}
}

func (s *service) awaitLine(ctx context.Context, spec *manifest.Service, in *instance, match *logMatch) error {
	what := fmt.Sprintf("no line of its output matches %q", spec.Ready.Log)
	select {
	case <-match.seen:
		return nil
	case <-in.proc.Done():
		in.drain() // the line may be the last one
		select {
		case <-match.seen:
			return nil
		default:
			return s.endedEarly(in)
		}
	case <-ctx.Done():
		return s.late(ctx, spec, in, what)
	}
}

func (s *service) awaitExit(ctx context.Context, spec *manifest.Service, in *instance) error {
	select {
	case <-in.proc.Done():
		in.drain() // whoever counts on it may look for what it wrote
		if exit, _ := in.proc.Exit(); exit.Success() {
			return nil
		}
		return s.endedEarly(in)
	case <-ctx.Done():
		return s.late(ctx, spec, in, "it has not exited")
	}
}

func (s *service) awaitProbe(ctx context.Context, spec *manifest.Service, in *instance) error {
	probe, name := s.readyProbe(spec)
	pace := paceOf(spec.Ready)
	var last error
	timer := time.NewTimer(0) // the first probe is made at once
	defer timer.Stop()
	for pause := pollFirst; ; pause = pace.next(pause) {
		select {
		case <-timer.C:
		case <-in.proc.Done():
			return s.endedEarly(in)
		case <-ctx.Done():
			if last == nil {
				last = unanswered(spec.Ready.Command)
			}
			return s.late(ctx, spec, in, fmt.Sprintf("%s: %v", name, last))
		}
		if err := s.ask(ctx, probe); err == nil {
			return nil
		} else if ctx.Err() == nil && !errors.Is(err, errCut) {
			last = err // and not that the time was over in the middle of one
		}
		timer.Reset(pause)
	}
}

// ask makes one probe.
func (s *service) ask(ctx context.Context, p probe) error {
	return s.gate.pass(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, attemptLimit)
		defer cancel()
		return p(ctx)
	})
}

// endedEarly is the error of a program that ended before it was ready.
func (s *service) endedEarly(in *instance) error {
	exit, _ := in.proc.Exit()
	reason := fmt.Sprintf("it ended before it was ready (%s)", exit)
	if exit.Success() {
		reason += ", though it is to stay; if it puts itself into the background, tell it not to"
	}
	return &NotReadyError{Reason: reason, Lines: s.lastLines(in), Err: exitError(exit)}
}

func (s *service) late(ctx context.Context, spec *manifest.Service, in *instance, what string) error {
	reason := fmt.Sprintf("not ready within %v: %s", spec.Ready.Timeout, what)
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrStopped):
		return fmt.Errorf("%w, before it was ready", cause)
	case !errors.Is(cause, context.DeadlineExceeded):
		reason = "given up before it was ready"
	}
	return &NotReadyError{Reason: reason, Lines: s.lastLines(in), Err: cause}
}

// lastLines are the last lines that an instance wrote.
func (s *service) lastLines(in *instance) []string { return lastOutput(s.sup.logs, s.spec().Name, in) }

func lastOutput(logs *logfile.Set, name string, in *instance) []string {
	in.drain()
	entries, err := logfile.Last(logs.Dir(), name, lastLines)
	if err != nil {
		return []string{"(" + err.Error() + ")"}
	}
	var lines []string
	for _, entry := range entries {
		untimed := entry.Time.IsZero() // as in a plain log
		if entry.Stream != logfile.StreamSeance && (untimed || !entry.Time.Before(in.started.Round(0))) {
			lines = append(lines, strings.ToValidUTF8(entry.Text, "�"))
		}
	}
	return lines
}
