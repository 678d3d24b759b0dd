package cli

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/serve"
)

// lineAt is a line so many seconds after the test began.
func lineAt(began time.Time, seconds int, service, text string) api.LogLine {
	return api.LogLine{Time: began.Add(time.Duration(seconds) * time.Second), Service: service, Stream: "stdout", Text: text}
}

// cutOff answers with values, as answer does, and then is gone.
func cutOff(values ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer(values...)(w, r)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// inTurn answers with each in turn.
func inTurn(each ...http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := each[0]
		each = each[1:]
		now(w, r)
	}
}

// lossy serves the logs in a folder as monitors do that are killed one after
// the other, each when it has sent some of its answer.
func lossy(live api.Live, ended <-chan struct{}, each ...int) http.HandlerFunc {
	whole := serve.Logs(serve.LogFolder{Dir: live.Logs(), Ended: ended, OnError: func(error) {}})
	return func(w http.ResponseWriter, r *http.Request) {
		if len(each) > 0 {
			w = &dying{w, each[0]}
			each = each[1:]
		}
		whole.ServeHTTP(w, r)
	}
}

type dying struct {
	http.ResponseWriter
	left int
}

func (d *dying) Write(b []byte) (int, error) {
	if d.left < len(b) {
		_, _ = d.ResponseWriter.Write(b[:d.left])
		_ = http.NewResponseController(d.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	d.left -= len(b)
	return d.ResponseWriter.Write(b)
}

func (d *dying) Unwrap() http.ResponseWriter { return d.ResponseWriter }

// A command that follows goes on with the next monitor where it was, while the
// logs are written and rotated: without one line twice, and without one that was
// never shown. All lines have one time, for lines that come together have.
func TestLogsFollowedAcrossMonitors(t *testing.T) {
	const total = 3000
	p := newPlace(t)
	live := p.home.Live("shop")
	at := time.Now()
	logs := logfile.NewSet(live.Logs(), logfile.Options{MaxSize: 20_000, MaxFiles: 100, Now: func() time.Time { return at }})
	if err := os.MkdirAll(live.Logs(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := logs.Open(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer logs.End()
		web, db := logs.Log("web").Stream("stdout", 1), logs.Log("db").Stream("stderr", 2)
		for i := range total {
			fmt.Fprintf(web, "%d\n", i)
			if i > total/2 { // which was not there when the reading began
				fmt.Fprintf(db, "%d\n", i)
			}
			if i%100 == 0 {
				time.Sleep(time.Millisecond) // so that the reader is in the middle of it
			}
		}
	}()
	p.serve("shop", with(shop("shop"), "GET /v1/logs", lossy(live, ended, 0, 1000, 5000, 1, 33_000, 2000, 100_000)))
	got := p.run("logs", "-f")
	if got.status != exitOK || got.stderr != "" {
		t.Fatalf("exit status %d, %q", got.status, got.stderr)
	}
	next := map[string]int{"web": 0, "db": total/2 + 1}
	for line := range strings.Lines(got.stdout) {
		service, text, _ := strings.Cut(strings.TrimSpace(line), " | ")
		service = strings.TrimSpace(service)
		if text != strconv.Itoa(next[service]) {
			t.Fatalf("got %q, want %d", line, next[service])
		}
		next[service]++
	}
	if next["web"] != total || next["db"] != total {
		t.Errorf("ends with %v, want %d", next, total)
	}
}

// What was there before and not asked for is not shown by the next monitor
// either; nor does a service that had said nothing get lost.
func TestLastLinesFollowedAcrossMonitors(t *testing.T) {
	p := newPlace(t)
	live := p.home.Live("shop")
	p.writeLog(live, "web", "2026-01-02T03:04:05.000000001Z stdout F:1 1", "2026-01-02T03:04:05.000000001Z stdout F:1 2")
	p.writeLog(live, "quiet", "2026-01-02T03:04:05.000000001Z stdout F:1 nobody asked", "2026-01-02T03:04:05.000000001Z stdout F:1 3")
	ended := make(chan struct{})
	monitors := inTurn(lossy(live, ended, 400), func(w http.ResponseWriter, r *http.Request) {
		p.appendLog(live, "web", time.Now().Format(time.RFC3339Nano)+" stdout F:1 4")
		p.appendLog(live, "late", time.Now().Format(time.RFC3339Nano)+" stdout F:1 5")
		close(ended)
		lossy(live, ended)(w, r)
	})
	p.serve("shop", with(shop("shop"), "GET /v1/logs", monitors))
	got := p.run("logs", "-f", "-n", "1")
	want := map[string]int{"quiet | 3": 1, "web   | 2": 1, "web   | 4": 1, "late  | 5": 1}
	for line := range strings.Lines(got.stdout) {
		want[strings.TrimSpace(line)]--
	}
	for line, n := range want {
		if n != 0 {
			t.Errorf("%q is missing, or not asked for (%d)\n%s%s", line, n, got.stdout, got.stderr)
		}
	}
}

// An image that quit while its monitor was lost has its last words in its files.
func TestLogsFollowedToTheEnd(t *testing.T) {
	p := newPlace(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 1, time.UTC)
	live := p.home.Live("shop")
	p.writeLog(live, "web", "2026-01-02T03:04:05.000000001Z stdout F one", "2026-01-02T03:04:07.000000001Z stdout F two")
	p.serve("shop", with(shop("shop"), "GET /v1/logs", func(w http.ResponseWriter, r *http.Request) {
		if err := os.Remove(live.Record()); err != nil {
			t.Error(err)
		}
		cutOff(api.LogLine{Time: at, Service: "web", Stream: "stdout", Text: "one", Mark: firstMark(t, live)})(w, r)
	}))
	p.run("logs", "-f").want(t, exitOK, "web | one\nweb | two\n", "")
}

// firstMark is the mark of the first line in the log of web.
func firstMark(t *testing.T, live api.Live) (mark string) {
	t.Helper()
	all := logfile.Query{Dir: live.Logs(), Services: []string{"web"}, Last: logfile.All}
	err := logfile.Read(t.Context(), all, func(l logfile.Line) error {
		if mark == "" {
			mark = l.Mark.String()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return mark
}

// Names are padded to the longest that can come, not the longest so far.
func TestLogsHaveOneWidth(t *testing.T) {
	p := newPlace(t)
	began := time.Now()
	lines := []api.LogLine{lineAt(began, 1, "db", "1"), lineAt(began, 2, "counter", "2")}
	routes := with(shop("shop"), "GET /v1/logs", answer(lines...))
	routes["GET /v1/services"] = answer([]api.Service{{Name: "db"}, {Name: "not-yet-there"}})
	p.writeLines(p.serve("shop", routes), lines...)
	p.run("logs").want(t, exitOK, "db      | 1\ncounter | 2\n", "")
	p.run("logs", "-f").want(t, exitOK, "db            | 1\ncounter       | 2\n", "")
	p.run("logs", "db", "counter").want(t, exitOK, "db      | 1\ncounter | 2\n", "")
}
