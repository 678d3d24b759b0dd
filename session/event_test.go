package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/session"
)

func TestEventsTellOfEveryStep(t *testing.T) {
	var d diary
	observer := func(e session.Event) {
		switch e.Kind {
		case session.PhaseBegins:
			d.add("%v, %d handlers", e.Progress.Phase, e.Progress.Total)
		case session.HandlerBegins:
			d.add("%v %s", e.Handler.Action, e.Handler.ID)
		case session.HandlerDone:
			d.add("done %s %d/%d, %d failed: %v", e.Handler.ID, e.Progress.Done, e.Progress.Total, e.Progress.Failed, e.Handler.Err)
		default:
			d.add("%v", e.Kind)
		}
		if e.Time.IsZero() || e.Session == "" && e.Kind != session.PhaseBegins {
			t.Errorf("event lacks its time or session: %+v", e)
		}
	}
	booting := false
	m := session.New(session.WithObserver(observer), session.WithFreezer(freezer{
		freeze: func(context.Context) (bool, error) { return booting, nil },
	}))
	register(t, m, d.handler("a"))
	register(t, m, d.failing("b", nil, errDisk))
	boot(t, m)
	d.check(t, "preparing, 0 handlers", "session installed",
		"starting up, 2 handlers",
		"startup a", "startup a true", "done a 1/2, 0 failed: <nil>",
		"startup b", "startup b true", "done b 2/2, 0 failed: <nil>",
		"done, 0 handlers")
	m.Current().Defer("later", func(context.Context, bool) error { d.add("later"); return nil })
	booting = true
	m.Snapshot(t.Context(), true, false)
	d.check(t, "preparing, 0 handlers", "shutting down, 2 handlers",
		"shutdown b", "shutdown b false", "done b 1/2, 1 failed: disk full",
		"shutdown a", "shutdown a false", "done a 2/2, 1 failed: <nil>",
		"freezing, 0 handlers", "session ended", "session installed",
		"starting up, 2 handlers",
		"startup a", "startup a true", "done a 1/2, 0 failed: <nil>",
		"startup b", "startup b true", "done b 2/2, 0 failed: <nil>",
		"deferred actions, 1 handlers", "deferred later", "later", "done later 1/1, 0 failed: <nil>",
		"done, 0 handlers")
	m.Snapshot(t.Context(), false, true)
	if lines := d.take(); !slices.Equal(lines[len(lines)-3:], []string{"quitting, 0 handlers", "session ended", "done, 0 handlers"}) {
		t.Errorf("the quit ended with %q", lines)
	}
}

func TestAnObserverThatPanicsDoesNotEndTheImage(t *testing.T) {
	var d diary
	m := session.New(session.WithObserver(func(session.Event) { panic("observer") }))
	register(t, m, d.handler("a"))
	res, err := m.Boot(t.Context())
	var p *session.PanicError
	if !errors.As(err, &p) || p.Value != "observer" || res.Err != nil || res.ObserverErr == nil || !res.Running {
		t.Errorf("boot: %+v, %v", res, err)
	}
	d.check(t, "startup a true")
}

func TestEventsInALog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "duration" {
			return slog.Attr{}
		}
		return a
	}}))
	m := session.New(session.WithObserver(session.LogEvents(log)), session.WithSessionID(func() string { return "s1" }))
	register(t, m, session.Func("db", func(context.Context, bool) error { return errDisk }, nil), session.InCategory(session.System))
	m.Boot(t.Context())
	want := `level=ERROR msg="handler done" event.kind="handler done" event.session=s1 event.handler=db ` +
		`event.category=system event.priority=100 event.action=startup event.booting=true event.error="disk full"`
	if !strings.Contains(out.String(), want) {
		t.Errorf("log is\n%s\nwant a line\n%s", out.String(), want)
	}
}

func TestProgressFromOutside(t *testing.T) {
	m := session.New()
	var inside session.Progress
	register(t, m, session.Func("a", nil, nil))
	register(t, m, session.Func("b", func(context.Context, bool) error {
		inside, _ = m.Progress()
		return nil
	}, nil))
	if _, ok := m.Progress(); ok {
		t.Error("there is progress before anything runs")
	}
	boot(t, m)
	if want := (session.Progress{Phase: session.StartingUp, Done: 1, Total: 2}); inside != want {
		t.Errorf("progress is %+v, want %+v", inside, want)
	}
	if _, ok := m.Progress(); ok {
		t.Error("there is progress after the boot")
	}
}

func TestPlan(t *testing.T) {
	m := session.New(session.WithConcurrency())
	register(t, m, session.Func("web", nil, nil), session.InCategory(session.Network), session.WithTimeout(90*time.Second))
	register(t, m, session.Func("database", nil, nil), session.InCategory(session.System), session.AtPriority(50))
	register(t, m, session.Func("queue", nil, nil), session.InCategory(session.Network))
	want := `STEP  CATEGORY  PRIORITY  HANDLER   LIMIT
1     system    50        database  30s
2     network   100       web       1m30s
2     network   100       queue     30s
`
	if got := m.Plan().String(); got != want {
		t.Errorf("plan is\n%swant\n%s", got, want)
	}
	one := session.New()
	register(t, one, session.Func("a", nil, nil))
	register(t, one, session.Func("b", nil, nil))
	if n := len(one.Plan().Steps); n != 2 {
		t.Errorf("one after the other: %d steps, want 2", n)
	}
}

func TestEventsSurviveJSON(t *testing.T) {
	var d diary
	var events []session.Event
	m := session.New(session.WithObserver(func(e session.Event) { events = append(events, e) }))
	register(t, m, d.failing("a", errDisk, nil))
	m.Boot(t.Context())
	for _, e := range events {
		first, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back session.Event
		if err := json.Unmarshal(first, &back); err != nil {
			t.Fatal(err)
		}
		second, err := json.Marshal(back)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("JSON differs, %v:\n%s\n%s", err, first, second)
		}
		if aboutHandler := e.Handler.ID != ""; aboutHandler != bytes.Contains(first, []byte(`"handler":`)) {
			t.Errorf("JSON is %s", first)
		}
	}
	if n := len(events); n != 6 {
		t.Errorf("%d events, want 6", n)
	}
}
