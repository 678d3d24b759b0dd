// Package guard is the process that waits for the death of a `seance run` and
// ends what that leaves behind.
//
// A process that is killed with SIGKILL cannot do anything any more, and the kernel
// tells of it only those that it has started itself, and only if they have
// asked (PR_SET_PDEATHSIG(2const)). The guard is another process, which nothing
// that is meant for the first one reaches: it has a Unix session of its own, no
// terminal, no file and no folder of anybody's open. It sleeps until the other one
// has died (pidfd_open(2)), and then does what the next command would do.
//
// A [Ward] is what it is told, in its arguments. The keeper starts it with
// [Ward.Args] and [Env], and ends it with SIGKILL when nothing is left that would
// have to be ended: a guard whose keeper is there does nothing.
package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/linux/trim"
	"github.com/seancehq/seance/internal/live"
)

// Command is the hidden command that runs a guard: [Main].
const Command = "_guard"

// Program is the file to execute, which is the caller's own whatever has been
// installed in its place since.
const Program = "/proc/self/exe"

// name is what ps(1) shows. Whoever kills all that is called seance is not to kill
// the guard with it.
const name = "guard"

// Env is a guard's whole environment: it sleeps, and is to take little memory.
func Env() []string { return []string{"GOGC=off", "GOMAXPROCS=1"} }

// Ward is whose death a guard waits for, and what it leaves behind.
type Ward struct {
	Keeper pidfd.ID   `json:"keeper"`
	Marks  reap.Marks `json:"marks"`
	// Grace is how long those have that the kernel has asked to end.
	Grace time.Duration `json:"grace"`
	// Folder is that of the image that the keeper runs, nil if there is none.
	Folder *api.Live `json:"folder,omitempty"`
}

// Grace is that of services.
const Grace = time.Second

// Args are the arguments of a guard.
func (w Ward) Args() ([]string, error) {
	text, err := json.Marshal(w)
	return []string{name, Command, string(text)}, err
}

// Start starts a guard as a child of the caller's, who has to wait for it.
func (w Ward) Start() (pid int, err error) {
	args, err := w.Args()
	if err != nil {
		return 0, err
	}
	null, err := syscall.Open(os.DevNull, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(null)
	files := []uintptr{uintptr(null), uintptr(null), uintptr(null)}
	return syscall.ForkExec(Program, args, &syscall.ProcAttr{Dir: "/", Env: Env(), Files: files, Sys: &syscall.SysProcAttr{Setsid: true}})
}

// Main is the guard. args are those after [Command].
func Main(args []string, stderr io.Writer) int {
	// Whatever the keeper has inherited, and the keeper's descriptors of it.
	if err := unix.CloseRange(3, ^uint(0), 0); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	var w Ward
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &w) != nil {
		fmt.Fprintln(stderr, "this command is seance's own: it waits for the end of a seance run")
		return 2
	}
	keeper, err := pidfd.Find(w.Keeper)
	switch {
	case errors.Is(err, pidfd.ErrGone):
	case err != nil:
		fmt.Fprintln(stderr, err)
		return 1
	default:
		settle()
		<-keeper.Done()
	}
	debug.SetGCPercent(100)
	w.clear()
	return 0
}

// settle makes the process one that is in nobody's way.
func settle() {
	// It ends with its keeper. A system that shuts down asks both of them.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	_ = os.WriteFile("/proc/self/comm", []byte(name), 0)
	// A guard below somebody else's service outlives that.
	var limit unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_RTTIME, nil, &limit); err == nil && limit.Cur != limit.Max {
		limit.Cur = limit.Max
		_ = unix.Prlimit(0, unix.RLIMIT_RTTIME, &limit, nil)
	}
	// It works as well with more memory. A huge page is more than it has in all.
	_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0)
	debug.FreeOSMemory()
	_ = trim.Program()
}

// clear ends what the keeper has left running, and clears away.
func (w Ward) clear() {
	s := live.Strays{Marks: w.Marks}
	s.Await(w.Grace)
	_ = s.End() // nobody to tell
	if w.Folder != nil {
		_ = live.ClearAway(*w.Folder, w.Keeper)
	}
}
