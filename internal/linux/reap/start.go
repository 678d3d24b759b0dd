package reap

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/cgroup"
)

// Spec is a program to start.
type Spec struct {
	// Args is the argument vector. Args[0] is looked up in the PATH of Env,
	// unless it has a slash; then it is relative to Dir.
	Args []string
	// Path is the file to execute. Default: what Args[0] says.
	Path string
	// Dir is the working directory. Default: the caller's.
	Dir string
	// Env is the whole environment, KEY=value each. nil means empty.
	Env []string
	// OwnPath says that the PATH in Env was set for this program: it is shown when
	// the program is not in it.
	OwnPath bool
	// Files become the descriptors 0, 1, 2 and so on; nil ones, and those of the
	// first three that are missing, are /dev/null. They are put into blocking mode.
	Files []*os.File
	// Terminal makes Files[0], a terminal, the controlling one.
	Terminal bool
	// Credential is the user and groups to run as. Default: the caller's.
	Credential *syscall.Credential
	// Umask is the file mode creation mask, see umask(2). nil: the caller's.
	Umask *uint32
	// Nice is the nice value, -20 to 19. nil: the caller's.
	Nice *int
	// Limits are resource limits; those not named are the caller's.
	Limits map[Resource]Limit
	// Cgroup is the group that the program is in from its first instruction on,
	// and all that it starts. nil: the caller's.
	Cgroup *cgroup.Group
	// Mark is a number, MinMark to MaxMark, that the program and all that it starts
	// can be told by, see [ReadMark]. 0: none.
	Mark uint64
	// ParentDeathSignal is what the program gets when this process dies
	// (PR_SET_PDEATHSIG(2const)), and may get when the Reaper is closed. 0: nothing.
	ParentDeathSignal syscall.Signal
	// OnExit is called when the process has been reaped. It runs on the reaper's
	// goroutine and must not block.
	OnExit func(*Process)
}

// Start starts a program as leader of a Unix session of its own, with default
// signal dispositions and no signal blocked. The error of a program that
// cannot be executed, or not as Spec wants it, is a [*StartError].
//
// Umask, Nice, Limits and a Cgroup that cannot be cloned into can only be set by a process
// itself: these programs are started by way of the shim, see [Exec].
func (r *Reaper) Start(spec Spec) (*Process, error) {
	path, err := lookPath(spec)
	if err != nil {
		return nil, err
	}
	p := &Process{reaper: r, onExit: spec.OnExit, done: make(chan struct{})}
	if spec.needsShim() {
		err = r.startByShim(p, &spec, path)
	} else {
		err = r.fork(p, &spec, path, spec.Args, nil)
	}
	if err != nil {
		return nil, explainFork(&spec, path, err)
	}
	return p, nil
}

func (r *Reaper) attributes(spec *Spec, report *os.File) *syscall.ProcAttr {
	files := make([]uintptr, max(3, len(spec.Files)), max(3, len(spec.Files))+1)
	for i := range files {
		files[i] = r.null.Fd()
		if i < len(spec.Files) && spec.Files[i] != nil {
			files[i] = spec.Files[i].Fd()
		}
	}
	if report != nil {
		files = append(files, report.Fd())
	}
	env := spec.Env
	if env == nil {
		env = []string{} // nil would mean the caller's
	}
	return &syscall.ProcAttr{
		Dir:   spec.Dir,
		Env:   env,
		Files: files,
		Sys: &syscall.SysProcAttr{
			Setsid:     true,
			Setctty:    spec.Terminal,
			Ctty:       0,
			Credential: spec.Credential,
			Pdeathsig:  spec.ParentDeathSignal,
		},
	}
}

// fork starts a program and makes p known before anybody can reap it.
// syscall.ForkExec forks with CLONE_VFORK|CLONE_VM, so the cost does not grow
// with the caller's memory.
func (r *Reaper) fork(p *Process, spec *Spec, path string, args []string, report *os.File) error {
	attr := r.attributes(spec, report)
	defer runtime.KeepAlive(spec.Files)
	if g := spec.Cgroup; g != nil && g.CanClone() {
		fd, err := g.Open()
		if err != nil {
			return fmt.Errorf("cannot start program %q in its cgroup: %w", spec.Args[0], err)
		}
		defer unix.Close(fd)
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, fd
	}
	if spec.ParentDeathSignal == 0 {
		return r.forkHere(p, path, args, attr, spec.Mark, false)
	}
	return r.forkOnStarter(p, path, args, attr, spec.Mark)
}

// forkOnStarter forks on the thread whose death is that of the process. The
// descriptors may have other numbers there.
func (r *Reaper) forkOnStarter(p *Process, path string, args []string, attr *syscall.ProcAttr, mark uint64) (err error) {
	fds := make([]int, 0, len(attr.Files)+1)
	for _, fd := range attr.Files {
		fds = append(fds, int(fd))
	}
	if attr.Sys.UseCgroupFD {
		fds = append(fds, attr.Sys.CgroupFD)
	}
	open := r.starters.do(fds, int(r.null.Fd()), func(fds []int, own bool, handed error) {
		if err = handed; err != nil {
			return
		}
		for i := range attr.Files {
			attr.Files[i] = uintptr(fds[i])
		}
		if attr.Sys.UseCgroupFD {
			attr.Sys.CgroupFD = fds[len(attr.Files)]
		}
		err = r.forkHere(p, path, args, attr, mark, own)
	})
	if !open {
		return ErrClosed
	}
	return err
}

// forkHere forks in the calling thread. own says that it has a table of
// descriptors of its own.
func (r *Reaper) forkHere(p *Process, path string, args []string, attr *syscall.ProcAttr, mark uint64, own bool) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return ErrClosed
	}
	f := newForking(own, int(r.null.Fd()))
	defer f.attach(attr)()
	r.marker.begin(f, mark, r.proc)
	restore := unblockSignals()
	pid, err := syscall.ForkExec(path, args, attr)
	restore()
	r.marker.end(f)
	if err != nil {
		return err
	}
	p.pid = pid
	p.started = time.Now()
	r.adding.Lock()
	defer r.adding.Unlock()
	r.procs[pid] = p
	return nil
}

// unblockSignals empties the signal mask of the thread, which its next child
// inherits through fork and exec (signal(7)). The function returned puts it
// back.
func unblockSignals() (restore func()) {
	runtime.LockOSThread()
	var none, old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &old); err != nil || old == none {
		return runtime.UnlockOSThread
	}
	return func() {
		_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) // the same set was valid before
		runtime.UnlockOSThread()
	}
}
