package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/pty"
	"github.com/seancehq/seance/internal/testenv"
)

// terminal is a shell in a tmux of its own, which shows what a person would see.
type terminal struct {
	t    *testing.T
	tmux string
	dir  string
}

// openTerminal opens a terminal in which a shell waits for commands.
func openTerminal(t *testing.T, env ...string) *terminal {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sc")
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t, testenv.RequireProgram(t, "tmux"), dir}
	t.Cleanup(func() {
		_ = term.command("kill-server").Run()
		os.RemoveAll(dir)
	})
	start := []string{"new-session", "-d", "-x", "80", "-y", "12", "env", "-i", "PS1=$ ", "TERM=screen", "PATH=" + os.Getenv("PATH")}
	term.do(append(append(start, env...), "sh")...)
	term.shows("$")
	return term
}

func (term *terminal) command(args ...string) *exec.Cmd {
	args = append([]string{"-S", filepath.Join(term.dir, "tmux"), "-f", "/dev/null"}, args...)
	return exec.Command(term.tmux, args...)
}

func (term *terminal) do(args ...string) string {
	term.t.Helper()
	out, err := term.command(args...).CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// types types text, and keys by their names, such as Enter.
func (term *terminal) types(keys ...string) {
	term.t.Helper()
	term.do(append([]string{"send-keys"}, keys...)...)
}

// shows waits until the screen has lines that begin with these, in this order.
func (term *terminal) shows(beginnings ...string) string {
	term.t.Helper()
	screen := ""
	for deadline := time.Now().Add(untilLimit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		screen = term.do("capture-pane", "-p")
		if inOrder(screen, beginnings) {
			return screen
		}
	}
	term.t.Fatalf("the terminal does not show %q:\n%s", beginnings, screen)
	return ""
}

func inOrder(screen string, beginnings []string) bool {
	for line := range strings.Lines(screen) {
		if len(beginnings) > 0 && strings.HasPrefix(strings.TrimSpace(line), beginnings[0]) {
			beginnings = beginnings[1:]
		}
	}
	return len(beginnings) == 0
}

// shopWithUsage answers as an image whose services use more with each look.
func shopWithUsage(restarts *[]api.ServicesRequest) map[string]http.HandlerFunc {
	var mu sync.Mutex
	looks := 0
	routes := with(shop("shop"), "GET /v1/services", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		looks++
		answer([]api.Service{using("db", 0, 20), using("web", float64(looks), 10), using("mail", 0, 30)})(w, r)
	})
	routes["GET /v1/logs"] = answer(api.LogLine{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Service: "web", Stream: "stdout", Text: "listening"})
	routes["POST /v1/services"] = func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var req api.ServicesRequest
		_ = json.NewDecoder(r.Body).Decode(&req)
		*restarts = append(*restarts, req)
		answer(api.ServicesResult{Services: []api.ServiceChange{{Name: "web", State: "ready", Changed: true}}})(w, r)
	}
	return routes
}

func TestTopOnATerminal(t *testing.T) {
	bin := filepath.Join(buildSeance(t), "seance")
	p := newPlace(t)
	var restarts []api.ServicesRequest
	p.serve("shop", shopWithUsage(&restarts))
	term := openTerminal(t, "SEANCE_HOME="+p.home.Dir)
	term.types("echo before; stty -g >"+term.dir+"/modes", "Enter")
	term.shows("$ echo before", "before", "$")

	term.types(bin+" top --interval 100ms; echo status $?; stty -g | cmp - "+term.dir+"/modes && echo same modes", "Enter")
	term.shows("shop  running  3 of 3 ready", "SERVICE  STATE", "web ", "db ", "mail ", "q quit")
	term.types("s")
	term.shows("mail ", "db ", "web ", "sorted by memory")
	term.types("Down", "Enter") // web was chosen, and still is
	term.shows("shop  log of web", "03:04:05", "Esc back")
	term.types("Escape")
	term.shows("SERVICE", "mail ")

	// It follows the size of the terminal.
	term.do("resize-window", "-x", "40", "-y", "5")
	screen := term.shows("shop  running", "SERVICE", "db ", "web ", "q quit")
	if strings.Contains(screen, "mail") {
		t.Errorf("three services on a screen for two:\n%s", screen)
	}
	term.do("resize-window", "-x", "100", "-y", "20")
	term.shows("shop  running", "SERVICE", "mail ", "db ", "web ", "q quit   s sort")

	term.types("r")
	term.shows("restart web? y/n")
	term.types("y")
	term.shows("web has restarted")
	if len(restarts) != 1 || restarts[0].Action != api.ActionRestart || restarts[0].Services[0] != "web" {
		t.Errorf("asked for %+v, want a restart of web", restarts)
	}

	// What stood on the terminal before is there again, and its modes are.
	term.types("q")
	screen = term.shows("before", "status 0", "same modes", "$")
	if strings.Contains(screen, "SERVICE") {
		t.Errorf("the screen is still there:\n%s", screen)
	}
}

// reverse is the sequence by which tmux tells of text in reverse video.
var reverse = regexp.MustCompile(`\x1b\[(0;)?7m`)

// Without colours what is chosen is marked by a sign, and no escape sequence paints.
func TestTopWithoutColours(t *testing.T) {
	bin := filepath.Join(buildSeance(t), "seance")
	p := newPlace(t)
	p.serve("shop", shopWithUsage(new([]api.ServicesRequest)))
	for _, colours := range []bool{true, false} {
		env := []string{"SEANCE_HOME=" + p.home.Dir}
		if !colours {
			env = append(env, "NO_COLOR=1")
		}
		term := openTerminal(t, env...)
		term.types(bin+" top", "Enter")
		plain := term.shows("shop  running  3 of 3 ready", "SERVICE", "web ")
		painted := term.do("capture-pane", "-p", "-e")
		if got := reverse.MatchString(painted); got != colours || strings.Contains(plain, "<\n") == colours {
			t.Errorf("colours %v, but the screen is\n%q", colours, painted)
		}
		if !colours && strings.Contains(painted, "\x1b[") {
			t.Errorf("there are escape sequences:\n%q", painted)
		}
		term.types("q")
	}
}

// onPTY is a terminal that a test reads itself, with the command in this process.
type onPTY struct {
	terminal *os.File
	modes    unix.Termios

	mu      sync.Mutex
	written strings.Builder
	done    chan struct{}
}

func openPTY(t *testing.T) *onPTY {
	t.Helper()
	master, terminal, err := pty.Open("/dev", pty.DefaultSize)
	if err != nil {
		t.Fatal(err)
	}
	p := &onPTY{terminal: terminal, done: make(chan struct{})}
	p.modes = p.termios(t)
	go func() {
		defer close(p.done)
		_, _ = io.Copy(p, master.Master()) // ends with EIO once the terminal is closed
	}()
	t.Cleanup(func() {
		terminal.Close()
		<-p.done
		master.Close()
	})
	return p
}

func (p *onPTY) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.Write(b)
}

func (p *onPTY) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.String()
}

func (p *onPTY) termios(t *testing.T) unix.Termios {
	t.Helper()
	modes, err := unix.IoctlGetTermios(int(p.terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *modes
}

// awaits waits until something was written to the terminal.
func (p *onPTY) awaits(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(untilLimit); !strings.Contains(p.text(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is not written to the terminal:\n%q", text, p.text())
		}
	}
}

// restored checks that the terminal is as before.
func (p *onPTY) restored(t *testing.T) {
	t.Helper()
	if now := p.termios(t); now != p.modes {
		t.Errorf("the terminal's modes are %+v, and were %+v", now, p.modes)
	}
	const leave, showCursor = "\x1b[?1049l", "\x1b[?25h" // of xterm's control sequences
	for _, sequence := range []string{leave, showCursor} {
		p.awaits(t, sequence)
	}
	if text := p.text(); strings.LastIndex(text, leave) < strings.LastIndex(text, "\x1b[?1049h") {
		t.Errorf("the terminal still shows the screen: %q", text)
	}
}

// A signal ends top as a key does.
func TestTopEndsWithASignal(t *testing.T) {
	bin := filepath.Join(buildSeance(t), "seance")
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGHUP} {
		t.Run(unix.SignalName(signal), func(t *testing.T) {
			p := newPlace(t)
			p.serve("shop", shopWithUsage(new([]api.ServicesRequest)))
			term := openPTY(t)
			cmd := exec.Command(bin, "top")
			cmd.Env = []string{"TERM=xterm", api.EnvHome + "=" + p.home.Dir}
			var stderr strings.Builder
			cmd.Stdin, cmd.Stdout, cmd.Stderr = term.terminal, term.terminal, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			term.awaits(t, "3 of 3 ready")
			if term.termios(t) == term.modes {
				t.Error("the terminal is not in raw mode")
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if status := statusOf(cmd.Wait()); status != exitInterrupted || stderr.String() != "seance: interrupted\n" {
				t.Errorf("exit status %d, %s", status, stderr.String())
			}
			term.restored(t)
		})
	}
}

// The image ends, and with it what there is to show.
func TestTopEndsWithTheImage(t *testing.T) {
	p := newPlace(t)
	routes := shopWithUsage(new([]api.ServicesRequest))
	var live api.Live
	var once sync.Once
	services := routes["GET /v1/services"]
	routes["GET /v1/services"] = func(w http.ResponseWriter, r *http.Request) {
		gone := false
		once.Do(func() { gone = true })
		if gone {
			services(w, r)
			return
		}
		if live.Recorded() {
			forget(t, live)
		}
		panic(http.ErrAbortHandler)
	}
	live = p.serve("shop", routes)
	term := openPTY(t)
	var stderr strings.Builder
	status := Main(t.Context(), Invocation{Args: []string{"top", "--interval", "100ms"}, Stdin: term.terminal, Stdout: term.terminal, Stderr: &stderr, Env: p.terminalEnv()})
	if status != exitOK || stderr.String() != "seance: shop is no longer alive\n" {
		t.Errorf("exit status %d, %s", status, stderr.String())
	}
	term.restored(t)
}

func (p *place) terminalEnv() func(string) string {
	return func(name string) string {
		if name == "TERM" {
			return "xterm"
		}
		return p.env[name]
	}
}

// bugCommand makes the test's own program show a screen with a bug, be it in what
// asks the image or in what draws.
const bugCommand = "_top-with-a-bug"

func playBug(where string) int {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv}
	w := watchFor(context.Background(), a, nil) // to ask no image is a bug
	defer w.end()
	var m tea.Model = newTopModel(api.Image{Name: "shop"}, colours{}, w.source(), time.Second)
	if where == "drawing" {
		m = undrawable{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), untilLimit)
	defer cancel()
	return a.report(a.runScreen(ctx, m))
}

// undrawable is a screen that cannot be drawn.
type undrawable struct{}

func (undrawable) Init() tea.Cmd { return nil }

func (u undrawable) Update(tea.Msg) (tea.Model, tea.Cmd) { return u, nil }

func (undrawable) View() tea.View { panic("cannot draw") }

// A bug in top is told, and leaves the terminal as it was.
func TestTopWithABug(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for where, wrong := range map[string]string{"asking": "topsource.go", "drawing": "cannot draw"} {
		t.Run(where, func(t *testing.T) {
			term := openPTY(t)
			cmd := exec.Command(self, bugCommand, where)
			cmd.Env = []string{"TERM=xterm"}
			var stderr strings.Builder
			cmd.Stdin, cmd.Stdout, cmd.Stderr = term.terminal, term.terminal, &stderr
			status := statusOf(cmd.Run())
			if said := stderr.String(); status != exitFailed || !strings.Contains(said, wrong) ||
				!strings.HasSuffix(said, "seance: top has failed, through a mistake of its own; see above\n") {
				t.Errorf("exit status %d, %s", status, said)
			}
			if now := term.termios(t); now != term.modes {
				t.Errorf("the terminal's modes are %+v, and were %+v", now, term.modes)
			}
		})
	}
}

func TestTopNeedsATerminal(t *testing.T) {
	p := newPlace(t)
	p.run("top").want(t, exitUsage, "", "seance: standard output is no terminal that top can draw on; for one look use: seance ps; see: seance top --help\n")
	p.run("top", "--json").want(t, exitUsage, "", "seance: top is a screen, not JSON; for one look use: seance ps --json; see: seance top --help\n")
	p.run("top", "--interval", "10ms").want(t, exitUsage, "", "seance: --interval is 10ms: it must be 100ms or more; see: seance top --help\n")

	term := openPTY(t)
	var stderr strings.Builder
	inv := Invocation{Args: []string{"top"}, Stdin: strings.NewReader(""), Stdout: term.terminal, Stderr: &stderr, Env: p.terminalEnv()}
	if status := Main(t.Context(), inv); status != exitUsage || !strings.HasPrefix(stderr.String(), "seance: standard input is no terminal") {
		t.Errorf("exit status %d: %s", status, stderr.String())
	}
	stderr.Reset()
	inv.Stdin, inv.Env = term.terminal, func(name string) string { return map[string]string{"TERM": "dumb"}[name] }
	if status := Main(t.Context(), inv); status != exitUsage || !strings.HasPrefix(stderr.String(), "seance: standard output is no terminal") {
		t.Errorf("on a dumb terminal, exit status %d: %s", status, stderr.String())
	}
	if text := term.text(); text != "" {
		t.Errorf("something was written to the terminal: %q", fmt.Sprint(text))
	}
}
