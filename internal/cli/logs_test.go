package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/testenv"
)

func (p *place) writeLog(live api.Live, service string, entries ...string) {
	p.t.Helper()
	if err := os.MkdirAll(live.Logs(), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(live.Logs()+"/"+service+".log", []byte(strings.Join(entries, "\n")+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// writeLines writes lines of the first instances of services.
func (p *place) writeLines(live api.Live, lines ...api.LogLine) {
	p.t.Helper()
	entries := map[string][]string{}
	for _, l := range lines {
		end := map[bool]string{true: "P", false: "F"}[l.Partial]
		entries[l.Service] = append(entries[l.Service], fmt.Sprint(l.Time.UTC().Format(time.RFC3339Nano), " ", l.Stream, " ", end, " ", l.Text))
	}
	for service, list := range entries {
		p.writeLog(live, service, list...)
	}
}

func (p *place) appendLog(live api.Live, service, entry string) {
	p.t.Helper()
	f, err := os.OpenFile(live.Logs()+"/"+service+".log", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer f.Close()
	if _, err := f.WriteString(entry + "\n"); err != nil {
		p.t.Error(err)
	}
}

// The logs of an image that has quit are read from its folder.
func TestLogsOfAnImageThatWas(t *testing.T) {
	p := newPlace(t)
	live := p.home.Live("shop")
	p.writeLog(live, "web", "2026-01-02T03:04:05.000000001Z stdout F one", "2026-01-02T03:04:07.000000001Z stdout F three")
	p.writeLog(live, "db", "2026-01-02T03:04:06.000000001Z stderr F two")
	p.run("logs", "-i", "shop").want(t, exitOK, "web | one\ndb  | two\nweb | three\n", "")
	p.run("logs", "-i", "shop", "-f", "-n", "1", "web").want(t, exitOK, "three\n", "")
	p.run("logs", "-i", "shop", "--until", "2026-01-02T03:04:06.5Z").want(t, exitOK, "web | one\ndb  | two\n", "")
	p.run("logs", "-i", "shop", "-n", "1", "--since", "2026-01-01", "--until", "2026-01-02T03:04:06.5Z", "web").want(t, exitOK, "one\n", "")
	p.run("logs", "-i", "shop", "mail").want(t, exitNotFound, "",
		"seance: image \"shop\" has no service \"mail\" with a log; there are: db, web\n")
	p.run("logs").want(t, exitNotFound, "", "seance: no such live image: nothing is live; start one with: seance up\n")

	p.writeManifest("name: shop\nservices: {web: {command: [sleep, \"1\"]}}\n")
	p.run("logs", "db").want(t, exitOK, "two\n", "seance: shop is not live; these are its last logs\n")
	p.run("logs", "db", "-q").want(t, exitOK, "two\n", "")
}

func TestLogsAreRemoved(t *testing.T) {
	p := newPlace(t)
	p.run("logs", "--rm", "-i", "shop").want(t, exitNotFound, "", "seance: cannot remove the logs of image \"shop\": there are none\n")
	p.writeLog(p.home.Live("shop"), "web", "2026-01-02T03:04:05.000000001Z stdout F one")
	p.writeLog(p.home.Live("trial"), "web", "2026-01-02T03:04:05.000000001Z stdout F one")
	p.run("logs", "--rm").want(t, exitUsage, "",
		"seance: cannot remove logs: no image is named, with -i or by a manifest here; there are logs of shop, trial\n")
	p.run("logs", "--rm", "-i", "shop", "web").want(t, exitUsage, "",
		"seance: --rm removes the logs of all services, not of web alone; see: seance logs --help\n")
	p.run("logs", "--rm", "-i", "shop", "-f").want(t, exitUsage, "", "seance: --rm and --follow exclude each other; see: seance logs --help\n")
	p.run("logs", "--rm", "-i", "shop").want(t, exitOK, "removed the logs of shop\n", "")
	if _, err := os.Stat(p.home.Live("shop").Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is still there: %v", err)
	}
	p.serve("trial", with(shop("trial"), "GET /v1/logs", answer(logLines()...)))
	p.run("logs", "--rm", "-i", "trial").want(t, exitFailed, "",
		"seance: cannot remove the logs of image \"trial\": it is live; first: seance quit -i trial\n")
	if _, err := os.Stat(p.home.Live("trial").Logs()); err != nil {
		t.Error(err)
	}
}

// A program inside an image reads the log files beside the socket it was given.
func TestLogsInside(t *testing.T) {
	p := newPlace(t)
	live := p.home.Live("shop")
	p.writeLog(live, "web", "2026-01-02T03:04:05.000000001Z stdout F one")
	p.env[api.EnvSocket], p.env[api.EnvImage], p.env[api.EnvHome] = live.Inside(), "shop", "/nowhere"
	p.run("logs").want(t, exitOK, "web | one\n", "")
}

// What cannot be written is said once, though every write after it fails too.
func TestLogsThatCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		testenv.Missing(t, "needs /dev/full: "+err.Error())
	}
	defer full.Close()
	p := newPlace(t)
	p.writeLines(p.serve("shop", with(shop("shop"), "GET /v1/logs", answer(logLines()...))), logLines()...)
	for _, args := range [][]string{{"logs", "-f"}, {"logs"}} {
		var stderr strings.Builder
		status := Main(t.Context(), Invocation{Args: args, Stdout: full, Stderr: &stderr, Env: func(name string) string { return p.env[name] }})
		if want := "seance: write /dev/full: no space left on device\n"; status != exitFailed || stderr.String() != want {
			t.Errorf("%s: exit status %d, %q; want %d, %q", args, status, stderr.String(), exitFailed, want)
		}
	}
}

func TestColoursOnATerminalOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		env     map[string]string
		colours bool
	}{
		"terminal":          {map[string]string{"TERM": "xterm"}, true},
		"NO_COLOR":          {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		"a dumb terminal":   {map[string]string{"TERM": "dumb"}, false},
		"NO_COLOR is empty": {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, true},
	} {
		t.Run(name, func(t *testing.T) {
			master, terminal, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer master.Close()
			a := &app{stdout: terminal, stderr: io.Discard, env: func(name string) string { return tc.env[name] }}
			p := newLogPrinter(terminal, []string{"web"}, nil)
			p.colours = a.colours()
			if err := p.print(api.LogLine{Service: "web", Text: "listening"}); err != nil {
				t.Fatal(err)
			}
			// One read may end within the line: a terminal hands on what it has.
			got, err := bufio.NewReader(master).ReadString('\n')
			terminal.Close()
			if err != nil {
				t.Fatal(err)
			}
			want := "web | listening\r\n"
			if tc.colours {
				want = "\x1b[36mweb |\x1b[0m listening\r\n"
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
