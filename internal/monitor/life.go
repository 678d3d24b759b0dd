package monitor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/children"
	"github.com/seancehq/seance/internal/live"
)

// exitLimit is how long init may take to end once it said that it does.
const exitLimit = 10 * time.Second

// heard takes an event from init. It runs in the link's reader.
func (m *Monitor) heard(e api.Event) {
	switch {
	case beginsSave(e):
		m.standby.begin(m.live.Name, m.warn)
	case e.Type == api.EventResult:
		m.setState(api.StateRunning)
	case e.Type == api.EventHandler && e.Phase == "after" && e.Handler != nil:
		m.keepRun(*e.Handler)
	}
	m.hub.Publish(e)
	if e.Type == api.EventResult {
		m.standby.end()
	}
}

// keepRun keeps what a handler did in the list that runs, for the result of a
// quit: init is not there any more to tell it.
func (m *Monitor) keepRun(run api.HandlerRun) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.runs) > 0 && m.runs[0].Action != run.Action {
		m.runs = nil
	}
	m.runs = append(m.runs, run)
}

// follow lives with the image until init is gone, and says what the last
// thing was that init wanted: nil when it died without a word.
func (m *Monitor) follow(ctx context.Context) *link.Farewell {
	for {
		p, err := m.borrow(ctx)
		if err != nil {
			return nil
		}
		// The end of init closes the link as well, once all has been read that it
		// said before.
		<-p.Done()
		m.dropPeer()
		said := p.Farewell()
		if m.ended() {
			return m.explains(said)
		}
		if last := m.after(ctx, said); last != nil {
			return last
		}
		// With a new link, init may have said more on it, and ended meanwhile.
		if m.ended() && !m.linked() {
			return m.explains(nil)
		}
	}
}

// explains returns the farewell that explains why init has ended, if there is
// one. Without a save it is the last. With one, init says nothing more once it
// knows that the image is saved: it quits.
func (m *Monitor) explains(said *link.Farewell) *link.Farewell {
	if said != nil && !said.Save {
		return said
	}
	return m.leaving
}

// after does what init asked for when it closed the link. It returns what
// init asked for last when the image has ended with it.
func (m *Monitor) after(ctx context.Context, said *link.Farewell) *link.Farewell {
	switch {
	case said == nil && m.leaving != nil:
		m.awaitExit(exitLimit)
		return m.leaving
	case said == nil:
		m.reconnect(ctx, link.Greeting{Verdict: link.Adopted})
		m.setState(api.StateRunning)
		return nil
	case said.Save:
		m.standby.begin(m.live.Name, m.warn) // if it did not begin as one
		m.setState(api.StateSaving)
		greeting, ended := m.save(ctx, *said)
		if ended {
			return said
		}
		m.leaving = nil
		if said.Quit && greeting.Verdict == link.Continuing {
			m.leaving, m.saved = said, greeting.Saved
		}
		m.reconnect(ctx, greeting)
		m.unmark()
		debug.FreeOSMemory() // a save takes several times what a monitor needs else
		return nil
	}
	m.setState(api.StateQuitting)
	m.awaitExit(exitLimit)
	return said
}

// reconnect makes a new link. When that fails the image goes on without, and
// the next try is made by whoever asks it something.
func (m *Monitor) reconnect(ctx context.Context, g link.Greeting) {
	g.Name = m.live.Name
	for !m.ended() {
		err := m.greet(ctx, g)
		if err == nil {
			return
		}
		m.log.Error("cannot link up with init, trying again", "error", err)
		m.setState(api.StateLost)
	}
}

// unmark takes the marks of a save or a revival off the record, once init
// knows what came of it. Left on, they do no harm: an init that does not ask
// is not told.
func (m *Monitor) unmark() {
	m.record.Saving, m.record.Reviving = nil, false
	if err := m.record.Write(m.live); err != nil {
		m.log.Error("cannot take the mark of a save off", "error", err)
	}
}

func (m *Monitor) ended() bool {
	select {
	case <-m.init.Done():
		return true
	default:
		return false
	}
}

// awaitExit waits for init to end, and ends it when it takes too long.
func (m *Monitor) awaitExit(limit time.Duration) {
	select {
	case <-m.init.Done():
		return
	case <-time.After(limit):
		m.log.Error("init did not end by itself; killing it", "limit", limit)
	}
	m.kill()
}

// kill ends init, and with it all processes of its PID namespace.
func (m *Monitor) kill() {
	_ = m.init.Signal(syscall.SIGKILL)
	<-m.init.Done()
}

// leaveWord leaves a word of an end that nobody asked for, for the next
// command: its name is free by then.
func (m *Monitor) leaveWord(said *link.Farewell) {
	if said != nil {
		return
	}
	m.leave(m.unexpected(" at " + time.Now().Format(time.TimeOnly)))
}

func (m *Monitor) leave(word string) {
	if err := os.WriteFile(m.live.LastWord(), []byte(word), 0o600); err != nil {
		m.log.Error("cannot leave word of the end", "error", err)
	}
}

// unexpected says of an end that nobody asked for what is known of it.
func (m *Monitor) unexpected(when string) string {
	word := fmt.Sprintf("image %q ended unexpectedly%s: its init is gone, and all its processes with it", m.live.Name, when)
	said, err := os.ReadFile(m.live.InitLog())
	if why, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n"); err == nil && why != "" {
		word += fmt.Sprintf("; it crashed (%s), see %s", why, m.live.InitLog())
	}
	return word
}

// bury clears away after an image that has ended, so that its name is free
// when this returns. Nothing is left of it but those who may live on.
func (m *Monitor) bury(said *link.Farewell) {
	m.standby.end()
	if m.ours {
		m.log.Info("init has ended", "status", reap(m.record.Init.PID))
	}
	if m.record.Freezer == api.FreezerRespawn {
		children.End(survivors(said)...)
	}
	m.init.Close()
	if err := live.Sweep(m.live); err != nil {
		m.log.Error("cannot clear away", "error", err)
	}
	m.lock.Close()
	close(m.gone)
}

// survivors are the numbers of those who may live on, whose parent the monitor
// is since init is gone.
func survivors(said *link.Farewell) (pids []int) {
	if said == nil {
		return nil
	}
	for _, s := range said.Survivors {
		number, _, _ := strings.Cut(s, " ")
		if pid, err := strconv.Atoi(number); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// reap takes the exit status of a child that has ended.
func reap(pid int) string {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err.Error()
		case status.Signaled():
			return status.Signal().String()
		default:
			return fmt.Sprintf("exit status %d", status.ExitStatus())
		}
	}
}

// keepTail keeps what happened last, for those who follow it.
func (m *Monitor) keepTail(said *link.Farewell) {
	if said == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tail = said.Notices
}

// lastWords is the result that those get who still wait for one.
func (m *Monitor) lastWords(said *link.Farewell) api.Event {
	e := api.Event{Type: api.EventResult, Time: time.Now()}
	if said == nil {
		e.Error = &api.Error{Code: api.CodeNotAlive, Message: m.unexpected("")}
		return e
	}
	if said.Error != nil {
		e.Error = said.Error
		return e
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e.Snapshot = &api.SnapshotResult{ID: said.Snapshot, Outcome: api.Quit, Saved: m.saved, Handlers: m.runs, Survivors: said.Survivors}
	return e
}
