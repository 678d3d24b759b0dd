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

	inherited map[int]bool // other children that are none of the program's making, see [reap.Inherited]
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
	delete(g.inherited, pid)
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

// alone says that of the children, of which there is one, none is left by the program.
func (g *guard) alone() bool {
	if g.pid == 0 && len(g.inherited) == 0 {
		return false
	}
	all := children.List() // empty where /proc does not show them
	return len(all) > 0 && !slices.ContainsFunc(all, func(pid int) bool { return !g.spares(pid) })
}

// spares says that a child is not to be ended with what the program has left.
func (g *guard) spares(pid int) bool { return pid == g.pid || g.inherited[pid] }
