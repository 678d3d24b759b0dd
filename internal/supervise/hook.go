package supervise

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/manifest"
)

// hookGrace is how long a hook that is over its time, or is given up, has after
// SIGTERM.
const hookGrace = time.Second

// hook runs the commands of one hook of the manifest. What a command starts and
// leaves running in the background lives on.
type hook struct {
	sup   *Supervisor
	spec  manifest.Hook
	unit  *unit
	added bool // to the live image

	mu      sync.Mutex // guards all below
	state   State
	inst    *instance
	old     []*instance // earlier ones whose output others hold open
	runs    int
	lastErr error
}

func newHook(sup *Supervisor, spec manifest.Hook) *hook {
	return &hook{sup: sup, spec: spec, unit: sup.tracker.unit(envHook, spec.Name), state: Pending}
}

// run runs one of the hook's commands to its end; mark says at which moment.
func (h *hook) run(ctx context.Context, args []string, mark string) error {
	if len(args) == 0 {
		return nil
	}
	in, err := h.spawn(args, mark)
	if err == nil {
		err = h.wait(ctx, in)
	}
	if err != nil {
		h.set(Failed, err)
		return failure("run", "hook", h.spec.Name, err)
	}
	h.set(Exited, nil)
	return nil
}

func (h *hook) spawn(args []string, mark string) (*instance, error) {
	h.mu.Lock()
	h.runs++
	n := h.runs
	h.mu.Unlock()
	h.set(Starting, nil)
	p := program{
		start: reap.Spec{
			Args:    args,
			Dir:     h.spec.Workdir,
			Env:     environment(h.sup.env, nil, h.spec.Env, envHook+"="+h.spec.Name, mark),
			OwnPath: h.spec.Env["PATH"] != "",
		},
		log:    h.sup.logs.Log(h.spec.Name),
		dev:    h.sup.dev,
		onExit: h.onExit,
	}
	p.start.Cgroup, p.start.Mark = h.sup.tracker.place(h.unit)
	if h.sup.withUs {
		p.start.ParentDeathSignal = syscall.SIGTERM
	}
	in, err := spawn(h.sup.reaper, n, p)
	if err != nil {
		return nil, err
	}
	h.sup.tracker.started(h.unit, in.proc)
	h.mu.Lock()
	if h.inst != nil {
		h.old = append(h.old, h.inst)
	}
	h.old = stillFlowing(h.old)
	h.inst = in
	h.mu.Unlock()
	h.sup.keep(h)
	close(in.published)
	return in, nil
}

func (h *hook) onExit(in *instance) {
	h.sup.background(func() {
		<-in.published
		h.sup.tracker.ended(in.proc)
	})
}

func (h *hook) wait(ctx context.Context, in *instance) error {
	ctx, done := h.sup.tracker.hasty(ctx)
	defer done()
	limited, cancel := context.WithTimeout(ctx, h.spec.Timeout)
	defer cancel()
	exit, err := in.proc.Wait(limited)
	if err != nil {
		return h.tooLong(ctx, in, err)
	}
	in.drain()
	if !exit.Success() {
		return &NotReadyError{Reason: exit.String(), Lines: lastOutput(h.sup.logs, h.spec.Name, in)}
	}
	return nil
}

// tooLong ends a command that is over its time, with all that it started.
func (h *hook) tooLong(ctx context.Context, in *instance, cause error) error {
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT}
	// Its grace time is over when it is over, whoever has given it up.
	_, endErr := h.sup.tracker.end(h.sup.ctx, h.unit, in.proc, signals, hookGrace, false)
	reason := fmt.Sprintf("it took longer than %v and was killed", h.spec.Timeout)
	if ctx.Err() != nil {
		reason = "given up, and it was ended"
	}
	return errors.Join(&NotReadyError{Reason: reason, Lines: lastOutput(h.sup.logs, h.spec.Name, in), Err: cause}, endErr)
}

func (h *hook) set(state State, err error) {
	h.mu.Lock()
	h.state, h.lastErr = state, err
	e := Event{Kind: KindHook, Name: h.spec.Name, State: state, Instance: h.runs, Err: err}
	if h.inst != nil && h.inst.n == h.runs {
		e.PID = h.inst.proc.PID()
	}
	h.mu.Unlock()
	h.sup.tell(e)
}
