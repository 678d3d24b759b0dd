//go:build linux

package agree

import (
	"testing"

	"github.com/seancehq/seance/internal/testenv"
	"github.com/seancehq/seance/process"
)

// scenario runs something without chance on both.
func scenario(t *testing.T, run func(r *runner, init process.Process)) {
	system, err := startSystem(buildActor(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer system.stop()
	r := &runner{t: t, s: system, k: startKernel(system), counts: map[string]int{}}
	r.compare("the start")
	run(r, r.k.table.Init())
}

func (r *runner) doFork(p process.Process) process.Process {
	got, err := r.s.fork(p.PID())
	if err != nil {
		r.t.Fatal(err)
	}
	child, err := p.Fork()
	r.same("fork", got, err)
	if err == nil && process.PID(got.result) != child.PID() {
		r.t.Fatalf("fork: Linux made %d, the table %d", got.result, child.PID())
	}
	r.compare("fork")
	return child
}

func (r *runner) doExit(p process.Process) {
	r.s.order(p.PID(), opExit, 3, 0, 0)
	effects, err := p.Exit(process.Exited(3))
	if err != nil {
		r.t.Fatal(err)
	}
	r.k.deliver(effects)
	r.compare("exit")
}

func (r *runner) doStop(p process.Process) {
	r.send(p, process.SIGSTOP)
	effects, err := p.Stop(process.SIGSTOP)
	if err != nil {
		r.t.Fatal(err)
	}
	r.k.deliver(effects)
	r.compare("stop")
}

func (r *runner) doWait(p process.Process) {
	want, err := p.Wait4(-1, process.WNOHANG)
	got := r.call(p, opWait4, -1, int32(process.WNOHANG), 0)
	r.same("wait4", got, err)
	if process.PID(got.result) != want.PID {
		r.t.Fatalf("wait4: Linux says %d, the table %d", got.result, want.PID)
	}
	r.compare("wait4")
}

// Linux hangs up a stopped group again when the parent of one of its zombies exits,
// although the group was orphaned before.
func TestExitOfAZombiesParentHangsUpItsOrphanedGroup(t *testing.T) {
	scenario(t, func(r *runner, init process.Process) {
		shell := r.doFork(init)
		_, _, err := shell.CreateSession()
		r.same("setsid", r.call(shell, opSetsid, 0, 0, 0), err)
		parent := r.doFork(shell)
		r.same("setpgid", r.call(parent, opSetpgid, 0, 0, 0), parent.SetPGID(0, 0))
		leader := r.doFork(parent)
		r.same("setpgid", r.call(leader, opSetpgid, 0, 0, 0), leader.SetPGID(0, 0))
		member := r.doFork(leader)
		r.doStop(member)
		r.doExit(leader) // the group is orphaned, hung up and continued
		if member.State() != process.Running {
			t.Fatal("the orphaned group was not continued")
		}
		r.doStop(member)
		r.doExit(parent)
		if member.State() != process.Running {
			t.Fatal("the orphaned group was not continued again")
		}
	})
}

// Numbers are given out in a circle, and those below 300 only once.
func TestNumbersWrapAround(t *testing.T) {
	const limit = 320
	scenario(t, func(r *runner, init process.Process) {
		if got := r.call(init, opLimit, limit, 0, 0); got.errno != 0 {
			testenv.Missing(t, "this kernel has no pid_max for each PID namespace: "+got.errno.Error())
		}
		r.k.table = process.NewTable(process.WithLimit(limit))
		init = r.k.table.Init()
		kept := r.doFork(init)
		for range 450 {
			child := r.doFork(init)
			r.doExit(child)
			r.doWait(init)
		}
		for i := 0; ; i++ { // until no number is left
			got, err := r.s.call(init.PID(), opFork, int32(r.s.used), 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			child, err := init.Fork()
			r.same("fork", got, err)
			if err != nil {
				break
			}
			if process.PID(got.result) != child.PID() {
				t.Fatalf("fork %d: Linux made %d, the table %d", i, got.result, child.PID())
			}
			r.s.slot[child.PID()] = r.s.used
			r.s.used++
		}
		if !kept.Alive() {
			t.Error("a process was lost")
		}
	})
}

// doWaitStatus waits for one child and compares how it ended.
func (r *runner) doWaitStatus(p, child process.Process) {
	want, err := p.Wait4(child.PID(), process.WNOHANG)
	got := r.call(p, opWait4, int32(child.PID()), int32(process.WNOHANG), 0)
	r.same("wait4", got, err)
	if process.PID(got.result) != want.PID || want.PID != 0 && int(got.out[0]) != want.WaitStatus() {
		r.t.Fatalf("wait4: Linux says %d, %#x, the table %+v", got.result, got.out[0], want)
	}
	r.compare("wait4")
}

func TestThreads(t *testing.T) {
	scenario(t, func(r *runner, init process.Process) {
		// The main thread ends first: the process goes on, and ends with the last one.
		p := r.doFork(init)
		th := r.doThread(p)
		r.same("setpgid of a thread", r.call(init, opSetpgid, int32(th.TID()), 0, 0), init.SetPGID(th.TID(), 0))
		r.same("setpgid to a thread's number", r.call(init, opSetpgid, int32(p.PID()), int32(th.TID()), 0), init.SetPGID(p.PID(), th.TID()))
		r.doEndThread(p.MainThread(), 5)
		r.doWaitStatus(init, p)
		r.doEndThread(th, 7)
		if p.State() != process.Zombie {
			t.Fatal("the process did not end with its last thread")
		}
		r.doWaitStatus(init, p)

		// One that is not the main thread executes a program: it gets the PID.
		p = r.doFork(init)
		other, th := r.doThread(p), r.doThread(p)
		got := r.callThread(th, opExec)
		main, err := th.Exec()
		r.same("exec", got, err)
		r.s.slot[p.PID()] = r.s.slot[th.TID()]
		if main.TID() != p.PID() || other.Exists() || p.ThreadCount() != 1 {
			t.Fatalf("after exec: main thread %d, %d threads", main.TID(), p.ThreadCount())
		}
		r.compare("exec by a thread")
		for _, gone := range []process.PID{other.TID(), th.TID()} {
			if _, ok := r.s.stat(gone); ok {
				t.Errorf("thread %d lives on", gone)
			}
		}
		r.same("setpgid after exec", r.call(init, opSetpgid, int32(p.PID()), 0, 0), init.SetPGID(p.PID(), 0))

		// One thread of several ends the process.
		th = r.doThread(p)
		r.s.order(th.TID(), opExit, 9, 0, 0)
		effects, err := p.Exit(process.Exited(9))
		if err != nil {
			t.Fatal(err)
		}
		r.k.deliver(effects)
		r.compare("group exit")
		r.doWaitStatus(init, p)
		r.doFork(init) // the numbers go on after those of the threads
	})
}
