package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// TestChaos has users, outsiders with SIGKILL and snapshots at services of all
// kinds at once. There is never a second instance of one, nothing hangs, and in
// the end nothing is left.
func TestChaos(t *testing.T) {
	dir := t.TempDir()
	g := newRig(t, services(chaotic(dir)...))
	g.hot = true
	f := &moody{}
	m := g.manager(session.WithFreezer(f))
	_, _ = m.Boot(limit(t)) // what fails is the business of the services
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() { g.meddle(ctx) })
	}
	wg.Go(func() { g.killAtRandom(ctx) })
	wg.Go(func() {
		for ctx.Err() == nil {
			_, _ = m.Snapshot(limit(t), true, rand.IntN(2) == 0)
			time.Sleep(10 * time.Millisecond)
		}
	})
	wg.Wait()
	for _, s := range g.Status() { // nothing hangs: each can be started and stopped
		if err := g.Start(limit(t), s.Name); err != nil && errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
	f.last = true
	snapshot(t, m, false, true)
	for _, s := range g.Status() {
		if s.PID != 0 || s.State != supervise.Stopped && s.State != supervise.Exited && s.State != supervise.Failed {
			t.Errorf("after the quit: %+v", s)
		}
		if contains(g.output(s.Name), "TWICE") {
			t.Errorf("two instances of %s at once", s.Name)
		}
	}
	sockets, err := filepath.Glob(filepath.Join(g.run, "notify-*"))
	if err != nil || len(sockets) > 0 {
		t.Errorf("sockets are left: %v, %v", sockets, err)
	}
}

// chaotic are services of all kinds, each of which writes TWICE when it finds
// another instance of it alive. A folder is made atomically, and is the next
// one's as soon as its owner is dead.
func chaotic(dir string) []manifest.Service {
	once := func(name, rest string) string {
		own := filepath.Join(dir, name)
		return `if ! mkdir ` + own + ` 2>/dev/null; then o=$(cat ` + own + `/pid 2>/dev/null); [ -n "$o" ] && kill -0 $o 2>/dev/null && echo TWICE $o $$; fi; mkdir -p ` + own + `; echo $$ > ` + own + `/pid; ` + rest
	}
	make := func(name, rest string, needs ...string) manifest.Service {
		s := service(name, once(name, rest))
		s.Restart = manifest.Restart{Policy: manifest.RestartAlways, Delay: time.Millisecond, MaxDelay: 10 * time.Millisecond, ResetAfter: time.Hour}
		s.Shutdown.Grace = 2 * time.Second
		s.Needs = needs
		return s
	}
	plain := make("plain", "exec sleep 600")
	quick := make("quick", "sleep 0.01")
	stubborn := make("stubborn", `trap "" TERM; sleep 600 & sleep 600`)
	stubborn.Shutdown.Grace = 20 * time.Millisecond
	byLog := make("by-log", "echo up; exec sleep 600", "plain")
	byLog.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	probed := make("probed", "exec sleep 600", "by-log", "plain")
	probed.Ready = &manifest.Ready{Command: []string{"true"}, Timeout: patient}
	probed.Probe = &manifest.Probe{Command: []string{"sh", "-c", "exit $(($$ % 2))"}, Interval: 5 * time.Millisecond, Timeout: time.Second, Failures: 2}
	byCommand := make("by-command", "exec sleep 600", "probed")
	byCommand.Shutdown.Command = []string{"sh", "-c", "exit $(($$ % 2))"}
	limited := make("limited", "sleep 0.01; exit 1")
	limited.Restart.Limit, limited.Restart.Within = 3, time.Minute
	tty := make("terminal", "exec cat")
	tty.Terminal = true
	says := speaker("speaker", "READY=1", "STATUS=x", "RELOADING=1", "READY=1", "watchdog")
	says.Restart = plain.Restart
	says.Probe = &manifest.Probe{Notify: true, Interval: time.Second}
	return []manifest.Service{plain, quick, stubborn, byLog, probed, byCommand, limited, tty, says}
}

// moody is a freezer that fails now and then, and whose images are booted now
// and then.
type moody struct{ last bool }

func (*moody) Freeze(context.Context) (bool, error) {
	switch rand.IntN(4) {
	case 0:
		return false, errors.New("no space left")
	case 1:
		return false, nil
	}
	return true, nil
}

func (f *moody) Quit(context.Context) error {
	if f.last {
		return nil
	}
	return errors.New("not now")
}

func (g *rig) meddle(ctx context.Context) {
	all := g.Status()
	for ctx.Err() == nil {
		name := all[rand.IntN(len(all))].Name
		within, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(300))*time.Millisecond)
		switch rand.IntN(3) {
		case 0:
			_ = g.Start(within, name)
		case 1:
			_ = g.Stop(within, name)
		case 2:
			_ = g.Restart(within, name)
		}
		cancel()
	}
}

// killAtRandom kills what runs, as somebody else would.
func (g *rig) killAtRandom(ctx context.Context) {
	for ctx.Err() == nil {
		all := g.Status()
		if s := all[rand.IntN(len(all))]; s.PID > 0 && childOf(s.PID, os.Getpid()) {
			_ = syscall.Kill(s.PID, syscall.SIGKILL)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// childOf keeps the test from killing a process that has got the number since.
func childOf(pid, parent int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	return len(fields) > 1 && fields[1] == strconv.Itoa(parent)
}
