package adapt_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/session"
	"github.com/seancehq/seance/session/adapt"
	"github.com/seancehq/seance/session/inside"
)

// The functions of this file are shown in docs/lifecycle.md, word for word. TestLifecyclePage
// checks that they are.

func run(ctx context.Context) error {
	db := adapt.DB("db", func(context.Context) (*sql.DB, error) {
		return sql.Open("postgres", os.Getenv("DATABASE_URL"))
	})
	web := adapt.Server("web", func() *http.Server {
		return &http.Server{Addr: "localhost:8080", Handler: routes(db)}
	})
	cleanup := adapt.Ticker("cleanup", time.Hour, func(ctx context.Context) { expire(ctx, db) })

	m := session.New(session.WithPolicy(session.Abort))
	err := errors.Join(
		m.Register(cleanup, session.InCategory(session.Tools)),
		m.Register(web, session.InCategory(session.Network)),
		m.Register(db, session.InCategory(session.System), session.WithTimeout(10*time.Second)),
	)
	if err != nil {
		return err
	}
	fmt.Print(m.Plan()) // db, web, cleanup: by category, not by the order above

	if _, err := m.Boot(ctx); err != nil {
		return err // what had been started is shut down again
	}
	<-ctx.Done()
	_, err = m.Snapshot(context.Background(), false, true)
	return err
}

func fromFx(m *session.Manager, server *http.Server) error {
	return m.Register(adapt.Hook("web",
		func(ctx context.Context) error { return warmUp(ctx, server) },
		func(ctx context.Context) error { return server.Shutdown(ctx) },
	))
}

func fromOklogRun(ctx context.Context, m *session.Manager, execute func() error, interrupt func(error)) error {
	ctx, finish := context.WithCancelCause(ctx)
	defer finish(nil)
	err := m.Register(adapt.Actor("actor", func() error {
		err := execute()
		finish(err) // the first actor that returns ends the program
		return err
	}, interrupt))
	if err != nil {
		return err
	}
	if _, err := m.Boot(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	_, err = m.Snapshot(context.WithoutCancel(ctx), false, true)
	return err
}

func told(id string, cache *cache) session.Handler {
	return session.Func(id,
		func(ctx context.Context, booting bool) error {
			if booting { // a new session: other day, perhaps other machine
				cache.drop()
			}
			return cache.connect(ctx)
		},
		func(ctx context.Context, quitting bool) error {
			if quitting { // nobody comes back
				return cache.close(ctx)
			}
			return cache.disconnect(ctx)
		})
}

func saveAndQuit(ctx context.Context, m *session.Manager) error {
	result, err := m.Snapshot(ctx, true, true)
	switch result.Outcome() {
	case "quit": // saved, and about to end
		return nil
	case "booting": // the same call returns again, in the booted copy
		fmt.Println("back again as session", result.Session)
	case "continuing": // it was not saved, or did not quit: err says why
	}
	return err
}

func ownImage() (*session.Manager, error) {
	freezer, err := inside.New()
	if errors.Is(err, inside.ErrOutside) {
		return session.New(), nil // it runs as any program does, and cannot save
	}
	if err != nil {
		return nil, err
	}
	return session.New(session.WithFreezer(freezer)), nil
}

type cache struct{ calls []string }

func (c *cache) note(what string) error { c.calls = append(c.calls, what); return nil }

func (c *cache) drop()                            { c.note("drop") }
func (c *cache) connect(context.Context) error    { return c.note("connect") }
func (c *cache) close(context.Context) error      { return c.note("close") }
func (c *cache) disconnect(context.Context) error { return c.note("disconnect") }

func routes(*adapt.Resource[*sql.DB]) http.Handler           { return http.NotFoundHandler() }
func expire(context.Context, *adapt.Resource[*sql.DB])       {}
func warmUp(ctx context.Context, _ *http.Server) (err error) { return ctx.Err() }

// TestLifecyclePage keeps the page true: every Go block on it is code of this file, which compiles.
func TestLifecyclePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/lifecycle.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("lifecycle_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, rest := range strings.Split(string(page), "```go\n")[1:] {
		block, _, closed := strings.Cut(rest, "```")
		if blocks++; !closed || !strings.Contains(string(code), block) {
			t.Errorf("this is on the page and not in lifecycle_test.go:\n%s", block)
		}
	}
	if blocks != 6 {
		t.Errorf("%d blocks on the page, want 6", blocks)
	}
}

func TestTheProgramOfThePageRollsBackWithoutItsDatabase(t *testing.T) {
	err := run(t.Context())
	if !errors.Is(err, session.ErrStartup) || !strings.Contains(err.Error(), `cannot start up handler "db"`) {
		t.Errorf("run: %v", err)
	}
}

func TestTheHandlersOfThePage(t *testing.T) {
	t.Run("fx", func(t *testing.T) {
		m := session.New()
		if err := fromFx(m, new(http.Server)); err != nil {
			t.Fatal(err)
		}
		boot(t, m)
		snapshot(t, m, false, true)
	})
	t.Run("oklog/run", func(t *testing.T) {
		stop := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := fromOklogRun(ctx, session.New(),
			func() error { cancel(); <-stop; return errAdapted }, // as a signal would
			func(error) { close(stop) })
		if !errors.Is(err, errAdapted) {
			t.Errorf("run: %v", err)
		}
	})
	t.Run("oklog/run: an actor that fails ends the program", func(t *testing.T) {
		err := fromOklogRun(t.Context(), session.New(), func() error { return errAdapted }, func(error) {})
		if !errors.Is(err, errAdapted) {
			t.Errorf("run: %v", err)
		}
	})
	t.Run("its own image, outside one", func(t *testing.T) {
		t.Setenv("SEANCE_SOCKET", "")
		m, err := ownImage()
		if err != nil {
			t.Fatal(err)
		}
		boot(t, m)
		if _, err := m.Snapshot(t.Context(), true, true); !errors.Is(err, session.ErrNoFreezer) {
			t.Errorf("a save: %v", err)
		}
		snapshot(t, m, false, true)
	})
	t.Run("told why", func(t *testing.T) {
		c := new(cache)
		m := manager(t, told("cache", c), nil)
		boot(t, m)
		snapshot(t, m, true, false)
		if err := saveAndQuit(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Join(c.calls, " "), "drop connect disconnect connect close"; got != want {
			t.Errorf("calls are %q, want %q", got, want)
		}
	})
}
