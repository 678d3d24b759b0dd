//go:build linux

package agree

import (
	"fmt"

	"github.com/seancehq/seance/process"
)

func (r *runner) callThread(th process.Thread, what op) answer {
	got, err := r.s.call(th.TID(), what, 0, 0, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

func (r *runner) doThread(p process.Process) process.Thread {
	tid, err := r.s.thread(p.PID())
	if err != nil {
		r.t.Fatal(err)
	}
	th, err := p.NewThread()
	if err != nil || th.TID() != tid {
		r.t.Fatalf("thread: Linux made %d, the table %d, %v", tid, th.TID(), err)
	}
	return th
}

func (r *runner) doEndThread(th process.Thread, code int) {
	r.s.order(th.TID(), opEndThread, int32(code), 0, 0)
	_, effects, err := th.Exit(process.Exited(code))
	if err != nil {
		r.t.Fatal(err)
	}
	r.k.deliver(effects)
	r.compare("end of a thread")
}

func (r *runner) startThread(p process.Process) string {
	if p == r.k.table.Init() || p.ThreadCount() > 3 || r.s.used >= maxSlots {
		return ""
	}
	r.doThread(p)
	return fmt.Sprintf("thread in %d", p.PID())
}

// thread draws a thread, main ones included, that can do something.
func (r *runner) thread() (process.Thread, bool) {
	var list []process.Thread
	for p := range r.k.table.Processes() {
		if p != r.k.table.Init() && p.State() == process.Running && (p.ThreadCount() > 1 || !p.MainThread().Exists()) {
			for th := range p.Threads() {
				list = append(list, th)
			}
		}
	}
	if len(list) == 0 {
		return process.Thread{}, false
	}
	return pick(r.draw, "thread", list), true
}

func (r *runner) endThread(process.Process) string {
	th, ok := r.thread()
	if !ok {
		return ""
	}
	r.doEndThread(th, 11)
	return fmt.Sprintf("end of %v", th)
}

func (r *runner) execByThread(process.Process) string {
	th, ok := r.thread()
	if !ok {
		return ""
	}
	what, pid := fmt.Sprintf("exec by %v", th), th.Process().PID()
	got := r.callThread(th, opExec)
	_, err := th.Exec()
	r.same(what, got, err)
	r.s.slot[pid] = r.s.slot[th.TID()]
	return what
}

func (r *runner) exitByThread(process.Process) string {
	th, ok := r.thread()
	if !ok {
		return ""
	}
	r.s.order(th.TID(), opExit, 12, 0, 0)
	effects, err := th.Process().Exit(process.Exited(12))
	if err != nil {
		r.t.Fatal(err)
	}
	r.k.deliver(effects)
	return fmt.Sprintf("exit by %v", th)
}
