package supervise_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/internal/testenv"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// actor names the program that a re-executed test binary is instead of testing.
const actor = "SUPERVISE_TEST_ACTOR"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == reap.ShimCommand {
		os.Exit(reap.Exec(os.Args[2:], os.Stderr))
	}
	if name := os.Getenv(actor); name != "" {
		act(name)
		os.Exit(0)
	}
	if status, done := testenv.OwnMounts(); done {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

// atOnce has a program that was built with the race detector end at once, and
// not a second after that.
const atOnce = "GORACE=atexit_sleep_ms=0"

// act is the programs that tests run and no machine is sure to have.
func act(name string) {
	switch name {
	case "daemon", "bare daemon":
		// Double fork: a child in a session of its own starts the daemon and ends.
		again("middle", name == "bare daemon")
		time.Sleep(time.Hour) // stays, as the parent of nobody
	case "quick bare daemon":
		again("middle", true)
	case "nobody's daemon": // it takes off the mark, too
		if err := unix.Setrlimit(unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		again("middle", true)
		time.Sleep(time.Hour)
	case "bare parent":
		again("stubborn", true)
		time.Sleep(time.Hour)
	case "quick daemon": // as classic daemons do: the parent ends
		again("middle", false)
	case "middle":
		again("stubborn", false)
	case "singleton": // the kernel gives the name back when the process is gone
		if _, err := net.Listen("unix", "@"+os.Getenv("SUPERVISE_TEST_ADDR")); err != nil {
			fmt.Println("TWICE", err)
		}
		time.Sleep(3 * time.Millisecond)
		os.Exit(1)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		writeFile(os.Getenv("SUPERVISE_TEST_PIDFILE"), fmt.Sprint(os.Getpid()))
		time.Sleep(time.Hour)
	case "speaker":
		speak(strings.Split(os.Getenv("SUPERVISE_TEST_SAY"), "|"))
		time.Sleep(time.Hour)
	case "sender":
		say(os.Getenv("SUPERVISE_TEST_SAY"))
	case "forger":
		speak([]string{"await " + os.Getenv("SUPERVISE_TEST_PATH")})
		path, _ := os.ReadFile(os.Getenv("SUPERVISE_TEST_PATH"))
		sayOn(strings.TrimSpace(string(path)), "READY=1\nSTATUS=forged")
		fmt.Println("forged")
		time.Sleep(time.Hour)
	case "heir":
		time.Sleep(time.Hour)
	case "http":
		http.HandleFunc("/ready", func(w http.ResponseWriter, r *http.Request) {})
		http.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { // answers what the file says
			text, _ := os.ReadFile(os.Getenv("SUPERVISE_TEST_FILE"))
			status, _ := strconv.Atoi(string(text))
			w.WriteHeader(status)
		})
		fmt.Println(http.ListenAndServe(os.Getenv("SUPERVISE_TEST_ADDR"), nil))
		os.Exit(1)
	}
}

// again starts this binary as another actor in a session of its own, with
// nothing else in its environment if bare.
func again(part string, bare bool) {
	env := []string{actor + "=" + part, "SUPERVISE_TEST_PIDFILE=" + os.Getenv("SUPERVISE_TEST_PIDFILE"), atOnce}
	for _, entry := range os.Environ() {
		if !bare && !strings.HasPrefix(entry, actor+"=") {
			env = append(env, entry)
		}
	}
	_, err := syscall.ForkExec("/proc/self/exe", []string{"actor"}, &syscall.ProcAttr{
		Env: env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func writeFile(name, text string) {
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		panic(err)
	}
}

// rig is a supervisor with all it needs.
type rig struct {
	*supervise.Supervisor
	t      testing.TB
	reaper *reap.Reaper
	logs   *logfile.Set
	run    string // folder for sockets
	hot    bool

	mu     sync.Mutex
	events []supervise.Event
}

func newRig(t testing.TB, m manifest.Manifest) *rig {
	t.Helper()
	return newRigIn(t, nil, m)
}

// newRigIn is one whose services have control groups in a tree.
func newRigIn(t testing.TB, groups *cgroup.Tree, m manifest.Manifest) *rig {
	t.Helper()
	reaper, err := reap.New(reap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, reaper: reaper, logs: logfile.NewSet(t.TempDir(), logfile.Options{}), run: runDir(t)}
	if err := g.logs.Open(); err != nil {
		t.Fatal(err)
	}
	g.Supervisor, err = supervise.New(supervise.Config{
		Manifest: &m, Reaper: reaper, Logs: g.logs, Env: os.Environ(), Groups: groups, Run: g.run,
		Hot:     func() bool { return g.hot },
		OnEvent: g.observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.end)
	return g
}

// end stops everything, and sees that nothing is left.
func (g *rig) end() {
	if err := g.StopAll(context.Background()); err != nil {
		g.t.Error(err)
	}
	if strays, err := g.reaper.Strays(); err != nil || len(strays) > 0 {
		g.t.Errorf("left behind: %v, error %v", strays, err)
	}
	g.Close()
	g.logs.End()
	g.reaper.Close()
}

func (g *rig) observe(e supervise.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, e)
}

func (g *rig) status(name string) supervise.Status {
	g.t.Helper()
	for _, s := range g.Status() {
		if s.Name == name {
			return s
		}
	}
	g.t.Fatalf("no status of %q", name)
	return supervise.Status{}
}

func (g *rig) start(name string) {
	g.t.Helper()
	if err := g.Start(limit(g.t), name); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) stop(name string) {
	g.t.Helper()
	if err := g.Stop(limit(g.t), name); err != nil {
		g.t.Fatal(err)
	}
}

// output is what a service has written.
func (g *rig) output(name string) (lines []string) {
	g.t.Helper()
	entries, err := logfile.Last(g.logs.Dir(), name, 1000)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range entries {
		lines = append(lines, e.Stream+" "+e.Text)
	}
	return lines
}

// manager makes a session manager with all registered.
func (g *rig) manager(opts ...session.Option) *session.Manager {
	g.t.Helper()
	m := session.New(append(opts, session.WithConcurrency())...)
	if err := g.Register(m); err != nil {
		g.t.Fatal(err)
	}
	return m
}

func limit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// gone says that no process has the PID.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }

// service has the manifest's defaults, but for a short grace.
func service(name, script string) manifest.Service {
	return manifest.Service{
		Name: name, Command: []string{"/bin/sh", "-c", script}, Workdir: os.TempDir(),
		Category: manifest.DefaultCategory, Priority: manifest.DefaultPriority,
		Restart:  manifest.Restart{Policy: manifest.RestartOnFailure, Delay: 20 * time.Millisecond, MaxDelay: time.Second, ResetAfter: 10 * time.Second},
		Shutdown: manifest.Shutdown{Signal: "TERM", Grace: 20 * time.Second},
	}
}

// actorService runs this binary as one of act's programs.
func actorService(name, part string, env ...string) manifest.Service {
	s := service(name, "")
	s.Command = []string{"/proc/self/exe"}
	s.Env = map[string]string{actor: part, "GORACE": "atexit_sleep_ms=0"}
	for pair := range slices.Chunk(env, 2) {
		s.Env[pair[0]] = pair[1]
	}
	return s
}

func services(list ...manifest.Service) manifest.Manifest {
	return manifest.Manifest{Name: "test", Services: list}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func contains(lines []string, part string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, part) })
}

// kill kills a service's program as if by itself.
func (g *rig) kill(name string) error {
	return syscall.Kill(g.status(name).PID, syscall.SIGKILL)
}

// told is what was told of a service.
func (g *rig) told(name string) (events []supervise.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		if e.Name == name {
			events = append(events, e)
		}
	}
	return events
}

// runDir is a folder as the one for sockets in an image: private, in others that
// everybody can pass.
func runDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "supervise-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
