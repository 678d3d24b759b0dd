package session_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/seancehq/seance/session"
	"github.com/seancehq/seance/session/sessiontest"
)

// cell is a case of the table in the package comment.
type cell struct {
	save, quit bool
	booting    bool   // the side looked at
	fails      string // "", "collect" or "abort" (handler b fails, under that policy), "save", "quit", "boot"
}

func cells() []cell {
	var out []cell
	for _, asked := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		save, quit := asked[0], asked[1]
		for _, booting := range []bool{false, true} {
			for _, fails := range []string{"", "collect", "abort", "save", "quit", "boot"} {
				out = append(out, cell{save, quit, booting, fails})
			}
		}
	}
	return out
}

// possible reports whether the case can come about.
func (c cell) possible() bool {
	if c.booting && !c.save { // nothing to boot
		return false
	}
	switch c.fails {
	case "save":
		return c.save && !c.booting
	case "quit":
		return c.quit && !c.booting
	case "boot":
		return c.booting
	}
	return true
}

// observed is what a program under test has seen, on one side.
type observed struct {
	shutdown, startup, undo []string
	toldShutdown, toldStart string
	before, after           *session.Session
	result                  *session.Result
	err                     error
}

var errHandler = errors.New("handler b fails")

// outcome runs the case and returns its line of the table.
func (c cell) outcome(t *testing.T) []string {
	t.Helper()
	var seen *observed
	first := sessiontest.Run(func(f *sessiontest.Copy) { seen = c.program(t, f) })
	frozen := len(first.Images()) > 0
	if c.booting {
		boot := first.Images()[0].Boot
		if c.fails == "boot" {
			boot = func() (*sessiontest.Copy, error) {
				return first.Images()[0].BootWithComplaint(errors.New("boot failed"))
			}
		}
		if _, err := boot(); err != nil {
			t.Fatal(err)
		}
	}
	return []string{
		mark(c.save), mark(c.quit), side(c.booting), orDash(c.fails),
		list(seen.toldShutdown, seen.shutdown), orDash(mark(frozen)), orDash(mark(first.HasQuit() && !c.booting)),
		seen.whichSession(), list(seen.toldStart, seen.startup), orDash(strings.Join(seen.undo, " ")),
		seen.result.Outcome(), which(seen.result.Err), failing(seen.err),
	}
}

// program boots a session of three handlers, of which b may fail, and takes the snapshot of the case.
func (c cell) program(t *testing.T, f *sessiontest.Copy) *observed {
	policy := session.Collect
	if c.fails == "abort" {
		policy = session.Abort
	}
	m := session.New(session.WithFreezer(f), session.WithSessionID(f.SessionID), session.WithPolicy(policy))
	seen := new(observed)
	armed := false
	for _, id := range []string{"a", "b", "c"} {
		fails := func(booting bool) error {
			// To have an image to boot at all, the failure must come after the save.
			if armed && id == "b" && (c.fails == "collect" || c.fails == "abort") && c.booting == booting {
				return errHandler
			}
			return nil
		}
		err := m.Register(session.Func(id,
			func(_ context.Context, booting bool) error {
				seen.startup, seen.toldStart = append(seen.startup, id), fmt.Sprint(booting)
				if booting {
					return fails(true)
				}
				return nil
			},
			func(_ context.Context, quitting bool) error {
				if len(seen.startup) > 0 { // only a roll-back comes after the start-up
					seen.undo = append(seen.undo, id)
					return nil
				}
				seen.shutdown, seen.toldShutdown = append(seen.shutdown, id), fmt.Sprint(quitting)
				return fails(false)
			}))
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	*seen = observed{before: m.Current()}
	armed = true
	switch c.fails {
	case "save":
		f.FailFreeze(errors.New("disk full"))
	case "quit":
		f.FailQuit(errors.New("still in use"))
	}
	seen.result, seen.err = m.Snapshot(t.Context(), c.save, c.quit)
	seen.after = m.Current()
	return seen
}

func (o *observed) whichSession() string {
	switch {
	case o.after.Stale() && o.after != o.before:
		return "new, ended"
	case o.after.Stale():
		return "ended"
	case o.after != o.before:
		return "new"
	}
	return "same"
}

func mark(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func side(booting bool) string {
	if booting {
		return "booting"
	}
	return "continuing"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func list(told string, ids []string) string {
	if len(ids) == 0 {
		return "-"
	}
	return told + ": " + strings.Join(ids, " ")
}

func which(err error) string {
	for name, each := range map[string]error{
		"ErrShutdown": session.ErrShutdown, "ErrSave": session.ErrSave,
		"ErrQuit": session.ErrQuit, "ErrStartup": session.ErrStartup, "ErrBoot": session.ErrBoot,
	} {
		if errors.Is(err, each) {
			return name
		}
	}
	return "-"
}

// failing names the handler that the returned error blames.
func failing(err error) string {
	var h *session.HandlerError
	if errors.As(err, &h) && errors.Is(err, errHandler) {
		return h.ID
	}
	return "-"
}

func TestTableInPackageCommentIsWhatHappens(t *testing.T) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "save\tquit\tside\tfails\tshut down\tsaved\tquits\tsession\tstart up\tundone\toutcome\tErr\tblames")
	for _, c := range cells() {
		if c.possible() {
			line := c.outcome(t)
			line[0], line[1] = orDash(line[0]), orDash(line[1])
			fmt.Fprintln(w, strings.Join(line, "\t"))
		}
	}
	w.Flush()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var comment strings.Builder
	for line := range strings.Lines(b.String()) {
		fmt.Fprintf(&comment, "//\t%s\n", strings.TrimRight(line, " \n"))
	}
	if !strings.Contains(string(doc), comment.String()) {
		t.Errorf("the table in doc.go is not what happens, which is:\n%s", comment.String())
	}
}
