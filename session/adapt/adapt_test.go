package adapt_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seancehq/seance/session"
	"github.com/seancehq/seance/session/adapt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAdapted = errors.New("adapted thing fails")

// saver is a freezer whose saves always succeed.
type saver struct{ frozen func() }

func (s saver) Freeze(context.Context) (bool, error) {
	if s.frozen != nil {
		s.frozen()
	}
	return false, nil
}

func (saver) Quit(context.Context) error { return nil }

func manager(t *testing.T, h session.Handler, frozen func()) *session.Manager {
	t.Helper()
	m := session.New(session.WithFreezer(saver{frozen}))
	if err := m.Register(h, session.WithTimeout(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	return m
}

func boot(t *testing.T, m *session.Manager) {
	t.Helper()
	if _, err := m.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T, m *session.Manager, save, quit bool) {
	t.Helper()
	if _, err := m.Snapshot(t.Context(), save, quit); err != nil {
		t.Fatal(err)
	}
}

type closer struct{ closed int }

func (c *closer) Close() error { c.closed++; return errAdapted }

func TestCloser(t *testing.T) {
	var told []bool
	c := new(closer)
	h := adapt.Closer("file", func(_ context.Context, booting bool) (io.Closer, error) {
		told = append(told, booting)
		return c, nil
	})
	m := manager(t, h, func() {
		if _, ok := h.Get(); ok || c.closed != 1 {
			t.Errorf("in the freeze it is open (%v), closed %d times", ok, c.closed)
		}
	})
	if err := h.Shutdown(t.Context(), true); err != nil || c.closed != 0 {
		t.Errorf("shut-down of what is not open: %v", err)
	}
	boot(t, m)
	if err := h.Startup(t.Context(), true); err != nil || len(told) != 1 {
		t.Errorf("second start-up: %v, opened %d times", err, len(told))
	}
	if _, err := m.Snapshot(t.Context(), true, false); !errors.Is(err, errAdapted) {
		t.Errorf("the error of Close is lost: %v", err)
	}
	if v, ok := h.Get(); !ok || v != c || len(told) != 2 || !told[0] || told[1] {
		t.Errorf("after the save: %v, %v, opened with %v", v, ok, told)
	}
}

func TestCloserThatDoesNotOpen(t *testing.T) {
	h := adapt.Closer("file", func(context.Context, bool) (io.Closer, error) { return nil, errAdapted })
	if err := h.Startup(t.Context(), true); !errors.Is(err, errAdapted) {
		t.Errorf("start-up: %v", err)
	}
	if _, ok := h.Get(); ok {
		t.Error("it is open")
	}
}

// connector is a database without a database.
type connector struct {
	refuse       error
	open, closed atomic.Int32
}

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	if c.refuse != nil {
		return nil, c.refuse
	}
	c.open.Add(1)
	return &conn{c}, nil
}

func (c *connector) Driver() driver.Driver { return nil }

type conn struct{ c *connector }

func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, errAdapted }
func (c *conn) Begin() (driver.Tx, error)           { return nil, errAdapted }
func (c *conn) Close() error                        { c.c.closed.Add(1); return nil }

func TestDBHasNoConnectionInTheFreeze(t *testing.T) {
	c := new(connector)
	h := adapt.DB("db", func(context.Context) (*sql.DB, error) { return sql.OpenDB(c), nil })
	m := manager(t, h, func() {
		if open, closed := c.open.Load(), c.closed.Load(); open != 1 || closed != 1 {
			t.Errorf("in the freeze %d connections were opened and %d closed", open, closed)
		}
	})
	boot(t, m)
	snapshot(t, m, true, false)
	db, ok := h.Get()
	if !ok || db.PingContext(t.Context()) != nil {
		t.Error("the database does not answer after the save")
	}
	snapshot(t, m, false, true)
	c.refuse = errAdapted
	if _, err := m.Boot(t.Context()); !errors.Is(err, errAdapted) {
		t.Errorf("a database that does not answer: %v", err)
	}
}

func TestServerServesBetweenStartupAndShutdown(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var sessions []string
	h := adapt.Server("web", func() *http.Server {
		return &http.Server{
			Addr: "127.0.0.1:0",
			Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				s, _ := session.FromContext(r.Context())
				sessions = append(sessions, s.ID())
			}),
		}
	})
	get := func(addr string) error {
		res, err := client.Get("http://" + addr)
		if err != nil {
			return err
		}
		return res.Body.Close()
	}
	var before string
	m := manager(t, h, func() {
		if h.Addr() != nil || get(before) == nil {
			t.Error("in the freeze it serves")
		}
	})
	boot(t, m)
	before = h.Addr().String()
	if err := get(before); err != nil {
		t.Error(err)
	}
	snapshot(t, m, true, false)
	if err := get(h.Addr().String()); err != nil {
		t.Error(err)
	}
	if len(sessions) != 2 || sessions[0] != m.Current().ID() {
		t.Errorf("requests saw the sessions %q", sessions)
	}
	snapshot(t, m, false, true)
	if err := h.Shutdown(t.Context(), true); err != nil {
		t.Errorf("second shut-down: %v", err)
	}
}

func TestServerDoesNotWaitForARequestForever(t *testing.T) {
	arrived := make(chan struct{})
	h := adapt.Server("web", func() *http.Server {
		return &http.Server{Addr: "127.0.0.1:0", Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done() // ends with the connection
		})}
	})
	m := session.New()
	if err := m.Register(h, session.WithTimeout(50*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	boot(t, m)
	answer := make(chan error)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		_, err := client.Get("http://" + h.Addr().String())
		answer <- err
	}()
	<-arrived
	if _, err := m.Snapshot(t.Context(), false, true); !errors.Is(err, session.ErrTimeout) {
		t.Errorf("quit: %v", err)
	}
	if err := <-answer; err == nil {
		t.Error("the request was answered")
	}
	if n := len(m.Leftovers()); n != 0 {
		t.Errorf("%d leftovers", n)
	}
}

func TestServerThatCannotListen(t *testing.T) {
	server := func() *http.Server { return &http.Server{Addr: "127.0.0.1:99999"} }
	if err := adapt.Server("web", server).Startup(t.Context(), true); err == nil {
		t.Error("it listens")
	}
}

func TestTickerTicksBetweenStartupAndShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ticks atomic.Int32
		m := manager(t, adapt.Ticker("tick", time.Minute, func(context.Context) { ticks.Add(1) }), func() {
			before := ticks.Load()
			time.Sleep(time.Hour)
			if ticks.Load() != before {
				t.Error("it ticks in the freeze")
			}
		})
		boot(t, m)
		time.Sleep(3*time.Minute + time.Second)
		if n := ticks.Load(); n != 3 {
			t.Errorf("%d ticks in three minutes", n)
		}
		snapshot(t, m, true, false)
		time.Sleep(2*time.Minute + time.Second)
		if n := ticks.Load(); n != 5 {
			t.Errorf("%d ticks in five minutes", n)
		}
		snapshot(t, m, false, true)
	})
}

func TestGoroutine(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(context.Context) error
		want error
	}{
		{"runs until it is told to stop", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, nil},
		{"returned before", func(context.Context) error { return nil }, nil},
		{"failed before", func(context.Context) error { return errAdapted }, errAdapted},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := manager(t, adapt.Goroutine("work", c.run), nil)
			boot(t, m)
			if _, err := m.Snapshot(t.Context(), false, true); !errors.Is(err, c.want) {
				t.Errorf("quit: %v, want %v", err, c.want)
			}
		})
	}
}

func TestGoroutineThatDoesNotStopIsNotStartedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		let := make(chan struct{})
		m := manager(t, adapt.Goroutine("work", func(context.Context) error { runs++; <-let; return nil }), nil)
		boot(t, m)
		if _, err := m.Snapshot(t.Context(), true, false); !errors.Is(err, session.ErrTimeout) {
			t.Errorf("save: %v", err)
		}
		close(let)
		snapshot(t, m, false, true)
		if runs != 1 {
			t.Errorf("it ran %d times", runs)
		}
	})
}

func TestActor(t *testing.T) {
	stop := make(chan struct{})
	m := manager(t, adapt.Actor("actor",
		func() error { <-stop; return errAdapted },
		func(error) { close(stop) }), nil)
	boot(t, m)
	if _, err := m.Snapshot(t.Context(), false, true); !errors.Is(err, errAdapted) {
		t.Errorf("quit: %v", err)
	}
}

func TestHook(t *testing.T) {
	var calls []string
	note := func(what string) func(context.Context) error {
		return func(context.Context) error { calls = append(calls, what); return nil }
	}
	m := manager(t, adapt.Hook("hook", note("start"), note("stop")), nil)
	if err := m.Register(adapt.Hook("nothing", nil, nil)); err != nil {
		t.Fatal(err)
	}
	boot(t, m)
	snapshot(t, m, false, true)
	if len(calls) != 2 || calls[0] != "start" || calls[1] != "stop" {
		t.Errorf("calls are %q", calls)
	}
}
