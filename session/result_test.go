package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/seancehq/seance/session"
)

func TestLastRuns(t *testing.T) {
	var d diary
	m := session.New(session.WithFreezer(freezer{}))
	register(t, m, d.failing("a", nil, errDisk))
	boot(t, m)
	register(t, m, d.handler("b"))
	runs := m.LastRuns()
	if len(runs) != 2 || runs[0].Startup == nil || runs[0].Shutdown != nil || runs[1].Startup != nil {
		t.Fatalf("after the boot: %+v", runs)
	}
	if r := runs[0].Startup; !r.Booting || r.Err != nil || r.Start.IsZero() || r.Duration <= 0 {
		t.Errorf("start-up of a: %+v", r)
	}
	m.Snapshot(t.Context(), true, false)
	runs = m.LastRuns()
	if runs[0].Startup.Booting || !errors.Is(runs[0].Shutdown.Err, errDisk) || runs[1].Shutdown == nil {
		t.Errorf("after the save: %+v", runs)
	}
	b, err := json.Marshal(runs[0])
	if err != nil || !strings.Contains(string(b), `"id":"a","category":"user","priority":100`) || !strings.Contains(string(b), `"error":"disk full"`) {
		t.Errorf("JSON is %s, %v", b, err)
	}
}

func TestAResultSurvivesJSON(t *testing.T) {
	var d diary
	m := session.New(session.WithFreezer(freezer{freeze: func(context.Context) (bool, error) { return false, errDisk }}))
	register(t, m, d.failing("a", nil, errCause), session.InCategory(session.Tools), session.AtPriority(3))
	boot(t, m)
	m.Current().Defer("later", func(context.Context, bool) error { return nil })
	res, _ := m.Snapshot(t.Context(), true, true)
	first, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	var back session.Result
	if err := json.Unmarshal(first, &back); err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(&back)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("JSON differs:\n%s\n%s", first, second)
	}
	if back.Err.Error() != "cannot save the image: disk full" || back.Outcome() != "continuing" || len(back.Handlers) != 2 {
		t.Errorf("result is %+v", back)
	}
	r := back.Handlers[0]
	if r.ID != "a" || r.Category != "tools" || r.Priority != 3 || r.Action != session.Shutdown || !r.Quitting || r.Booting || r.Err.Error() != errCause.Error() {
		t.Errorf("record is %+v", r)
	}
	var fields map[string]any
	if err := json.Unmarshal(first, &fields); err != nil || fields["outcome"] != "continuing" || fields["error"] == nil {
		t.Errorf("fields are %v, %v", fields, err)
	}
}

func TestNamesSurviveText(t *testing.T) {
	for _, a := range []session.Action{session.Startup, session.Shutdown, session.Deferred} {
		text, _ := a.MarshalText()
		var back session.Action
		if err := back.UnmarshalText(text); err != nil || back != a {
			t.Errorf("%s: %v, %v", text, back, err)
		}
	}
	for p := session.Preparing; p <= session.Done; p++ {
		text, _ := p.MarshalText()
		var back session.Phase
		if err := back.UnmarshalText(text); err != nil || back != p {
			t.Errorf("%s: %v, %v", text, back, err)
		}
	}
	if err := new(session.Action).UnmarshalText([]byte("dance")); !errors.Is(err, session.ErrInvalid) {
		t.Errorf("unknown action: %v", err)
	}
	if err := new(session.Phase).UnmarshalText([]byte("dance")); !errors.Is(err, session.ErrInvalid) {
		t.Errorf("unknown phase: %v", err)
	}
}
