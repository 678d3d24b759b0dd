package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/seancehq/seance/api"
)

func shop(name string) api.Image {
	return api.Image{Name: name, State: api.StateRunning, Freezer: api.FreezerCRIU, PID: 4711,
		Session: "s1", Started: time.Now().Add(-90 * time.Second), Services: 3, Ready: 3, From: "sha256:1a2b3c4d5e6f7a8b"}
}

func only(img api.Image) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{"GET /v1/image": answer(img)}
}

// with adds a route to those of an image.
func with(img api.Image, pattern string, h http.HandlerFunc) map[string]http.HandlerFunc {
	routes := only(img)
	routes[pattern] = h
	return routes
}

func (got printed) want(t *testing.T, status int, stdout, stderr string) {
	t.Helper()
	if got.status != status || got.stdout != stdout || got.stderr != stderr {
		t.Errorf("exit status %d, want %d\n--- stdout\n%s--- want\n%s--- stderr\n%s--- want\n%s",
			got.status, status, got.stdout, stdout, got.stderr, stderr)
	}
}

func TestLs(t *testing.T) {
	p := newPlace(t)
	p.run("ls").want(t, exitOK, "NAME  STATE  READY  AGE  PID  FREEZER  FROM\n", "")

	p.serve("shop", only(shop("shop")))
	trial := shop("trial")
	trial.State, trial.Ready, trial.Freezer, trial.From, trial.PID = api.StateBooting, 1, api.FreezerRespawn, "", 5
	p.serve("trial", only(trial))
	for name, ref := range map[string]string{"by-tag": "shop:before", "by-digest": "1a2b3c"} {
		img := shop(name)
		img.FromRef = ref
		p.serve(name, only(img))
	}
	p.run("ls").want(t, exitOK, `NAME       STATE    READY  AGE   PID  FREEZER  FROM
by-digest  running    3/3   1m  4711  criu     sha256:1a2b3c4d5e6f
by-tag     running    3/3   1m  4711  criu     shop:before
shop       running    3/3   1m  4711  criu     sha256:1a2b3c4d5e6f
trial      booting    1/3   1m     5  respawn  -
`, "")
}

func TestLsJSON(t *testing.T) {
	p := newPlace(t)
	p.run("ls", "--json").want(t, exitOK, "[]\n", "")

	p.serve("shop", only(shop("shop")))
	var got []api.Image
	out := p.run("--json", "ls")
	if err := json.Unmarshal([]byte(out.stdout), &got); err != nil || len(got) != 1 || got[0].Name != "shop" || got[0].PID != 4711 {
		t.Errorf("got %s (%v), want a list of the image", out.stdout, err)
	}
}

func TestWhichImage(t *testing.T) {
	p := newPlace(t)
	services := func(name string) map[string]http.HandlerFunc {
		return with(shop(name), "GET /v1/services", answer([]api.Service{{Name: "of-" + name}}))
	}
	about := func(name string, args ...string) {
		t.Helper()
		got := p.run(append(args, "ps")...)
		if got.status != exitOK || !strings.Contains(got.stdout, "of-"+name) {
			t.Errorf("seance %s ps: status %d, %s%s; want it to be about %s", args, got.status, got.stdout, got.stderr, name)
		}
	}
	p.run("ps").want(t, exitNotFound, "", "seance: no such live image: nothing is live; start one with: seance up\n")
	p.run("ps", "-i", "shop").want(t, exitNotFound, "", "seance: no such live image: shop\n")

	p.serve("shop", services("shop"))
	about("shop")
	p.run("ps", "-i", "nope").want(t, exitNotFound, "", "seance: no such live image: nope; live are: shop\n")

	p.serve("trial", services("trial"))
	p.run("ps").want(t, exitNotFound, "", "seance: several images are live, say which with --image: shop, trial\n")
	about("trial", "--image", "trial")
	p.env[api.EnvImage] = "trial"
	about("trial")
	about("shop", "-i", "shop")
	delete(p.env, api.EnvImage)

	p.writeManifest("name: trial\nservices: {a: {command: [sleep, \"1\"]}}\n")
	about("trial")
}

func TestPs(t *testing.T) {
	p := newPlace(t)
	var query string
	p.serve("shop", with(shop("shop"), "GET /v1/services", func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		answer([]api.Service{
			{Name: "db", State: "running", Ready: true, PID: 7, UptimeMS: 65_000, Command: []string{"redis-server", "--port", "7000"},
				Usage: &api.Usage{Processes: 2, CPUSeconds: 1.3, Memory: 9_541_222, Ports: []string{"tcp 0.0.0.0:7000", "tcp [::]:7000", "udp 127.0.0.1:53"}}},
			{Name: "counter", State: "running", PID: 1234, UptimeMS: 1500, Restarts: 2, Exit: "exit status 1", Command: []string{"sh", "-c", "while :; do\n :; done"}},
			{Name: "web", State: "failed", Exit: "killed", Error: "cannot start service \"web\": no such program; its last lines:\n  | oh", Command: []string{"wbe"},
				Usage: &api.Usage{}},
			{Name: "job", State: "pending", Disabled: true, Command: []string{"job"}},
		})(w, r)
	}))
	p.run("ps").want(t, exitOK, `SERVICE  STATE     RESTARTS   PID   CPU  MEMORY  UPTIME  PORTS                  LAST EXIT      COMMAND
db       ready            0     7  2.0%  9.1MiB      1m  7000,127.0.0.1:53/udp  -              redis-server --port 7000
counter  running          2  1234     -       -      1s  -                      exit status 1  sh -c 'while :; do…'
web      failed           0     -     -       -       -  -                      killed         wbe
job      disabled         0     -     -       -       -  -                      -              job
`, "seance: web: cannot start service \"web\": no such program\n")
	if query != "usage=true" {
		t.Errorf("asked for %q, want what they use", query)
	}
}

func TestPsOfSome(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", with(shop("shop"), "GET /v1/services", answer([]api.Service{
		{Name: "db", State: "running", Ready: true, Command: []string{"db"}, Status: "12 clients,\n" + strings.Repeat("x", 40)},
		{Name: "web-1", Of: "web", State: "running", Command: []string{"web"}},
		{Name: "web-2", Of: "web", State: "running", Command: []string{"/bin/sh", "-c", "exec web\n"}},
		{Name: "job", State: "pending", Command: []string{"job"}},
	})))
	p.run("ps", "job", "web").want(t, exitOK, `SERVICE  STATE    RESTARTS  PID  CPU  MEMORY  UPTIME  PORTS  LAST EXIT  COMMAND
web-1    running         0    -    -       -       -  -      -          web
web-2    running         0    -    -       -       -  -      -          /bin/sh -c 'exec web'
job      pending         0    -    -       -       -  -      -          job
`, "")
	p.run("ps", "db", "web-1").want(t, exitOK, `SERVICE  STATE    RESTARTS  PID  CPU  MEMORY  UPTIME  PORTS  LAST EXIT  STATUS                                    COMMAND
db       ready           0    -    -       -       -  -      -          12 clients, xxxxxxxxxxxxxxxxxxxxxxxxxxx…  db
web-1    running         0    -    -       -       -  -      -          -                                         web
`, "")
	var got []api.Service
	if out := p.run("ps", "--json", "web-2"); json.Unmarshal([]byte(out.stdout), &got) != nil || len(got) != 1 || got[0].Name != "web-2" {
		t.Errorf("as JSON: %+v", out)
	}
	p.run("ps", "job", "wbe").want(t, exitNotFound, "", "seance: cannot list service \"wbe\": no such service; there are db, web-1, web-2, job\n")
	p.run("ps", "").want(t, exitNotFound, "", "seance: cannot list service \"\": no such service; there are db, web-1, web-2, job\n")
	p.run("ps", "shop").want(t, exitNotFound, "", "seance: cannot list service \"shop\": no such service; a live image is named with -i: seance ps -i shop\n")
}

// An image that was saved by an earlier seance has an init that does not know what
// services use.
func TestPsOfAnOlderImage(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", with(shop("shop"), "GET /v1/services", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			refuse(400, api.Error{Code: api.CodeBad, Message: "init does not know the call \"usage\""})(w, r)
			return
		}
		answer([]api.Service{{Name: "db", State: "stopped", Command: []string{"db"}}})(w, r)
	}))
	p.run("ps").want(t, exitOK, "SERVICE  STATE    RESTARTS  PID  CPU  MEMORY  UPTIME  PORTS  LAST EXIT  COMMAND\n"+
		"db       stopped         0    -    -       -       -  -      -          db\n", "")
}

func TestList(t *testing.T) {
	p := newPlace(t)
	link := api.Handler{ID: "link", Kind: "seance", Category: "system", Priority: 10,
		LastStartup: &api.HandlerRun{Action: "startup", Booting: true, DurationMS: 0.25}}
	web := api.Handler{ID: "web", Kind: "service", Category: "user", Priority: 100,
		LastStartup:  &api.HandlerRun{Action: "startup", DurationMS: 1240, Error: "not ready within 1s; its last lines:\n  | one\n  | two"},
		LastShutdown: &api.HandlerRun{Action: "shutdown", DurationMS: 12}}
	p.serve("shop", with(shop("shop"), "GET /v1/handlers",
		answer(api.Handlers{Startup: []api.Handler{link, web}, Shutdown: []api.Handler{web, link}})))
	p.run("list").want(t, exitOK, `START-UP  KIND     CATEGORY  PRIORITY  LAST                   TOOK
link      seance   system          10  booting             0.25 ms
web       service  user           100  continuing, failed    1.2 s

SHUT-DOWN  KIND     CATEGORY  PRIORITY  LAST     TOOK
web        service  user           100  saving  12 ms
link       seance   system          10  -           -
`, "seance: start-up of web: not ready within 1s\n")
}

// A table fits the terminal it is printed on; what reads lines gets all of it.
func TestTablesFitTheTerminal(t *testing.T) {
	p := newPlace(t)
	long := strings.Repeat("long-", 30)
	img := shop("shop")
	img.FromRef = "shop:" + long
	routes := with(img, "GET /v1/services", answer([]api.Service{{Name: "db", Command: []string{long}}}))
	routes["GET /v1/handlers"] = answer(api.Handlers{Startup: []api.Handler{{ID: long}}})
	p.serve("shop", routes)
	for _, command := range []string{"ls", "ps", "list"} {
		if piped := p.run(command).stdout; !strings.Contains(piped, long) {
			t.Errorf("seance %s, piped, has cut its table:\n%s", command, piped)
		}
		table := p.runOnTerminal(command)
		if !strings.Contains(table, "…\n") {
			t.Errorf("seance %s has cut no line:\n%s", command, table)
		}
		for line := range strings.Lines(table) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("seance %s, on a terminal of 80 columns, has a line of %d: %s", command, n, line)
			}
		}
	}
}

func logLines() []api.LogLine {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	lines := []api.LogLine{
		{Service: "web", Stream: "stdout", Text: "listening"},
		{Service: "counter", Stream: "pty", Text: "> ", Partial: true},
		{Service: "counter", Stream: "pty", Text: "1"},
		{Service: "web", Stream: "stderr", Text: "half", Partial: true},
		{Service: "counter", Stream: "seance", Text: "ended: exit status 1"},
		{Service: "counter", Stream: "pty", Text: "no end", Partial: true},
	}
	for i := range lines {
		lines[i].Time = at.Add(time.Duration(i) * time.Millisecond)
	}
	return lines
}

func TestLogs(t *testing.T) {
	p := newPlace(t)
	var query string
	live := p.serve("shop", with(shop("shop"), "GET /v1/logs", func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query().Encode()
		answer(logLines()...)(w, r)
	}))
	p.writeLines(live, logLines()...)
	p.run("logs").want(t, exitOK, `web     | listening
counter | > 1
web     | half
counter | [ended: exit status 1]
counter | no end
`, "")
	p.run("logs", "-n", "3", "counter").want(t, exitOK, "> 1\n[ended: exit status 1]\nno end\n", "")
	if query != "" {
		t.Errorf("asked for %s, though the files are at hand", query)
	}
	p.run("logs", "-f", "-n", "5", "counter").want(t, exitOK, "listening\n> 1\nhalf\n[ended: exit status 1]\nno end\n", "")
	if want := "follow=true&marks=true&service=counter&tail=5"; query != want {
		t.Errorf("asked for %s, want %s", query, want)
	}
	p.run("logs", "new").want(t, exitOK, "listening\n> 1\nhalf\n[ended: exit status 1]\nno end\n", "")
	if want := "follow=false&service=new&tail=-1"; query != want {
		t.Errorf("of what has no log yet it asked for %s, want %s", query, want)
	}
}

func TestLogsWithTimesAndAsJSON(t *testing.T) {
	p := newPlace(t)
	p.writeLines(p.serve("shop", with(shop("shop"), "GET /v1/logs", answer(logLines()...))), logLines()[0])
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC).Local().Format(logTime)
	p.run("logs", "--timestamps").want(t, exitOK, at+" web | listening\n", "")
	p.run("logs", "--json").want(t, exitOK,
		`{"time":"2026-01-02T03:04:05.678Z","service":"web","stream":"stdout","text":"listening"}`+"\n", "")
}

func saved() api.SnapshotResult {
	return api.SnapshotResult{Outcome: api.Continuing, FrozenMS: 51.3, TotalMS: 80,
		Saved: &api.SavedInfo{Ref: "shop:latest", Digest: "sha256:1a2b3c4d5e6f7a8b", Size: 9541222, Freezer: "criu"}}
}

func result(r api.SnapshotResult) []any {
	return []any{
		api.Event{Type: api.EventStage, Message: "freezing"},
		api.Event{Type: api.EventResult, Snapshot: &r},
	}
}

func TestSnapshot(t *testing.T) {
	quit := saved()
	quit.Outcome = api.Quit
	cold := saved()
	cold.FrozenMS = 0
	failed := api.SnapshotResult{Outcome: api.Failed, Error: "the disk is full"}
	partly := saved()
	partly.Handlers = []api.HandlerRun{{ID: "web"}, {ID: "warm-up", Action: "startup", Error: "exit status 1; its last lines:\n  | oh"},
		{ID: "mail", Action: "startup", Error: "no such program"}}
	failedLong := api.SnapshotResult{Outcome: api.Failed, Error: "shutdown of mail: exit status 1; its last lines:\n  | oh"}

	for name, tc := range map[string]struct {
		args   []string
		asked  api.SnapshotRequest
		result api.SnapshotResult
		want   printed
	}{
		"saved": {[]string{"snapshot"}, api.SnapshotRequest{Save: true}, saved(),
			printed{exitOK, "saved shop:latest  sha256:1a2b3c4d5e6f  9.1 MiB; programs stood still for 51 ms\n", ""}},
		"saved cold": {[]string{"snapshot"}, api.SnapshotRequest{Save: true}, cold,
			printed{exitOK, "saved shop:latest  sha256:1a2b3c4d5e6f  9.1 MiB\n", ""}},
		"saved and quit": {[]string{"snapshot", "--quit", "shop:x"}, api.SnapshotRequest{Save: true, Quit: true, Ref: "shop:x"}, quit,
			printed{exitOK, "saved shop:latest  sha256:1a2b3c4d5e6f  9.1 MiB; shop has quit\n", ""}},
		"quiet":        {[]string{"snapshot", "-q"}, api.SnapshotRequest{Save: true}, saved(), printed{exitOK, "", ""}},
		"quit":         {[]string{"quit"}, api.SnapshotRequest{Quit: true}, api.SnapshotResult{Outcome: api.Quit}, printed{exitOK, "shop has quit\n", ""}},
		"quit quietly": {[]string{"quit", "-q"}, api.SnapshotRequest{Quit: true}, api.SnapshotResult{Outcome: api.Quit}, printed{exitOK, "", ""}},
		"failed": {[]string{"snapshot"}, api.SnapshotRequest{Save: true}, failed,
			printed{exitFailed, "", "seance: cannot save image \"shop\": the disk is full; it goes on\n"}},
		"a handler failed": {[]string{"snapshot", "-q"}, api.SnapshotRequest{Save: true}, partly,
			printed{exitPartly, "", "seance: startup of warm-up: exit status 1; its last lines:\n  | oh\nseance: startup of mail: no such program\n"}},
		"failed with output": {[]string{"snapshot"}, api.SnapshotRequest{Save: true}, failedLong, printed{exitFailed, "",
			"seance: cannot save image \"shop\": shutdown of mail: exit status 1; its last lines:\n  | oh\nseance: image \"shop\" goes on\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			var asked api.SnapshotRequest
			p.serve("shop", with(shop("shop"), "POST /v1/snapshot", func(w http.ResponseWriter, r *http.Request) {
				_ = json.NewDecoder(r.Body).Decode(&asked)
				answer(result(tc.result)...)(w, r)
			}))
			p.run(tc.args...).want(t, tc.want.status, tc.want.stdout, tc.want.stderr)
			if asked != tc.asked {
				t.Errorf("asked for %+v, want %+v", asked, tc.asked)
			}
		})
	}
}

func TestSnapshotJSON(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", with(shop("shop"), "POST /v1/snapshot", answer(result(saved())...)))
	var got api.SnapshotResult
	out := p.run("snapshot", "--json")
	if err := json.Unmarshal([]byte(out.stdout), &got); err != nil || got.Outcome != api.Continuing || got.Saved == nil {
		t.Errorf("got %s (%v), want the result", out.stdout, err)
	}
}

// A program inside compares the whole output with one word.
func TestSnapshotInside(t *testing.T) {
	for _, outcome := range []api.Outcome{api.Continuing, api.Booting} {
		p := newPlace(t)
		socket := p.home.Dir + "/inside.sock"
		p.env[api.EnvSocket], p.env[api.EnvImage] = socket, "shop"
		r := saved()
		r.Outcome = outcome
		p.listen(socket, with(shop("shop"), "POST /v1/snapshot", answer(result(r)...)))
		p.run("snapshot").want(t, exitOK, string(outcome)+"\n", "")
		p.run("snapshot", "-i", "shop").want(t, exitOK, string(outcome)+"\n", "")
		p.run("snapshot", "-i", "other").want(t, exitNotFound, "", "seance: no such live image: other\n")
	}
}

func TestErrorsOfTheImage(t *testing.T) {
	for name, tc := range map[string]struct {
		http int
		err  api.Error
		want printed
	}{
		"busy": {409, api.Error{Code: api.CodeBusy, Message: "another snapshot is being made"},
			printed{exitBusy, "", "seance: another snapshot is being made\n"}},
		"bad": {400, api.Error{Code: api.CodeBad, Message: "no"}, printed{exitUsage, "", "seance: no\n"}},
		"detail": {500, api.Error{Code: api.CodeCannot, Message: "cannot freeze", Detail: "line 1\nline 2\n"},
			printed{exitFailed, "", "seance: cannot freeze\n  line 1\n  line 2\n"}},
		"gone": {410, api.Error{Code: api.CodeNotAlive, Message: "shop has died"},
			printed{exitNotFound, "", "seance: shop has died\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.serve("shop", with(shop("shop"), "POST /v1/snapshot", refuse(tc.http, tc.err)))
			p.run("snapshot").want(t, tc.want.status, tc.want.stdout, tc.want.stderr)
		})
	}
}

func TestSnapshotWithoutResult(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", with(shop("shop"), "POST /v1/snapshot", answer(api.Event{Type: api.EventStage})))
	for args, after := range map[string]string{
		"snapshot":        "the image goes on, and seance images shows whether it was saved",
		"snapshot --quit": "seance images shows whether it was saved, seance ls whether it goes on",
		"quit":            "seance ls shows whether the image goes on; the next command starts a new monitor",
	} {
		p.run(strings.Fields(args)...).want(t, exitFailed, "",
			"seance: lost the monitor of image \"shop\" on the way; "+after+"\n")
	}
}

func TestInterruptedSnapshot(t *testing.T) {
	p := newPlace(t)
	ctx, cancel := context.WithCancel(t.Context())
	p.serve("shop", with(shop("shop"), "POST /v1/snapshot", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(new(api.SnapshotRequest))
		cancel()
		<-r.Context().Done()
	}))
	p.runContext(ctx, "snapshot").want(t, exitInterrupted, "",
		"seance: interrupted; what shop was asked to do goes on in the background\n")
}

func TestWrongUsage(t *testing.T) {
	const nameRule = `a name is lower-case letters and digits, with ".", "_" or "-" between them, and has at most 64 characters`
	tooLong := strings.Repeat("x", 65)
	for _, tc := range []struct{ args, stderr string }{
		{"sanpshot", "no such command: seance sanpshot; did you mean snapshot?; see: seance --help"},
		{"down", "no such command: seance down; did you mean quit?; see: seance --help"},
		{"status", "no such command: seance status; did you mean ps?; see: seance --help"},
		{"check -f none.yaml", "cannot read manifest \"none.yaml\": no such file or directory"},
		{"image rmm", "no such command: seance image rmm; did you mean rm?; see: seance image --help"},
		{"ls --nope", "unknown flag: --nope; see: seance ls --help"},
		{"help frob", "no such command: seance frob; see: seance --help"},
		{"help ls frob", "no such command: seance ls frob; see: seance ls --help"},
		{"completion frob", "no such command: seance completion frob; see: seance completion --help"},
		{"ls more", "unexpected argument \"more\"; see: seance ls --help"},
		{"check dc.yml", "unexpected argument \"dc.yml\"; a manifest is named with -f: seance check -f dc.yml; see: seance check --help"},
		{"check Procfile", "unexpected argument \"Procfile\"; a manifest is named with -f: seance check -f Procfile; see: seance check --help"},
		{"reload ..", "unexpected argument \"..\"; a manifest is named with -f: seance reload -f ..; see: seance reload --help"},
		{"reload dc", "unexpected argument \"dc\"; a live image is named with -i: seance reload -i dc; see: seance reload --help"},
		{"quit dc", "unexpected argument \"dc\"; a live image is named with -i: seance quit -i dc; see: seance quit --help"},
		{"check dc", "unexpected argument \"dc\"; see: seance check --help"},
		{"ls dc.yml", "unexpected argument \"dc.yml\"; see: seance ls --help"},
		{"up dc.yaml", "unexpected argument \"dc.yaml\"; a manifest is named with -f: seance up -f dc.yaml; see: seance up --help"},
		{"up /bin/sh", "unexpected argument \"/bin/sh\"; a program to run stands after --: seance up -- /bin/sh; see: seance up --help"},
		{"run dc.yaml", "unexpected argument \"dc.yaml\"; a manifest is named with -f: seance run -f dc.yaml; see: seance run --help"},
		{"run testdata/Procfile.dev", "unexpected argument \"testdata/Procfile.dev\"; a manifest is named with -f: seance run -f testdata/Procfile.dev; see: seance run --help"},
		{"run /bin/sh", "unexpected argument \"/bin/sh\"; a program to run stands after --: seance run -- /bin/sh; see: seance run --help"},
		{"boot", "missing NAME[:TAG]|DIGEST; see: seance boot --help"},
		{"boot a b", "unexpected argument \"b\"; see: seance boot --help"},
		{"image rm", "missing NAME[:TAG]|DIGEST…; see: seance image rm --help"},
		{"logs -n x", "--tail is \"x\": it must be a number of lines, 0 or more; see: seance logs --help"},
		{"logs --since 1m --until 2m", "--until is before --since; see: seance logs --help"},
		{"logs --until soon", "--until is \"soon\": it must be a time ago such as 10m, or a date such as 2026-01-31T15:04:05Z; see: seance logs --help"},
		{"logs -n -1", "--tail is \"-1\": it must be a number of lines, 0 or more; see: seance logs --help"},
		{"handler add x --priority high", "--priority is \"high\": it must be a whole number; see: seance handler add --help"},
		{"handler add x --timeout 3", "--timeout is \"3\": it must be a time such as 500ms or 30s; see: seance handler add --help"},
		{"start", "missing SERVICE…; see: seance start --help"},
		{"stop", "missing SERVICE…; to shut all down: seance quit; see: seance stop --help"},
		{"up -- no-such-program-here", "cannot run \"no-such-program-here\": it is in no folder of PATH; install it, correct the name, or add its folder to PATH"},
		{"stop web --timeout 3s", "--timeout says how long --wait waits: give both; see: seance stop --help"},
		{"stop web --wait --timeout 0s", "a --timeout is more than 0, not 0s; see: seance stop --help"},
		{"wait", "missing SERVICE…; see: seance wait --help"},
		{"wait web --ready --stopped", "--ready and --stopped exclude each other; see: seance wait --help"},
		{"events --since soon", "--since is \"soon\": it must be a time ago such as 10m, or a date such as 2026-01-31T15:04:05Z; see: seance events --help"},
		{"ls --json=x", "--json is \"x\": it must be true or false; see: seance ls --help"},
		{"snapshot Shop", "\"Shop\" is not an image name: names are lower case: \"shop\"; see: seance snapshot --help"},
		{"up --freezer ice", "no such freezer: \"ice\"; there are criu and respawn; see: seance up --help"},
		{"ps -i ../x", "\"../x\" is not a live image's name: " + nameRule},
		{"ps -i Bad-Name", "\"Bad-Name\" is not a live image's name: " + nameRule},
		{"ps -i " + tooLong, "\"" + tooLong + "\" is not a live image's name: " + nameRule},
		{"ps -i shop:x", "\"shop:x\" is not a live image's name: a live image has no tag"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			newPlace(t).run(strings.Fields(tc.args)...).want(t, exitUsage, "", "seance: "+tc.stderr+"\n")
		})
	}
}

func TestHelp(t *testing.T) {
	p := newPlace(t)
	for _, args := range []string{"logs --help", "help logs"} {
		got := p.run(strings.Fields(args)...)
		if got.status != exitOK || !strings.Contains(got.stdout, "only the last LINES of each service (default: all)\n") {
			t.Errorf("seance %s: status %d\n%s%s", args, got.status, got.stdout, got.stderr)
		}
	}
	if help, bare := p.run("help"), p.run(); help != bare || help.status != exitOK {
		t.Errorf("seance help: %+v\nwant %+v", help, bare)
	}
}

func TestVersion(t *testing.T) {
	got := newPlace(t).run("version")
	if got.status != exitOK || !strings.HasPrefix(got.stdout, "seance v0-test (go") {
		t.Errorf("got %+v", got)
	}
}
