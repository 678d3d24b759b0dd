//go:build linux

package agree

import (
	"math/bits"
	"strings"

	"github.com/seancehq/seance/process"
)

// kernel is the table with as much of a kernel around it as the actors have: it
// delivers the signals that operations give rise to.
type kernel struct {
	table   *process.Table
	came    map[process.PID]uint64 // signals whose handlers have run
	twice   map[process.PID]uint64 // of these, those that came more than once
	pending map[process.PID]uint64 // signals of stopped processes
	devices [ttyCount]process.Device
	hungUp  [ttyCount]bool
}

func startKernel(s *system) *kernel {
	k := &kernel{table: process.NewTable(), came: map[process.PID]uint64{}, twice: map[process.PID]uint64{}, pending: map[process.PID]uint64{}}
	for i := range k.devices {
		k.devices[i] = s.device(i)
	}
	return k
}

const stopSignals = 1<<process.SIGSTOP | 1<<process.SIGTSTP | 1<<process.SIGTTIN | 1<<process.SIGTTOU

// deliver does to the table what the kernel does with signals: the default action
// of SIGCONT is to continue, whatever the handler; all others have handlers.
func (k *kernel) deliver(e process.Effects) {
	for d := range e.Signals() {
		k.signal(d.To, d.Signal)
	}
}

func (k *kernel) signal(p process.Process, sig process.Signal) {
	if !p.Alive() {
		return
	}
	pid := p.PID()
	switch {
	case sig == process.SIGCONT:
		k.pending[pid] &^= stopSignals
		effects, err := p.Continue()
		if err != nil {
			panic(err)
		}
		k.came[pid] |= k.pending[pid]
		delete(k.pending, pid)
		k.deliver(effects)
	case 1<<sig&stopSignals != 0:
		k.pending[pid] &^= 1 << process.SIGCONT
	}
	if p.State() == process.Stopped {
		k.pending[pid] |= 1 << sig
		return
	}
	k.twice[pid] |= k.came[pid] & (1 << sig)
	k.came[pid] |= 1 << sig
}

// expected is what proc_pid_stat(5) should say.
func (k *kernel) expected(p process.Process) stat {
	st := stat{state: 'S', ppid: p.Parent().PID(), pgid: p.Group().PGID(), sid: p.Session().SID(), tpgid: -1}
	switch p.State() {
	case process.Stopped:
		st.state = 'T'
	case process.Zombie:
		st.state = 'Z'
	}
	if !p.MainThread().Exists() {
		st.state = 'Z' // though the process may go on
	}
	if p.HasTerminal() {
		st.tty, _, _ = p.Session().Terminal()
		st.tpgid, _ = p.Session().Foreground()
	}
	return st
}

func signalNames(mask uint64) string {
	var names []string
	for ; mask != 0; mask &= mask - 1 {
		names = append(names, process.Signal(bits.TrailingZeros64(mask)).String())
	}
	return "[" + strings.Join(names, " ") + "]"
}
