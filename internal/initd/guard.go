package initd

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/seancehq/seance/internal/guard"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/linux/reap"
)

// guarding keeps a guard for as long as there is something to be left behind:
// from the first start of a program on.
type guarding struct {
	reaper *reap.Reaper
	ward   guard.Ward
	say    func(string)

	once  sync.Once
	quit  chan struct{}
	ended chan struct{} // closed when there is no guard any more
}

// errUnguarded is what to say when there can be no guard.
const errUnguarded = "nobody watches over this run (%v): what is left when it is killed is ended by the next command"

// guarding makes one for this process. The first of a PID namespace needs none: the
// kernel ends all others with it.
func (r *foreground) guarding() *guarding {
	g := &guarding{
		reaper: r.in.reaper,
		ward:   guard.Ward{Marks: r.marks, Grace: guard.Grace},
		say:    r.Say,
		quit:   make(chan struct{}),
		ended:  make(chan struct{}),
	}
	if r.place != nil {
		g.ward.Folder = &r.place.folder
	}
	if os.Getpid() == 1 {
		g.never()
	}
	return g
}

// begin starts a guard, if there is none. It is called when the first program has
// been started, which has not waited for it, and by the goroutine that has done that:
// there is no better moment to kill this process than before there is a guard.
func (g *guarding) begin() {
	g.once.Do(func() {
		p, err := g.first()
		go g.keep(p, err)
	})
}

// never has no guard started, unless one was.
func (g *guarding) never() { g.once.Do(func() { close(g.ended) }) }

// end ends the guard. No other one is started.
func (g *guarding) end() {
	g.never()
	close(g.quit)
	<-g.ended
}

// keep keeps one guard after the other: somebody may kill them.
func (g *guarding) keep(p *reap.Process, err error) {
	defer close(g.ended)
	for ; err == nil; p, err = g.start() {
		select {
		case <-p.Done():
		case <-g.quit:
			_ = p.Signal(syscall.SIGKILL) // or it has ended already
			<-p.Done()
			return
		}
		if exit, _ := p.Exit(); exit.Signal == 0 {
			g.say(fmt.Sprintf(errUnguarded, exit))
			return
		}
		select {
		case <-time.After(guardPause):
		case <-g.quit:
			return
		}
	}
	g.say(fmt.Sprintf(errUnguarded, err))
}

// guardPause is between two guards, lest they cost much where none can live.
const guardPause = 100 * time.Millisecond

func (g *guarding) first() (p *reap.Process, err error) {
	if g.ward.Keeper, err = pidfd.Identify(os.Getpid()); err != nil {
		return nil, err
	}
	return g.start()
}

func (g *guarding) start() (*reap.Process, error) {
	args, err := g.ward.Args()
	if err != nil {
		return nil, err
	}
	return g.reaper.Start(reap.Spec{Path: guard.Program, Args: args, Env: guard.Env(), Dir: "/"})
}
