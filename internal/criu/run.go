package criu

import (
	"errors"
	"os"
	"slices"
	"time"

	gocriu "github.com/checkpoint-restore/go-criu/v8"

	"github.com/seancehq/seance/internal/linux/children"
	"github.com/seancehq/seance/internal/linux/pidfd"
)

// run starts CRIU, has f speak to it, and ends it. started is told who it is before
// it is told what to do; nil: nobody wants to know.
//
// CRIU killed in the middle may leave a child that holds the other end of the
// socket on which f waits for an answer: whatever it leaves is ended with it.
// Its orphans are the caller's, which has to be a child subreaper.
func (c *CRIU) run(started func(pidfd.ID) error, f func(*gocriu.Criu) error) error {
	keep, err := c.lendFacts()
	if err != nil {
		return err
	}
	defer keep()
	g := gocriu.MakeCriu()
	g.SetCriuPath(c.Path)
	before := children.List()
	if err := prepare(g); err != nil {
		return err
	}
	h := fresh(before)
	if h == nil {
		return errors.Join(f(g), g.Cleanup())
	}
	defer h.Close()
	if started != nil {
		err = started(h.ID)
	}
	if err == nil {
		stop := endOrphans(h, before)
		err = f(g)
		stop()
	}
	return errors.Join(err, g.Cleanup())
}

// fresh holds on to the one child that is not among the others; nil: it has ended
// already.
func fresh(others []int) *pidfd.Handle {
	all := slices.DeleteFunc(children.List(), func(pid int) bool { return slices.Contains(others, pid) })
	if len(all) != 1 {
		return nil
	}
	h, err := pidfd.Open(all[0])
	if err != nil {
		return nil
	}
	return h
}

// prepare starts CRIU in the mode in which it sets no hardware breakpoints; it
// is set by the environment alone.
//
// CRIU follows the end of its code inside a program by a breakpoint, and gives
// up when it hears there that another one has been killed. The breakpoint stays,
// and the program dies of it, which may be init. Without breakpoints CRIU
// follows by system calls, and a program that it leaves alone gets out by itself.
func prepare(g *gocriu.Criu) error {
	const key, noBreakpoints = "CRIU_FAULT", "130"
	if _, set := os.LookupEnv(key); set {
		return g.Prepare()
	}
	if err := os.Setenv(key, noBreakpoints); err != nil {
		return err
	}
	return errors.Join(g.Prepare(), os.Unsetenv(key))
}

// orphanGrace is how long f may still take to hear the last that CRIU has
// said. It is over in no time unless a child of CRIU's holds the socket.
const orphanGrace = 5 * time.Second

// endOrphans waits for the end of a child and ends what it leaves, which is not
// among the others, when that keeps f waiting. stop ends the wait: CRIU that has
// done its work ends too, and what it leaves then is a revived image.
func endOrphans(h *pidfd.Handle, others []int) (stop func()) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-h.Done():
		case <-stopped:
			return
		}
		select {
		case <-time.After(orphanGrace):
			children.End(append(others, h.ID.PID)...) // go-criu waits for CRIU itself
		case <-stopped:
		}
	}()
	return func() {
		close(stopped)
		<-done
	}
}
