package cli

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
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

// A command that follows goes on with the next monitor where it was: without
// one line twice, and without one that was never shown.
func TestLogsFollowedAcrossMonitors(t *testing.T) {
	began := time.Now()
	old := []any{lineAt(began, -9, "db", "old"), lineAt(began, -8, "db", "older than asked"), lineAt(began, -8, "quiet", "nobody asked")}
	first := []any{lineAt(began, -7, "web", "1"), lineAt(began, 1, "web", "2"), lineAt(began, 1, "web", "3")}
	rest := []any{lineAt(began, 1, "web", "4"), lineAt(began, 2, "db", "5"), lineAt(began, 2, "web", "6"), lineAt(began, 3, "quiet", "7")}
	then := lineAt(began, 4, "web", "8")
	everything := func(more ...any) []any {
		return append(append(append(append([]any{}, old...), first...), rest...), more...)
	}
	p := newPlace(t)
	var asked []string
	routes := inTurn(cutOff(first...), cutOff(everything()...), answer(everything(then)...))
	p.serve("shop", with(shop("shop"), "GET /v1/logs", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("tail"))
		routes(w, r)
	}))
	p.run("logs", "-f", "-n", "1").want(t, exitOK, "web | 1\nweb | 2\nweb | 3\nweb | 4\ndb  | 5\nweb | 6\nquiet | 7\nweb   | 8\n", "")
	if got := strings.Join(asked, " "); got != "1 -1 -1" {
		t.Errorf("asked for the last lines %s", got)
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
		cutOff(api.LogLine{Time: at, Service: "web", Stream: "stdout", Text: "one"})(w, r)
	}))
	p.run("logs", "-f").want(t, exitOK, "web | one\nweb | two\n", "")
}

// Names are padded to the longest that can come, not the longest so far.
func TestLogsHaveOneWidth(t *testing.T) {
	p := newPlace(t)
	began := time.Now()
	routes := with(shop("shop"), "GET /v1/logs", answer(lineAt(began, 1, "db", "1"), lineAt(began, 2, "counter", "2")))
	routes["GET /v1/services"] = answer([]api.Service{{Name: "db"}, {Name: "not-yet-there"}})
	live := p.serve("shop", routes)
	p.writeLog(live, "counter", "2026-01-02T03:04:05.000000001Z stdout F one")
	p.run("logs").want(t, exitOK, "db      | 1\ncounter | 2\n", "")
	p.run("logs", "-f").want(t, exitOK, "db            | 1\ncounter       | 2\n", "")
	p.run("logs", "db", "counter").want(t, exitOK, "db      | 1\ncounter | 2\n", "")
}
