package pid1

import (
	"slices"
	"syscall"

	"github.com/seancehq/seance/internal/linux/children"
)

// guard is a child that is none of the program's making: it ends what is left when
// this process is killed.
type guard struct {
	start func() (pid int, err error) // nil: there is to be none, or no more
	pid   int                         // 0: there is none
	count int                         // of those that were started
}

// manyGuards is how many may be killed before there are no more.
const manyGuards = 16

// begin starts a guard if there is none. All goes on without one.
func (g *guard) begin() {
	if g.start == nil || g.pid != 0 {
		return
	}
	pid, err := g.start()
	g.count++
	if err == nil {
		g.pid = pid
	}
	if err != nil || g.count == manyGuards {
		g.start = nil
	}
}

// reaped takes note of the end of a child. A guard that nobody has killed cannot do
// what it is for, and the next one could not either.
func (g *guard) reaped(pid int, s syscall.WaitStatus) {
	if pid != g.pid {
		return
	}
	g.pid = 0
	if !s.Signaled() {
		g.start = nil
	}
}

// end ends the guard.
func (g *guard) end() {
	g.start = nil
	if g.pid == 0 {
		return
	}
	_ = syscall.Kill(g.pid, syscall.SIGKILL) // its number is its own until we wait
	for {
		if _, err := syscall.Wait4(g.pid, nil, 0, nil); err != syscall.EINTR {
			g.pid = 0
			return
		}
	}
}

// alone says that the guard is the only child there is.
func (g *guard) alone() bool {
	return g.pid != 0 && slices.Equal(children.List(), []int{g.pid})
}
