package reap

import (
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Exec is the shim: it makes of the calling process what args say (those after
// [ShimCommand]) and then executes the program in its place. It returns only
// when it fails, with the exit status to end with. The one who sent it is told
// why; stderr is for people who call it by hand.
func Exec(args []string, stderr io.Writer) int {
	e, program, err := parseErrand(args)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	// Nice value and parent-death signal are a thread's own, and survive in the
	// thread that executes the program (execve(2), prctl(2)). It is not let go
	// of: the process ends with it.
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // no memory is asked for once it may be limited
	unix.CloseOnExec(e.Report)
	failure := e.run(program)
	_, _ = unix.Write(e.Report, failure[:]) // nobody to tell when that fails
	return 127
}

// run does one step after the other. It returns only when one fails.
func (e *errand) run(program []string) [failureSize]byte {
	env := os.Environ()
	settings := []struct {
		step step
		do   func() error
	}{
		{stepCgroup, e.enterCgroup},
		{stepNice, e.setNice},
		{stepUmask, e.setUmask},
	}
	for _, s := range settings {
		if err := s.do(); err != nil {
			return encodeFailure(s.step, 0, errnoOf(err))
		}
	}
	for _, resource := range e.limitsInOrder() {
		limit := e.Limits[resource]
		rlimit := unix.Rlimit{Cur: limit.Soft, Max: limit.Hard}
		// Not a bare system call: package syscall must learn of it, or it would
		// put RLIMIT_NOFILE back to what it was before the exec.
		if err := unix.Setrlimit(int(resource), &rlimit); err != nil {
			return encodeFailure(stepLimit, resource, errnoOf(err))
		}
	}
	changes := []struct {
		step step
		do   func() error
	}{
		{stepUser, e.becomeUser},
		{stepSignal, e.followParent},
		{stepDir, e.changeDir},
		{stepExec, func() error { return syscall.Exec(string(e.Path), program, env) }},
	}
	for _, c := range changes {
		if err := c.do(); err != nil {
			return encodeFailure(c.step, 0, errnoOf(err))
		}
	}
	return encodeFailure(stepExec, 0, 0) // not reached: exec returns with an error only
}

func errnoOf(err error) syscall.Errno {
	if errno, ok := err.(syscall.Errno); ok {
		return errno
	}
	return syscall.EINVAL
}

// enterCgroup moves all threads of the shim: 0 stands for the writer's process
// (cgroups(7)).
func (e *errand) enterCgroup() error {
	if len(e.Cgroup) == 0 {
		return nil
	}
	fd, err := unix.Open(string(e.Cgroup), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte("0"))
	return err
}

func (e *errand) setNice() error {
	if e.Nice == nil {
		return nil
	}
	return unix.Setpriority(unix.PRIO_PROCESS, 0, *e.Nice)
}

func (e *errand) setUmask() error {
	if e.Umask != nil {
		unix.Umask(int(*e.Umask))
	}
	return nil
}

// limitsInOrder puts the limits on memory last: the shim needs some itself.
func (e *errand) limitsInOrder() []Resource {
	last := map[Resource]int{unix.RLIMIT_DATA: 1, unix.RLIMIT_STACK: 1, unix.RLIMIT_MEMLOCK: 1, unix.RLIMIT_AS: 2}
	order := slices.Sorted(maps.Keys(e.Limits))
	slices.SortStableFunc(order, func(a, b Resource) int { return last[a] - last[b] })
	return order
}

// becomeUser gives up the caller's user and groups, in the order of a direct
// start. The calls are bare ones, of this thread alone: the others end at the
// exec, and package syscall would have to ask each of them.
func (e *errand) becomeUser() error {
	c := e.Credential
	if c == nil {
		return nil
	}
	if !c.NoSetGroups {
		var first unsafe.Pointer
		if len(c.Groups) > 0 {
			first = unsafe.Pointer(&c.Groups[0])
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(c.Groups)), uintptr(first), 0); errno != 0 {
			return errno
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGID, uintptr(c.Gid), 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETUID, uintptr(c.Uid), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// followParent asks for a signal at the parent's death again: a change of user
// cleared what was asked for at the fork (PR_SET_PDEATHSIG(2const)). A parent
// that has died before that would not be noticed.
func (e *errand) followParent() error {
	if e.Signal == 0 {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(e.Signal), 0, 0, 0); err != nil {
		return err
	}
	if os.Getppid() != e.Parent {
		return unix.Kill(os.Getpid(), e.Signal)
	}
	return nil
}

func (e *errand) changeDir() error {
	if len(e.Dir) == 0 {
		return nil
	}
	return unix.Chdir(string(e.Dir))
}
