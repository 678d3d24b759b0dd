package criu

import (
	"errors"
	"slices"
	"time"

	gocriu "github.com/checkpoint-restore/go-criu/v8"

	"github.com/seancehq/seance/internal/linux/children"
	"github.com/seancehq/seance/internal/linux/pidfd"
)

// run starts CRIU, has f speak to it, and ends it.
//
// CRIU killed in the middle may leave a child that holds the other end of the
// socket on which f waits for an answer: whatever it leaves is ended with it.
// Its orphans are the caller's, which has to be a child subreaper.
func (c *CRIU) run(f func(*gocriu.Criu) error) error {
	keep, err := c.lendFacts()
	if err != nil {
		return err
	}
	defer keep()
	g := gocriu.MakeCriu()
	g.SetCriuPath(c.Path)
	before := children.List()
	if err := g.Prepare(); err != nil {
		return err
	}
	stop := endOrphans(before)
	err = f(g)
	stop()
	return errors.Join(err, g.Cleanup())
}

// orphanGrace is how long f may still take to hear the last that CRIU has
// said. It is over in no time unless a child of CRIU's holds the socket.
const orphanGrace = 5 * time.Second

// endOrphans waits for the end of the one child that is not among the others,
// and ends what it leaves when that keeps f waiting. stop ends the wait: CRIU
// that has done its work ends too, and what it leaves then is a revived image.
func endOrphans(others []int) (stop func()) {
	fresh := slices.DeleteFunc(children.List(), func(pid int) bool { return slices.Contains(others, pid) })
	if len(fresh) != 1 {
		return func() {} // it has ended already
	}
	h, err := pidfd.Open(fresh[0])
	if err != nil {
		return func() {}
	}
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
		h.Close()
	}
}
