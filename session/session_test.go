package session_test

import (
	"context"
	"slices"
	"testing"

	"github.com/seancehq/seance/session"
)

func TestBootStartsAllAndQuitShutsDownInReverse(t *testing.T) {
	var calls []string
	note := func(what string) func(context.Context, bool) error {
		return func(context.Context, bool) error { calls = append(calls, what); return nil }
	}
	m := session.New()
	for _, id := range []string{"a", "b"} {
		if err := m.Register(session.Func(id, note("start "+id), note("stop "+id))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	res, err := m.Snapshot(t.Context(), false, true)
	if err != nil || res.Outcome() != "quit" {
		t.Fatalf("quit: %v, %v", res.Outcome(), err)
	}
	if want := []string{"start a", "start b", "stop b", "stop a"}; !slices.Equal(calls, want) {
		t.Errorf("calls are %q, want %q", calls, want)
	}
}
