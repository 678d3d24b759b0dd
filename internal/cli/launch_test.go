package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/testenv"
)

// A command starts itself as a monitor. In these tests that is the test's own
// program, and plays one: what is tested is how a command starts a monitor,
// listens to it and leaves it. testdata/script/live has real ones.

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == monitorCommand {
		os.Exit(playMonitor())
	}
	if len(os.Args) > 2 && os.Args[1] == deafCommand {
		os.Exit(playDeaf(os.Args[2]))
	}
	if len(os.Args) > 2 && os.Args[1] == bugCommand {
		os.Exit(playBug(os.Args[2]))
	}
	if status, done := testenv.OwnMounts(); done {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

// playMonitor does what the name of the image to launch says.
func playMonitor() int {
	var l api.Launch
	if err := json.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return 9
	}
	home, _ := api.DefaultHome()
	live := home.Live(l.Name)
	say := json.NewEncoder(os.Stdout).Encode
	img := api.Image{Name: l.Name, Freezer: api.FreezerCRIU, PID: 4711, Services: 3, Ready: 3, Manifest: l.ManifestPath}
	_ = say(api.Event{Type: api.EventStage, Message: "starting"})
	switch l.Name {
	case "mute":
		os.Stderr.WriteString("oh dear\n")
		return 7
	case "lost":
		_ = os.WriteFile(live.Record(), []byte("{}"), 0o600)
		return 7
	case "refused":
		_ = say(api.Event{Type: api.EventResult, Error: &api.Error{Code: api.CodeCannot, Message: "cannot start image", Detail: "an expert's line"}})
		return 1
	case "partly":
		img.Ready, img.Error = 2, "cannot start service \"web\": no such program"
	case "several":
		img.Ready, img.Error = 1, "web: exit status 1; its last lines:\n  | zzz\n  | aaa\ndb: no such program\nmail: it wrote nothing"
	case "cold":
		img.Freezer, img.WhyCold = api.FreezerRespawn, "there is no criu"
	case "apart":
		if sid, _ := unix.Getsid(0); sid != os.Getpid() {
			return 8
		}
	case "slow":
		_ = os.WriteFile(filepath.Join(live.Dir, "began"), nil, 0o600)
		if !appears(filepath.Join(live.Dir, "go-on")) {
			return 6
		}
	}
	_ = say(api.Event{Type: api.EventResult, Image: &img})
	os.Stdout.Close()
	if l.Name == "slow" || l.Name == "apart" {
		_ = os.WriteFile(filepath.Join(live.Dir, "outlived"), nil, 0o600)
		appears(filepath.Join(live.Dir, "end"))
	}
	return 0
}

// appears waits for a file.
func appears(path string) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return err == nil
		}
	}
	return false
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// newLaunch is a place with a manifest in the current folder. What a command
// launches there learns of the place through the environment.
func newLaunch(t *testing.T) *place {
	p := newPlace(t)
	p.writeManifest("name: fine\nservices: {a: {command: [sleep, \"1\"]}}\n")
	return p
}

func TestUp(t *testing.T) {
	p := newLaunch(t)
	p.run("up").want(t, exitOK, "fine is up: 3 of 3 services ready (pid 4711)\n", "")
	p.run("up", "-q").want(t, exitOK, "", "")

	var got api.Image
	out := p.run("up", "--json").stdout
	here, _ := os.Getwd()
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.PID != 4711 || got.Manifest != filepath.Join(here, "seance.yaml") {
		t.Errorf("up --json prints %s (%v)", out, err)
	}
}

func TestUpWhatFails(t *testing.T) {
	p := newLaunch(t)
	p.run("up", "--name", "refused").want(t, exitFailed, "", "seance: cannot start image\n  an expert's line\n")
	p.run("up", "--name", "partly").want(t, exitPartly, "partly is up: 2 of 3 services ready (pid 4711)\n",
		"seance: cannot start service \"web\": no such program\n")
	p.run("up", "--name", "several").want(t, exitPartly, "several is up: 1 of 3 services ready (pid 4711)\n", `seance: db: no such program
seance: mail: it wrote nothing
seance: web: exit status 1; its last lines:
  | zzz
  | aaa
`)

	live := p.home.Live("mute")
	p.run("up", "--name", "mute").want(t, exitFailed, "",
		"seance: the monitor of image \"mute\" ended (exit status 7) without an answer; its last words are in "+live.MonitorLog()+"\n")
	if log, err := os.ReadFile(live.MonitorLog()); err != nil || string(log) != "oh dear\n" {
		t.Errorf("the monitor's log is %q (%v)", log, err)
	}
	p.run("up", "--name", "lost").want(t, exitFailed, "",
		"seance: the monitor of image \"lost\" ended (exit status 7) without an answer; the image may go on: seance ls shows whether it does, "+
			"and starts a new monitor; its last words are in "+p.home.Live("lost").MonitorLog()+"\n")
}

func TestUpSaysWhyItIsCold(t *testing.T) {
	p := newLaunch(t)
	p.run("up", "--name", "cold").want(t, exitOK, "cold is up: 3 of 3 services ready (pid 4711)\n",
		"seance: cold will be saved without its memory: there is no criu\n")
	p.run("up", "--name", "cold", "--freezer", "respawn").want(t, exitOK, "cold is up: 3 of 3 services ready (pid 4711)\n", "")
}

// Only what is saved with its memory has a PID namespace, which nothing survives.
func TestUpSaysWhatDetachedIsWorth(t *testing.T) {
	p := newPlace(t)
	p.writeManifest("name: fine\nservices: {a: {command: [sleep, \"1\"], detached: true}}\n")
	p.run("up").want(t, exitOK, "fine is up: 3 of 3 services ready (pid 4711)\n",
		"seance: service \"a\" is detached, but an image that is saved with its memory has a PID namespace: what the service leaves behind ends with the image\n")
	p.run("up", "--name", "cold").want(t, exitOK, "cold is up: 3 of 3 services ready (pid 4711)\n",
		"seance: cold will be saved without its memory: there is no criu\n")
}

func TestUpNameIsLive(t *testing.T) {
	p := newLaunch(t)
	p.serve("shop", only(shop("shop")))
	p.run("up", "--name", "shop").want(t, exitFailed, "",
		"seance: cannot start image \"shop\": it is live already (pid 4711); choose another name with --name, or: seance quit -i shop\n")
}

// An interrupted command leaves the monitor at work.
func TestUpInterrupted(t *testing.T) {
	p := newLaunch(t)
	live := p.home.Live("slow")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		appears(filepath.Join(live.Dir, "began"))
		cancel()
	}()
	p.runContext(ctx, "up", "--name", "slow").want(t, exitInterrupted, "",
		"seance: interrupted; slow goes on starting in the background; see: seance ls\n")
	t.Cleanup(func() { touch(t, filepath.Join(live.Dir, "end")) })
	touch(t, filepath.Join(live.Dir, "go-on"))
	if log, err := os.ReadFile(live.MonitorLog()); err != nil || len(log) > 0 {
		t.Errorf("the monitor's log is %q (%v)", log, err)
	}
}

// A monitor has a session of its own, and no file that the command was given:
// whoever waits for the end of such a pipe would wait for the image's end.
func TestMonitorStandsApart(t *testing.T) {
	p := newLaunch(t)
	live := p.home.Live("apart")
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil { // both ends are inherited on exec
		t.Fatal(err)
	}
	reader := os.NewFile(uintptr(pipe[0]), "pipe")
	defer reader.Close()
	got := p.run("up", "--name", "apart")
	t.Cleanup(func() { touch(t, filepath.Join(live.Dir, "end")) })
	if got.status != exitOK {
		t.Fatalf("status %d\n%s", got.status, got.stderr)
	}
	if !appears(filepath.Join(live.Dir, "outlived")) {
		t.Fatal("the monitor ended with the command")
	}
	syscall.Close(pipe[1])
	ended := make(chan error, 1)
	go func() {
		_, err := reader.Read(make([]byte, 1))
		ended <- err
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		touch(t, filepath.Join(live.Dir, "end"))
		<-ended
		t.Error("the monitor holds a file that the command was given")
	}
}

func TestProgressOfALongOperation(t *testing.T) {
	var out strings.Builder
	p := &progress{w: &out, width: 20, timer: time.AfterFunc(time.Hour, func() {})}
	p.event(api.Event{Type: api.EventStage, Message: "freezing"})
	if out.Len() > 0 {
		t.Errorf("printed %q before it takes long", out.String())
	}
	p.show()
	p.event(api.Event{Type: api.EventHandler, Phase: "before", Handler: &api.HandlerRun{ID: "a-rather-long-name", Action: "startup"}})
	p.event(api.Event{Type: api.EventHandler, Phase: "after", Handler: &api.HandlerRun{ID: "x", Action: "startup"}})
	p.end()
	p.event(api.Event{Type: api.EventStage, Message: "too late"})
	want := "\r\x1b[Kfreezing …\r\x1b[Kstarting a-rather-…\r\x1b[K"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
