package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/procfs"
)

// answerTimeout is how long a monitor may take to say what its image does.
const answerTimeout = 10 * time.Second

// silence is how long a command waits before it looks whether those who have
// to answer are stopped: then it does not wait any longer.
const silence = time.Second

// stateNotAnswering is the state of an image that is on record, is not known
// to be dead, and says nothing.
const stateNotAnswering api.State = "not answering"

// notAnsweringError says that an image on record does not answer. It may well
// go on.
type notAnsweringError struct{ name, why string }

func (e *notAnsweringError) Error() string {
	return fmt.Sprintf("image %q does not answer: %s", e.name, e.why)
}

// keepers are the processes that answer for an image; 0: not known, or gone.
type keepers struct {
	monitor, init int
	log           string // of the monitor
}

// keepersOf finds them by what they have left: a socket and a record.
func keepersOf(live api.Live) keepers {
	return keepers{monitor: listener(live.Socket()), init: readRecord(live).initPID(), log: live.MonitorLog()}
}

// keepersOf finds them for an image that has answered before.
func (a *app) keepersOf(t *target) keepers {
	if t.inside {
		return keepers{init: listener(a.env(api.EnvSocket))}
	}
	home, err := a.homeFolder()
	if err != nil {
		return keepers{}
	}
	return keepersOf(home.Live(t.image.Name))
}

// listener is the PID of the process that listens on a unix socket, 0 when
// there is none. A connection is made, and its end known, though the process
// is stopped: see SO_PEERCRED in unix(7).
func listener(socket string) int {
	c, err := net.DialTimeout("unix", socket, silence)
	if err != nil {
		return 0
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	var who *unix.Ucred
	ctlErr := raw.Control(func(fd uintptr) { who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if ctlErr != nil || err != nil {
		return 0
	}
	return int(who.Pid)
}

// stopped says which of them is stopped and how to continue it; "" when none is.
func (k keepers) stopped() string {
	switch {
	case isStopped(k.monitor):
		return fmt.Sprintf("its monitor (pid %d) is stopped; let it go on with: kill -CONT %[1]d; or end it with: kill -KILL %[1]d: "+
			"the image goes on, and the next command starts a new monitor", k.monitor)
	case isStopped(k.init):
		return fmt.Sprintf("its init (pid %d) is stopped; let it go on with: kill -CONT %[1]d", k.init)
	}
	return ""
}

// isStopped says whether a process is stopped by a signal, as proc_pid_stat(5)
// tells. One that is being frozen is not.
func isStopped(pid int) bool {
	if pid == 0 {
		return false
	}
	stat, err := procfs.New("/proc").Stat(pid)
	return err == nil && stat.State == 'T'
}

// why says why nobody has answered, as far as that can be seen.
func (k keepers) why() string {
	if s := k.stopped(); s != "" {
		return s
	}
	if k.monitor == 0 {
		return fmt.Sprintf("its init (pid %d) has said nothing for %s", k.init, answerTimeout)
	}
	return fmt.Sprintf("its monitor (pid %d) has said nothing for %s; try again later, or end it with: kill -KILL %[1]d: "+
		"the image goes on, and the next command starts a new monitor; its last words are in %[3]s", k.monitor, answerTimeout, k.log)
}

// ask asks an image what it does. It waits for an answer in vain no longer
// than answerTimeout, and hardly at all when a keeper of the image is stopped.
func ask(ctx context.Context, client *api.Client, name string, find func() keepers) (api.Image, error) {
	asking, giveUp := context.WithTimeout(ctx, answerTimeout)
	defer giveUp()
	look := time.AfterFunc(silence, func() {
		if find().stopped() != "" {
			giveUp()
		}
	})
	defer look.Stop()
	img, err := client.Image(asking)
	if err != nil && ctx.Err() == nil && asking.Err() != nil {
		err = &notAnsweringError{name: name, why: find().why()}
	}
	return img, err
}

// record is what a command may want to know of an image that does not answer.
type record struct {
	Init     identity `json:"init"`
	Freezer  string   `json:"freezer"`
	From     string   `json:"from"`
	FromRef  string   `json:"from_ref"`
	Manifest string   `json:"manifest"`
}

// identity is a process: its PID, and when it started, as procfs.Stat has it.
type identity struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// readRecord reads what is on record; what cannot be read is not known.
func readRecord(live api.Live) (r record) {
	raw, err := os.ReadFile(live.Record())
	if err != nil || json.Unmarshal(raw, &r) != nil {
		return record{}
	}
	return r
}

// initPID is that of the image's init, 0 when it has ended.
func (r record) initPID() int {
	stat, err := procfs.New("/proc").Stat(r.Init.PID)
	if err != nil || stat.Start != r.Init.Start || stat.Zombie() {
		return 0
	}
	return r.Init.PID
}

// silentImage describes an image that does not answer.
func silentImage(live api.Live, err error) api.Image {
	r, k := readRecord(live), keepersOf(live)
	return api.Image{
		Name: live.Name, State: stateNotAnswering, Freezer: r.Freezer, PID: k.init, MonitorPID: k.monitor,
		From: r.From, FromRef: r.FromRef, Manifest: r.Manifest, Error: err.Error(),
	}
}
