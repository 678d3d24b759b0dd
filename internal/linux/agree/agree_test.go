//go:build linux

package agree

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"math/bits"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seancehq/seance/internal/testenv"
	"github.com/seancehq/seance/process"
)

var (
	sequences = flag.Int("sequences", 2000, "random sequences to run")
	seed      = flag.Uint64("seed", 0, "seed of the random sequences; 0 takes one from the clock")
)

const steps = 30

// buildActor compiles the program whose processes are compared.
func buildActor(t *testing.T) string {
	t.Helper()
	testenv.RequireRoot(t) // for a PID namespace
	cc := testenv.RequireProgram(t, "cc")
	actor := filepath.Join(t.TempDir(), "actor")
	out, err := exec.Command(cc, "-O1", "-Wall", "-Wextra", "-pthread", "-o", actor, "testdata/actor.c").CombinedOutput()
	if err != nil {
		t.Fatalf("cannot compile the actor: %v\n%s", err, out)
	}
	return actor
}

func setFlag(t *testing.T, name, value string) {
	t.Helper()
	old := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, old) })
}

// Every random sequence of operations has the same outcome on real processes and on
// the table. To run one again: go test -seed N.
func TestTableAgreesWithLinux(t *testing.T) {
	actor, dir := buildActor(t), t.TempDir()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("%d sequences of %d operations, seed %d", *sequences, steps, *seed)
	setFlag(t, "rapid.checks", fmt.Sprint(*sequences))
	setFlag(t, "rapid.seed", fmt.Sprint(*seed))
	setFlag(t, "rapid.nofailfile", "true")
	counts := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		system, err := startSystem(actor, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer system.stop()
		r := runner{t: t, draw: t, s: system, k: startKernel(system), counts: counts}
		r.compare("the start")
		if r.flag("shell") == 1 {
			r.shell()
		}
		for range steps {
			r.step()
		}
	})
	t.Logf("operations: %v", counts)
}

// runner does each operation to both and compares.
type runner struct {
	t interface {
		Fatal(args ...any)
		Fatalf(format string, args ...any)
	}
	draw    *rapid.T // nil for a scenario without chance
	s       *system
	k       *kernel
	counts  map[string]int
	outcome string // of the step in hand: an error number, if any
}

// pick draws an element. Rapid likes small numbers, and we do not like the first
// elements better than others, so what it draws is stirred.
func pick[T any](t *rapid.T, name string, list []T) T {
	n := rapid.Uint64().Draw(t, name) * 0x9e3779b97f4a7c15
	return list[(n>>32)%uint64(len(list))]
}

func (r *runner) step() {
	op := pick(r.draw, "operation", operations)
	actor := r.actor()
	r.outcome = ""
	what := op.run(r, actor)
	if what == "" {
		return
	}
	r.counts[strings.TrimSpace(op.name+" "+r.outcome)]++
	for _, mask := range r.k.came {
		for ; mask != 0; mask &= mask - 1 {
			r.counts[process.Signal(bits.TrailingZeros64(mask)).String()]++
		}
	}
	if err := r.k.table.Check(); err != nil {
		r.t.Fatalf("%s:\n%v", what, err)
	}
	r.compare(what)
}

// actor draws a process that can do something.
func (r *runner) actor() process.Process {
	var able []process.Process
	for p := range r.k.table.Processes() {
		if p.State() == process.Running && p.MainThread().Exists() {
			able = append(able, p)
		}
	}
	return pick(r.draw, "actor", able)
}

// number draws a number that may be anything, most often that of a process or group
// of the actor's session.
func (r *runner) number(actor process.Process, name string) process.PID {
	var known []process.PID
	for p := range r.k.table.Processes() {
		known = append(known, p.PID(), p.PID(), p.Group().PGID())
	}
	for g := range actor.Session().Groups() {
		known = append(known, g.PGID(), g.PGID())
	}
	known = append(known, 0, 0, -1, 99)
	return pick(r.draw, name, known)
}

func (r *runner) flag(name string) int32 {
	if rapid.Bool().Draw(r.draw, name) {
		return 1
	}
	return 0
}

// shell begins with what a shell does: a session on a terminal, with two jobs of two
// processes, one in the foreground. Random operations seldom get that far.
func (r *runner) shell() {
	do := func(what string, got answer, err error) {
		r.same(what, got, err)
		r.compare(what)
	}
	fork := func(p process.Process) process.Process {
		r.fork(p)
		child := process.Process{}
		for child = range p.Children() { // the last one
		}
		r.compare("fork")
		return child
	}
	sh := fork(r.k.table.Init())
	_, _, err := sh.CreateSession()
	do("setsid", r.call(sh, opSetsid, 0, 0, 0), err)
	do("TIOCSCTTY", r.call(sh, opSetTTY, 0, 0, 0), sh.SetTerminal(r.k.devices[0], r.s.names[0], false))
	for range 2 {
		first := fork(sh)
		pgid := first.PID()
		do("setpgid", r.call(first, opSetpgid, 0, 0, 0), first.SetPGID(0, 0))
		second := fork(sh)
		do("setpgid", r.call(sh, opSetpgid, int32(second.PID()), int32(pgid), 0), sh.SetPGID(second.PID(), pgid))
		_, err := sh.SetForeground(r.k.devices[0], pgid, true)
		do("tcsetpgrp", r.call(sh, opSetForeground, 0, int32(pgid), 1), err)
	}
}

// tty draws a terminal that has not hung up, most often that of p; -1 if there is none.
func (r *runner) tty(p process.Process) int {
	own, _, _ := p.Session().Terminal()
	var open []int
	for i, gone := range r.k.hungUp {
		if !gone {
			open = append(open, i)
		}
		if !gone && r.k.devices[i] == own && own != 0 {
			open = append(open, i, i, i, i)
		}
	}
	if len(open) == 0 {
		return -1
	}
	return pick(r.draw, "terminal", open)
}

func (r *runner) call(p process.Process, what op, a, b, c int32) answer {
	got, err := r.s.call(p.PID(), what, a, b, c)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// same compares how a call ended with how the operation on the table did.
func (r *runner) same(what string, got answer, err error) {
	want := process.ErrnoOf(err)
	if want != 0 {
		r.outcome = want.Name()
	}
	if err != nil && want == 0 {
		r.t.Fatalf("%s: the error has no number: %v", what, err)
	}
	if got.errno != want {
		r.t.Fatalf("%s: Linux says %s, the table %s (%v)", what, name(got.errno), name(want), err)
	}
}

func name(e process.Errno) string {
	if e == 0 {
		return "success"
	}
	return e.Name()
}

// compare waits until the system has come to rest as the table has it. Signals are
// delivered and states change some time after the call that caused them, so what is
// not yet so may become so; what should not be so shows here or after the next step.
//
// An actor at rest sleeps: one that was sent a signal runs until it has handled it.
func (r *runner) compare(what string) {
	came := map[process.PID]uint64{}
	r.rest(what, came)
	if len(r.k.twice) > 0 {
		r.drain(what, came)
	}
	clear(r.k.came)
}

func (r *runner) rest(what string, came map[process.PID]uint64) {
	var difference error
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		difference = r.difference(came)
		if difference == nil {
			return
		}
		if errors.Is(difference, errNever) {
			break
		}
		time.Sleep(50 * time.Microsecond)
	}
	r.t.Fatalf("%s: %v", what, difference)
}

// drain waits for the handlers of signals that came more than once, for it is not known
// how often a handler runs then. A process can be seen as a zombie a moment before its
// parent is sent SIGCHLD, both under the kernel's lock of the process list; a call that
// takes this lock, and for init changes nothing, comes after it.
func (r *runner) drain(what string, came map[process.PID]uint64) {
	r.call(r.k.table.Init(), opSetpgid, 0, 0, 0)
	r.rest(what, came)
	clear(r.k.twice)
}

// errNever is a difference that waiting does not mend.
var errNever = errors.New("")

func (r *runner) difference(came map[process.PID]uint64) error {
	var wrong error
	for p := range r.k.table.Processes() {
		pid := p.PID()
		want := r.k.expected(p)
		got, ok := r.s.stat(pid)
		if !ok || got != want {
			wrong = fmt.Errorf("process %d is %+v, %v, in the table %+v", pid, got, ok, want)
		}
		if !p.Alive() {
			continue
		}
		came[pid] |= r.s.signals(pid)
		if came[pid]&^r.k.came[pid] != 0 {
			return fmt.Errorf("process %d got %s, in the table %s%w", pid,
				signalNames(came[pid]), signalNames(r.k.came[pid]), errNever)
		}
		if came[pid] != r.k.came[pid] {
			wrong = fmt.Errorf("process %d got %s, in the table %s", pid, signalNames(came[pid]), signalNames(r.k.came[pid]))
		}
	}
	return wrong
}

const minInt = math.MinInt32
