package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/testenv"
)

// starting is a manifest whose migration runs until it is stopped, and takes its
// time for that.
func (b *box) starting(name string) (path, got string) {
	got = filepath.Join(b.dir, "got")
	ends := func(who string) string {
		return "trap 'sleep 1.2; echo " + who + " >> " + got + "; exit 0' TERM; echo up >> " + got + ".up; while :; do sleep 0.02; done"
	}
	return b.manifest(name, `services:
  db: {command: "`+ends("db")+`", category: system}
  migrate: {command: "`+ends("migrate")+`", ready: {exit: true, timeout: 1h}, shutdown: {grace: 1h}}
  web: {command: "exec sleep 1000", needs: [migrate]}
  last: {command: "exec sleep 1000", priority: 200}
`), got
}

// ups waits until so many of its services have said that they are up.
func (b *box) ups(got string, n int) {
	b.t.Helper()
	b.until("its services start", func() bool {
		text, _ := os.ReadFile(got + ".up")
		return strings.Count(string(text), "up\n") == n
	})
}

func (b *box) endedWell(got string, want string) {
	b.t.Helper()
	text, err := os.ReadFile(got)
	if all := strings.Join(strings.Fields(string(text)), " "); err != nil || all != want {
		b.t.Errorf("ended well, in this order: %q (%v), want %q", all, err, want)
	}
}

func TestRunShutsDownInOrderWhatIsStarting(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	manifest, got := b.starting("young")
	r := b.run("-f", manifest)
	b.ups(got, 2)
	r.signal(syscall.SIGTERM)
	r.ends(0)
	b.endedWell(got, "migrate db")
	r.order(`^migrate \| \[stopping\]$`, `^migrate \| \[stopped\]$`, `^db      \| \[stopping\]$`, `^db      \| \[stopped\]$`)
	if all := r.out.String(); strings.Contains(all, "web") || strings.Contains(all, "last") || strings.Contains(all, "failed") {
		t.Errorf("it says something of what was never started:\n%s", all)
	}
	b.swept("young", before)
}

func TestQuitShutsDownInOrderWhatIsStarting(t *testing.T) {
	for _, freezer := range []string{api.FreezerRespawn, api.FreezerCRIU} {
		t.Run(freezer, func(t *testing.T) {
			if freezer == api.FreezerCRIU {
				testenv.RequireCRIU(t)
			}
			b := newBox(t)
			manifest, got := b.starting("young")
			up := make(chan result)
			go func() { up <- b.try("up", "--freezer", freezer, "-f", manifest) }()
			b.ups(got, 2)
			b.must("quit", "-i", "young")
			b.endedWell(got, "migrate db")
			if r := <-up; r.code == 0 {
				t.Errorf("up has not seen that it did not come up:\n%s%s", r.out, r.err)
			}
		})
	}
}

func TestRunEndsAStartupHookInOrder(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	r := b.run("-f", b.manifest("hooked", `services:
  db: {command: "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done", category: system, ready: {log: up}}
hooks:
  fill: {startup: "trap 'echo cleaned; exit 1' TERM; echo begun; while :; do sleep 0.02; done", timeout: 1h}
`))
	r.says(`^fill \| begun$`)
	r.signal(syscall.SIGINT)
	r.ends(0)
	r.order(`^fill \| cleaned$`, `^db   \| \[stopping\]$`, `^db   \| bye$`, `^db   \| \[stopped\]$`)
	b.swept("hooked", before)
}

// What cannot be started is told at once, and not when the last of its rank is
// up.
func TestRunTellsAtOnceWhatCannotBeStarted(t *testing.T) {
	b := newBox(t)
	r := b.run("-f", b.manifest("partly", `services:
  missing: {command: [./nosuch]}
  need: {command: "exec sleep 1000", needs: [missing]}
  early: {command: "echo oh no; exit 4", restart: "no", ready: {log: never}}
  slow: {command: "exec sleep 1000", ready: {log: never, timeout: 1h}}
`))
	r.says(`^missing \| \[failed: program .*/nosuch does not exist; .*\]$`)
	r.says(`^need    \| \[failed: it needs "missing", which failed\]$`)
	r.says(`^early   \| \[failed: it ended before it was ready \(exit status 4\)\]$`)
	r.says(`^slow    \| \[starting`)
	r.signal(syscall.SIGTERM)
	_ = r.cmd.Wait()
	if code := r.cmd.ProcessState.ExitCode(); code != 1 && code != 4 { // which of them was the first to fail
		t.Errorf("exit status %d", code)
	}
	all := r.err.String()
	for _, once := range []string{`cannot start service "missing": program `, "ready (exit status 4); its last lines:\n  | oh no\n"} {
		if strings.Count(all, once) != 1 {
			t.Errorf("in the end it does not say once %q:\n%s", once, all)
		}
	}
	for _, never := range []string{`"need"`, `"slow"`} {
		if strings.Contains(all, never) {
			t.Errorf("in the end it says something of %s:\n%s", never, all)
		}
	}
}

// A start-up that is rolled back does not wait for what is still starting, which
// ends in order; what failed is told one a line.
func TestRunRollsBackAtOnce(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	r := b.run("-f", b.manifest("roll", `on_failure: roll-back
services:
  db: {command: "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done", category: system, ready: {log: up}}
  slow: {command: "trap 'sleep 1.2; echo cleaned; exit 0' TERM; echo > `+b.dir+`/go; while :; do sleep 0.02; done", ready: {log: never, timeout: 1h}, shutdown: {grace: 1h}}
  bad: {command: "while [ ! -e `+b.dir+`/go ]; do sleep 0.02; done; echo oh no; exit 4", ready: {log: never, timeout: 1h}}
  need: {command: "exec sleep 1000", needs: [bad]}
`))
	r.ends(4)
	r.order(`^slow \| \[stopping\]$`, `^slow \| cleaned$`, `^slow \| \[stopped\]$`, `^db   \| \[stopping\]$`, `^db   \| bye$`, `^db   \| \[stopped\]$`)
	const want = `seance: cannot start service "bad": it ended before it was ready (exit status 4); its last lines:
  | oh no
seance: image "roll" is not up: all that was started was stopped again, as on_failure says
`
	if got := r.err.String(); got != want {
		t.Errorf("it says\n%swant\n%s", got, want)
	}
	b.swept("roll", before)
}

// A host that shuts down sends SIGTERM to all, an image that is booting included.
func TestASignalToInitEndsInOrderWhatIsStarting(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(unix.SignalName(signal), func(t *testing.T) {
			b := newBox(t)
			manifest, got := b.starting("young")
			up := make(chan result)
			go func() { up <- b.try("up", "--freezer", api.FreezerRespawn, "-f", manifest) }()
			b.ups(got, 2)
			if err := syscall.Kill(b.image("young").PID, signal); err != nil {
				t.Fatal(err)
			}
			if r := <-up; r.code != 3 || !strings.Contains(r.err, `image "young" was told to quit before it was up`) {
				t.Errorf("up has not seen that it did not come up: exit status %d\n%s%s", r.code, r.out, r.err)
			}
			b.endedWell(got, "migrate db")
		})
	}
}

// A service that was started by hand before the start-up came to it is stopped like
// any other, and in its place; when the image quits, none is started any more.
func TestWhatWasStartedByHandIsStoppedInOrderToo(t *testing.T) {
	b := newBox(t)
	for _, freezer := range []string{"none", "respawn"} { // of run, and of up
		path, got := b.starting(freezer)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		byHand := "trap 'echo hand >> " + got + "; exit 0' TERM; echo up >> " + got + ".up; while :; do sleep 0.02; done"
		text = append(text, "  hand: {command: \""+byHand+"\", priority: 300}\n"...)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"run", "-f", path}
		if freezer != "none" {
			args = []string{"up", "--freezer", freezer, "-f", path}
		}
		start := b.command(args...)
		if err := start.Start(); err != nil {
			t.Fatal(err)
		}
		b.ups(got, 2)
		b.must("start", "-i", freezer, "hand")
		b.ups(got, 3)
		quit := b.command("quit", "-i", freezer)
		if err := quit.Start(); err != nil {
			t.Fatal(err)
		}
		b.until("it is quitting", func() bool { text, _ := os.ReadFile(got); return len(text) > 0 })
		b.refused(4, []string{"cannot start last: image .* is quitting"}, "start", "-i", freezer, "last")
		if err := quit.Wait(); err != nil {
			t.Errorf("quit: %v", err)
		}
		_ = start.Wait()
		b.endedWell(got, "migrate hand db")
		for _, left := range []string{got, got + ".up"} {
			_ = os.Remove(left)
		}
	}
}

// What needs a service that comes up at its second attempt comes up after it, and
// neither counts as failed.
func TestRunStartsLaterWhatNeedsAFlakyService(t *testing.T) {
	b := newBox(t)
	r := b.run("-f", b.manifest("healing", `services:
  db: {command: "[ -e once ] || { : > once; exit 3; }; echo up; exec sleep 1000", ready: {log: up}, restart: {delay: 10ms}}
  web: {command: "exec sleep 1000", needs: [db]}
`))
	r.says(`^web \| \[failed: it needs "db", which failed; it is started when that is ready\]$`)
	r.says(`^web \| \[running \(pid [1-9]\d*\)\]$`)
	r.signal(syscall.SIGTERM)
	r.ends(0)
}
