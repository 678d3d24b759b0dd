package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/procfs"
)

// deafCommand makes the test's program listen on a socket and answer nobody.
const deafCommand = "_deaf"

func playDeaf(socket string) int {
	if _, err := net.Listen("unix", socket); err != nil {
		return 1
	}
	fmt.Println("listening")
	select {}
}

// startDeaf starts a process that listens on an image's socket and is stopped,
// and returns its PID. The image is on record as one whose init it is.
func (p *place) startDeaf(name string) int {
	p.t.Helper()
	live := p.home.Live(name)
	if err := os.MkdirAll(live.Dir, 0o700); err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], deafCommand, live.Socket())
	said, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// The socket is there before anything listens on it.
	if _, err := io.ReadFull(said, make([]byte, len("listening\n"))); err != nil {
		p.t.Fatal("the deaf process does not listen: ", err)
	}
	stop(p.t, cmd.Process.Pid)
	p.recordInit(live, cmd.Process.Pid)
	return cmd.Process.Pid
}

// stop stops a process, and returns when it stands.
func stop(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(untilLimit); !isStopped(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d does not stop", pid)
		}
	}
}

func (p *place) recordInit(live api.Live, pid int) {
	p.t.Helper()
	stat, err := procfs.New("/proc").Stat(pid)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := json.Marshal(record{Init: identity{pid, stat.Start}, Freezer: api.FreezerCRIU})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(live.Record(), raw, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// One image that hangs is named, and holds up no other.
func TestAnImageThatDoesNotAnswer(t *testing.T) {
	p := newPlace(t)
	pid := p.startDeaf("mute")
	silent := fmt.Sprintf("seance: image \"mute\" does not answer: its monitor (pid %d) is stopped; let it go on with: "+
		"kill -CONT %[1]d; or end it with: kill -KILL %[1]d: the image goes on, and the next command starts a new monitor\n", pid)
	p.run("ps").want(t, exitFailed, "", silent)
	p.run("ps", "-i", "mute").want(t, exitFailed, "", silent)
	p.run("ls").want(t, exitOK, fmt.Sprintf("NAME  STATE          READY  AGE  %sPID  FREEZER  FROM\n"+
		"mute  not answering      -    -  %d  criu     -\n", strings.Repeat(" ", len(fmt.Sprint(pid))-3), pid), silent)

	var all []api.Image
	if err := json.Unmarshal([]byte(p.run("ls", "--json", "-q").stdout), &all); err != nil || len(all) != 1 ||
		all[0].State != stateNotAnswering || all[0].MonitorPID != pid || all[0].Error == "" {
		t.Errorf("ls --json prints %+v (%v)", all, err)
	}

	p.serve("shop", with(shop("shop"), "GET /v1/services", answer([]api.Service{{Name: "db"}})))
	p.run("ps").want(t, exitNotFound, "", "seance: several images are live, say which with --image: mute, shop\n")
	p.writeManifest("name: shop\nservices: {db: {command: [sleep, \"1\"]}}\n")
	if got := p.run("ps"); got.status != exitOK || got.stderr != "" {
		t.Errorf("ps about another image: %+v", got)
	}
}

func TestImagesAreAskedAtTheSameTime(t *testing.T) {
	p := newPlace(t)
	for i := range 4 {
		p.startDeaf(fmt.Sprintf("mute%d", i))
	}
	began := time.Now()
	if got := p.run("ls", "-q"); strings.Count(got.stdout, string(stateNotAnswering)) != 4 {
		t.Errorf("ls prints %s", got.stdout)
	}
	if took := time.Since(began); took > 3*silence {
		t.Errorf("four that are silent for %s each took %s", silence, took)
	}
}

// A stopped init is not waited for: without a monitor it would not answer the
// next one either.
func TestAnInitThatIsStopped(t *testing.T) {
	p := newPlace(t)
	pid := p.startDeaf("mute")
	if err := os.Remove(p.home.Live("mute").Socket()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	p.run("ps").want(t, exitFailed, "", fmt.Sprintf(
		"seance: image \"mute\" does not answer: its init (pid %d) is stopped; let it go on with: kill -CONT %[1]d\n", pid))
}

func TestWhyNobodyAnswers(t *testing.T) {
	k := keepers{monitor: os.Getpid(), init: os.Getppid(), log: "/x/monitor.log"}
	if stat, err := procfs.New("/proc").Stat(os.Getppid()); err != nil || stat.State == 'T' {
		t.Skipf("who started this test is stopped (%v)", err)
	}
	want := fmt.Sprintf("its monitor (pid %d) has said nothing for 10s; try again later, or end it with: kill -KILL %[1]d: "+
		"the image goes on, and the next command starts a new monitor; its last words are in /x/monitor.log", os.Getpid())
	if got := k.why(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
