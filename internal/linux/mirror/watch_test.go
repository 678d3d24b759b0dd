package mirror

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/seancehq/seance/process"
)

// looks gives one observation after the other, and the last again and again.
func looks(all ...[]process.Observed) Look {
	return func() ([]process.Observed, error) {
		now := all[0]
		if len(all) > 1 {
			all = all[1:]
		}
		return now, nil
	}
}

func see(pid, ppid, pgid, sid process.PID, comm string, args ...string) process.Observed {
	return process.Observed{PID: pid, PPID: ppid, PGID: pgid, SID: sid, State: 'S', Comm: comm, Args: args}
}

func TestWatchTellsWhatChanged(t *testing.T) {
	root := see(1, 0, 1, 1, "init", "init")
	w, err := NewWatch(looks(
		[]process.Observed{root},
		[]process.Observed{root, see(5, 1, 5, 5, "sh", "sh")},
		[]process.Observed{root, see(5, 1, 5, 5, "top", "top")},
		[]process.Observed{root},
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"process 5 started by 1: sh"},
		{"process 5 now runs top"},
		{"process 5 ended", "group 5 ended", "session 5 ended"},
		nil,
	} {
		events, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range events {
			got = append(got, e.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWhoHasNoArgumentsRunsNoOtherProgram(t *testing.T) {
	root, shell, ending := see(1, 0, 1, 1, "init", "init"), see(7, 0, 0, 0, "sh", "sh"), see(8, 1, 8, 8, "sh", "sh")
	top, ended := shell, ending
	top.Comm, top.Args = "top", []string{"top"}
	ended.Args = nil
	w, err := NewWatch(looks(
		[]process.Observed{root, shell, ending, see(2, 0, 0, 0, "kthreadd"), see(3, 2, 0, 0, "kworker/0:0")},
		[]process.Observed{root, top, ended, see(2, 0, 0, 0, "kthreadd"), see(3, 2, 0, 0, "kworker/0:0-events")},
	))
	if err != nil {
		t.Fatal(err)
	}
	events, err := w.Next()
	if err != nil || len(events) != 1 || events[0].Kind != process.EventExec || events[0].PID != 7 {
		t.Errorf("got %v, %v, want only that process 7 runs another program", events, err)
	}
	if p, _ := w.Table().Process(3); p.Command().Comm != "kworker/0:0-events" {
		t.Errorf("the table has %q, want the new name", p.Command().Comm)
	}
}

func TestEveryEndsWithItsContextAndWithAnError(t *testing.T) {
	root := see(1, 0, 1, 1, "init", "init")
	w, err := NewWatch(looks([]process.Observed{root}, []process.Observed{root, see(5, 1, 5, 5, "sh", "sh")}))
	if err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	err = w.Every(t.Context(), time.Millisecond, func(_ time.Time, e process.Event) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("got %v, want the error of the one who was told", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(5*time.Millisecond, cancel)
	err = w.Every(ctx, time.Millisecond, func(_ time.Time, e process.Event) error { return enough })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context has ended", err)
	}
}

// Two containers each have a pts/0 of their own, with one device number.
func TestTerminalsWithOneNumberAreToldApart(t *testing.T) {
	const pts0 = 136 << 8
	on := func(o process.Observed) process.Observed {
		o.TTY, o.TTYName, o.Foreground = pts0, "pts/0", o.PGID
		return o
	}
	all := []process.Observed{
		see(1, 0, 1, 1, "init"), on(see(70000, 1, 70000, 70000, "sh")), on(see(70001, 70000, 70001, 70000, "job")),
		on(see(5, 1, 5, 5, "sh")), see(6, 1, 6, 6, "daemon"),
	}
	tellTerminalsApart(all)
	table, err := process.Mirror(all)
	if err != nil {
		t.Fatal(err)
	}
	devices := map[process.Device]process.PID{}
	for _, sid := range []process.PID{5, 70000} {
		s, _ := table.Session(sid)
		tty, name, ok := s.Terminal()
		if !ok || name != "pts/0" || devices[tty] != 0 {
			t.Errorf("session %d has terminal %q (%d, %v), want a pts/0 of its own", sid, name, tty, ok)
		}
		devices[tty] = sid
	}
	if devices[pts0] != 5 {
		t.Errorf("the device number is that of session %d, want 5", devices[pts0])
	}
	for _, pid := range []process.PID{5, 70000, 70001} {
		if p, _ := table.Process(pid); !p.HasTerminal() {
			t.Errorf("process %d has no terminal", pid)
		}
	}
	if s, _ := table.Session(6); s.Exists() {
		if _, _, ok := s.Terminal(); ok {
			t.Error("the daemon's session has a terminal")
		}
	}
}

func TestStandInsAreDifferent(t *testing.T) {
	seen := map[process.Device]process.PID{}
	for sid := process.PID(0); sid < 1<<22; sid += 997 {
		d := standIn(sid)
		if other, ok := seen[d]; ok {
			t.Fatalf("sessions %d and %d have one stand-in", sid, other)
		}
		seen[d] = sid
	}
}
