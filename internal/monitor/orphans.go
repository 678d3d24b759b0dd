package monitor

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// becomeSubreaper makes the monitor the parent of all that an init without a
// PID namespace leaves behind when it dies. See PR_SET_CHILD_SUBREAPER(2const).
func becomeSubreaper() error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

// killOrphans ends every process that was left to the monitor. Each one that
// dies may leave others, so that it goes on until there is none.
func killOrphans() {
	for {
		children := childPIDs()
		if len(children) == 0 {
			return
		}
		for _, pid := range children {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		reapAny()
	}
}

// reapAny waits until at least one child has ended, and takes all that have.
func reapAny() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if pid > 0 {
			continue
		}
		if err == unix.EINTR {
			continue
		}
		time.Sleep(time.Millisecond) // SIGKILL takes effect when the kernel gets to it
		return
	}
}

// childPIDs lists the children of all the monitor's threads, from
// proc_pid_task_children(5).
func childPIDs() []int {
	tasks, _ := os.ReadDir("/proc/self/task")
	var pids []int
	for _, t := range tasks {
		raw, _ := os.ReadFile("/proc/self/task/" + t.Name() + "/children")
		for _, field := range strings.Fields(string(raw)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
