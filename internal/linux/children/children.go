// Package children finds and ends the caller's own children, those among them
// that it never started: a child subreaper gets the orphans of all that
// descends from it (PR_SET_CHILD_SUBREAPER(2const)).
package children

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Adopt makes the caller the parent of all that its descendants leave behind
// when they die.
func Adopt() error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

// List lists the children of all the caller's threads, those that have ended
// and were not waited for included. See proc_pid_task_children(5).
func List() []int {
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

// End kills every child but those to spare, and waits for it. A child that
// dies may leave others, so that it goes on until there is none.
func End(spare ...int) {
	for {
		others := slices.DeleteFunc(List(), func(pid int) bool { return slices.Contains(spare, pid) })
		if len(others) == 0 {
			return
		}
		for _, pid := range others {
			_ = unix.Kill(pid, unix.SIGKILL)
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		time.Sleep(time.Millisecond) // SIGKILL takes effect when the kernel gets to it
	}
}
