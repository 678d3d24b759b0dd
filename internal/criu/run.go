package criu

import (
	"errors"
	"slices"

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

// endOrphans waits for the end of the one child that is not among the others,
// and ends what it leaves. stop ends the wait.
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
			// go-criu waits for CRIU itself.
			children.End(append(others, h.ID.PID)...)
		case <-stopped:
		}
	}()
	return func() {
		close(stopped)
		<-done
		h.Close()
	}
}
