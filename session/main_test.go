package session_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/seancehq/seance/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary notes what handlers are told, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// take returns the lines since the last call.
func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.lines
	d.lines = nil
	return taken
}

func (d *diary) check(t *testing.T, want ...string) {
	t.Helper()
	if got := d.take(); !slices.Equal(got, want) {
		t.Errorf("happened: %q\nwant:     %q", got, want)
	}
}

// handler returns a handler that only notes its calls.
func (d *diary) handler(id string) session.Handler { return d.failing(id, nil, nil) }

// failing returns a handler that notes its calls and answers with these errors.
func (d *diary) failing(id string, startup, shutdown error) session.Handler {
	return session.Func(id,
		func(_ context.Context, booting bool) error { d.add("startup %s %v", id, booting); return startup },
		func(_ context.Context, quitting bool) error { d.add("shutdown %s %v", id, quitting); return shutdown })
}

func register(t testing.TB, m *session.Manager, h session.Handler, opts ...session.RegisterOption) {
	t.Helper()
	if err := m.Register(h, opts...); err != nil {
		t.Fatal(err)
	}
}

func boot(t testing.TB, m *session.Manager) *session.Result {
	t.Helper()
	res, err := m.Boot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func ids(list []session.Entry) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.ID
	}
	return out
}

// freezer is a freezer of functions, for what sessiontest's does not do. A nil one does nothing.
type freezer struct {
	freeze func(context.Context) (bool, error)
	quit   func(context.Context) error
}

func (f freezer) Freeze(ctx context.Context) (bool, error) {
	if f.freeze == nil {
		return false, nil
	}
	return f.freeze(ctx)
}

func (f freezer) Quit(ctx context.Context) error {
	if f.quit == nil {
		return nil
	}
	return f.quit(ctx)
}
