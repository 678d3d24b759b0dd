//go:build linux

package agree

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/seancehq/seance/process"
)

// operation does one thing to the system and to the table. It returns what it did,
// or "" if it could not be done now.
type operation struct {
	name string
	run  func(r *runner, p process.Process) string
}

// operations has some more often than others.
var operations = []operation{
	{"fork", (*runner).fork}, {"fork", (*runner).fork}, {"fork", (*runner).fork}, {"fork", (*runner).fork},
	{"fork", (*runner).fork}, {"fork", (*runner).fork}, {"fork", (*runner).fork}, {"fork", (*runner).fork},
	{"exec", (*runner).exec},
	{"start thread", (*runner).startThread}, {"start thread", (*runner).startThread},
	{"end thread", (*runner).endThread}, {"exec by a thread", (*runner).execByThread},
	{"exit by a thread", (*runner).exitByThread},
	{"exit", (*runner).exit}, {"exit", (*runner).exit},
	{"kill", (*runner).kill},
	{"setsid", (*runner).setsid}, {"setsid", (*runner).setsid},
	{"setpgid", (*runner).setpgid}, {"setpgid", (*runner).setpgid}, {"setpgid", (*runner).setpgid},
	{"stop", (*runner).stop}, {"stop", (*runner).stop},
	{"continue", (*runner).cont},
	{"subreaper", (*runner).subreaper},
	{"wait4", (*runner).wait4}, {"wait4", (*runner).wait4},
	{"waitid", (*runner).waitid}, {"waitid", (*runner).waitid},
	{"set terminal", (*runner).setTTY}, {"set terminal", (*runner).setTTY},
	{"drop terminal", (*runner).dropTTY},
	{"tcsetpgrp", (*runner).setForeground}, {"tcsetpgrp", (*runner).setForeground},
	{"tcgetpgrp", (*runner).getForeground},
	{"read", (*runner).read}, {"write", (*runner).write},
	{"hang up", (*runner).hangUp},
}

func (r *runner) fork(p process.Process) string {
	if r.k.table.Len() > 12 || r.s.used >= maxSlots {
		return ""
	}
	what := fmt.Sprintf("fork by %d", p.PID())
	got, err := r.s.fork(p.PID())
	if err != nil {
		r.t.Fatal(err)
	}
	child, err := p.Fork()
	r.same(what, got, err)
	if err == nil && process.PID(got.result) != child.PID() {
		r.t.Fatalf("%s: Linux made %d, the table %d", what, got.result, child.PID())
	}
	return what
}

func (r *runner) exec(p process.Process) string {
	what := fmt.Sprintf("exec by %d", p.PID())
	r.same(what, r.call(p, opExec, 0, 0, 0), p.Exec())
	return what
}

func (r *runner) exit(p process.Process) string {
	if p == r.k.table.Init() {
		return ""
	}
	code := pick(r.draw, "code", []int{0, 1, 7, 255, 256})
	what := fmt.Sprintf("exit of %d with %d", p.PID(), code)
	r.s.order(p.PID(), opExit, int32(code), 0, 0)
	effects, err := p.Exit(process.Exited(code))
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	r.k.deliver(effects)
	return what
}

// victim draws a process that a signal can be sent to with a known outcome.
func (r *runner) victim() (process.Process, bool) {
	var list []process.Process
	for p := range r.k.table.Processes() {
		if p.Alive() && p != r.k.table.Init() {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return process.Process{}, false
	}
	return pick(r.draw, "victim", list), true
}

func (r *runner) send(to process.Process, sig process.Signal) string {
	init := r.k.table.Init()
	what := fmt.Sprintf("%v to %d", sig, to.PID())
	r.same(what, r.call(init, opKill, int32(to.PID()), int32(sig), 0), nil)
	return what
}

func (r *runner) kill(process.Process) string {
	victim, ok := r.victim()
	if !ok {
		return ""
	}
	sig := process.SIGKILL
	if victim.State() == process.Running && r.flag("term") == 1 {
		sig = process.SIGTERM
	}
	what := r.send(victim, sig)
	effects, err := victim.Exit(process.Killed(sig))
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	r.k.deliver(effects)
	return what
}

func (r *runner) stop(process.Process) string {
	victim, ok := r.victim()
	if !ok {
		return ""
	}
	sig := process.SIGSTOP
	if victim.State() == process.Running && r.flag("tstp") == 1 {
		sig = process.SIGTSTP
	}
	what := r.send(victim, sig)
	r.k.pending[victim.PID()] &^= 1 << process.SIGCONT
	effects, err := victim.Stop(sig)
	if err != nil && process.ErrnoOf(err) != process.EIO {
		r.t.Fatalf("%s: %v", what, err)
	}
	r.k.deliver(effects)
	return what
}

func (r *runner) cont(process.Process) string {
	victim, ok := r.victim()
	if !ok {
		return ""
	}
	what := r.send(victim, process.SIGCONT)
	r.k.signal(victim, process.SIGCONT)
	return what
}

func (r *runner) setsid(p process.Process) string {
	what := fmt.Sprintf("setsid by %d", p.PID())
	got := r.call(p, opSetsid, 0, 0, 0)
	_, _, err := p.CreateSession()
	r.same(what, got, err)
	return what
}

func (r *runner) setpgid(p process.Process) string {
	target, pgid := r.number(p, "target"), r.number(p, "pgid")
	children := []process.PID{0}
	for child := range p.Children() {
		children = append(children, child.PID(), child.PID())
	}
	if r.flag("family") == 1 {
		target = pick(r.draw, "child", children)
	}
	what := fmt.Sprintf("setpgid(%d, %d) by %d", target, pgid, p.PID())
	r.same(what, r.call(p, opSetpgid, int32(target), int32(pgid), 0), p.SetPGID(target, pgid))
	return what
}

func (r *runner) subreaper(p process.Process) string {
	on := r.flag("on")
	what := fmt.Sprintf("subreaper %d for %d", on, p.PID())
	r.same(what, r.call(p, opSubreaper, on, 0, 0), p.SetSubreaper(on == 1))
	return what
}

var waitBits = []process.WaitOptions{
	process.WNOHANG, process.WUNTRACED, process.WEXITED, process.WCONTINUED, process.WNOWAIT, process.WALL,
}

// options draws options, few of them often wrong.
func (r *runner) options(likely process.WaitOptions) process.WaitOptions {
	options := likely
	for _, bit := range waitBits {
		if pick(r.draw, "option", []bool{true, false, false, false, false, false, false, false}) {
			options ^= bit
		}
	}
	if rapid.IntRange(0, 40).Draw(r.draw, "unknown") == 0 {
		options |= 0x10
	}
	return options
}

func (r *runner) wait4(p process.Process) string {
	pid := r.number(p, "pid")
	switch pick(r.draw, "selector", []int{0, 1, 2, 3}) {
	case 0:
		pid = -1
	case 1:
		pid = -pid
	}
	if rapid.IntRange(0, 40).Draw(r.draw, "least") == 0 {
		pid = minInt
	}
	options := r.options(process.WUNTRACED | process.WCONTINUED)
	what := fmt.Sprintf("wait4(%d, %#x) by %d", pid, uint32(options), p.PID())
	want, err := p.Wait4(pid, options)
	options, err = sleepless(options, err)
	got := r.call(p, opWait4, int32(pid), int32(options), 0)
	r.same(what, got, err)
	if err == nil && (got.result != int32(want.PID) || want.PID != 0 && int(got.out[0]) != want.WaitStatus()) {
		r.t.Fatalf("%s: Linux says %d, %#x, the table %d, %#x", what, got.result, got.out[0], want.PID, want.WaitStatus())
	}
	return what
}

// sleepless turns a wait that would sleep into one that finds nothing.
func sleepless(options process.WaitOptions, err error) (process.WaitOptions, error) {
	if process.ErrnoOf(err) == process.EAGAIN {
		return options | process.WNOHANG, nil
	}
	return options, err
}

// siCode is the si_code of what a wait tells.
var siCode = map[process.Code]int32{
	process.CodeExited: 1, process.CodeKilled: 2, process.CodeDumped: 3,
	process.CodeStopped: 5, process.CodeContinued: 6,
}

func (r *runner) waitid(p process.Process) string {
	idtype, id := process.IDType(pick(r.draw, "idtype", []int{0, 1, 2})), r.number(p, "id")
	options := r.options(process.WEXITED | process.WSTOPPED | process.WCONTINUED)
	what := fmt.Sprintf("waitid(%d, %d, %#x) by %d", idtype, id, uint32(options), p.PID())
	want, err := p.WaitID(idtype, id, options)
	options, err = sleepless(options, err)
	got := r.call(p, opWaitid, int32(idtype), int32(id), int32(options))
	r.same(what, got, err)
	if err != nil {
		return what
	}
	told := [3]int32{int32(want.PID), siCode[want.Code], int32(want.SiStatus())}
	if want.PID == 0 {
		told = [3]int32{}
	}
	if got.out != told {
		r.t.Fatalf("%s: Linux says %v, the table %v", what, got.out, told)
	}
	return what
}

func (r *runner) setTTY(p process.Process) string {
	tty, steal := r.tty(p), r.flag("steal")
	if tty < 0 {
		return ""
	}
	what := fmt.Sprintf("TIOCSCTTY(terminal %d, %d) by %d", tty, steal, p.PID())
	r.same(what, r.call(p, opSetTTY, int32(tty), steal, 0), p.SetTerminal(r.k.devices[tty], r.s.names[tty], steal == 1))
	return what
}

func (r *runner) dropTTY(p process.Process) string {
	tty := r.tty(p)
	if tty < 0 {
		return ""
	}
	what := fmt.Sprintf("TIOCNOTTY(terminal %d) by %d", tty, p.PID())
	got := r.call(p, opDropTTY, int32(tty), 0, 0)
	effects, err := p.DropTerminal(r.k.devices[tty])
	r.same(what, got, err)
	r.k.deliver(effects)
	return what
}

func (r *runner) setForeground(p process.Process) string {
	tty, pgid, ignore := r.tty(p), r.number(p, "pgid"), r.flag("ignore")
	if tty < 0 {
		return ""
	}
	what := fmt.Sprintf("tcsetpgrp(terminal %d, %d) by %d, ignoring %d", tty, pgid, p.PID(), ignore)
	got := r.call(p, opSetForeground, int32(tty), int32(pgid), ignore)
	effects, err := p.SetForeground(r.k.devices[tty], pgid, ignore == 1)
	r.same(what, got, err)
	r.k.deliver(effects)
	return what
}

func (r *runner) getForeground(p process.Process) string {
	tty := r.tty(p)
	if tty < 0 {
		return ""
	}
	what := fmt.Sprintf("tcgetpgrp(terminal %d) by %d", tty, p.PID())
	got := r.call(p, opGetForeground, int32(tty), 0, 0)
	pgid, err := p.Foreground(r.k.devices[tty])
	r.same(what, got, err)
	if err == nil && process.PID(got.out[0]) != pgid {
		r.t.Fatalf("%s: Linux says %d, the table %d", what, got.out[0], pgid)
	}
	return what
}

func (r *runner) read(p process.Process) string {
	tty, ignore := r.tty(p), r.flag("ignore")
	if tty < 0 {
		return ""
	}
	what := fmt.Sprintf("read(terminal %d) by %d, ignoring %d", tty, p.PID(), ignore)
	got := r.call(p, opReadTTY, int32(tty), 0, ignore)
	effects, err := p.ReadTerminal(r.k.devices[tty], ignore == 1)
	if got.errno == process.EAGAIN {
		got.errno = 0 // it may read, and there is nothing to be read
	}
	r.same(what, got, err)
	r.k.deliver(effects)
	return what
}

func (r *runner) write(p process.Process) string {
	tty, ignore := r.tty(p), r.flag("ignore")
	if tty < 0 {
		return ""
	}
	what := fmt.Sprintf("write(terminal %d) by %d, ignoring %d", tty, p.PID(), ignore)
	got := r.call(p, opWriteTTY, int32(tty), 0, ignore)
	effects, err := p.WriteTerminal(r.k.devices[tty], ignore == 1)
	r.same(what, got, err)
	r.k.deliver(effects)
	return what
}

func (r *runner) hangUp(p process.Process) string {
	tty := r.tty(p)
	if tty < 0 || pick(r.draw, "seldom", []int{0, 1, 2}) != 0 {
		return ""
	}
	what := fmt.Sprintf("hang-up of terminal %d", tty)
	if err := r.s.ttys[tty].Close(); err != nil {
		r.t.Fatal(err)
	}
	r.s.ttys[tty] = nil
	r.k.hungUp[tty] = true
	effects, err := r.k.table.Hangup(r.k.devices[tty])
	if err != nil && process.ErrnoOf(err) != process.ENOTTY {
		r.t.Fatal(err)
	}
	r.k.deliver(effects)
	return what
}
