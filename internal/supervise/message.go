package supervise

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/seancehq/seance/internal/linux/reap"
)

// message is what a program says of itself, see sd_notify(3). What is not known
// is not heeded.
type message struct {
	ready, reloading, stopping bool
	status                     *string       // nil: it says nothing of that
	mainPID                    int           // 0: the same
	alive, trigger             bool          // WATCHDOG=1 and WATCHDOG=trigger
	watchdog                   time.Duration // 0: as it was
	extend                     time.Duration // of the time limit that runs; 0: as it is
}

// maxStatus is how much of a STATUS is kept, in bytes.
const maxStatus = 256

func parseMessage(text string) message {
	var m message
	for line := range strings.SplitSeq(text, "\n") {
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "READY":
			m.ready = value == "1"
		case "RELOADING":
			m.reloading = value == "1"
		case "STOPPING":
			m.stopping = value == "1"
		case "STATUS":
			status := printable(value)
			m.status = &status
		case "MAINPID":
			m.mainPID = positive(value)
		case "WATCHDOG":
			m.alive, m.trigger = m.alive || value == "1", m.trigger || value == "trigger"
		case "WATCHDOG_USEC":
			m.watchdog = time.Duration(positive(value)) * time.Microsecond
		case "EXTEND_TIMEOUT_USEC":
			m.extend = time.Duration(positive(value)) * time.Microsecond
		}
	}
	return m
}

// positive is 0 for what is no positive number, or one that is no time in µs.
func positive(value string) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > int(100*365*24*time.Hour/time.Microsecond) {
		return 0
	}
	return n
}

// printable is text that does no harm to a terminal.
func printable(text string) string {
	text = strings.ToValidUTF8(text, "�")
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if len(text) > maxStatus {
		text = strings.ToValidUTF8(text[:maxStatus], "")
	}
	return text
}

// hear does what a message says, if it comes from the service.
func (nt *notifier) hear(sender int, m message) {
	s := nt.s
	in := s.instance()
	if in == nil || in.notify != nt {
		return
	}
	if !nt.heeds(in, sender) {
		nt.refuse("a notification of process %d, which is not of this service", sender)
		return
	}
	if m.mainPID != 0 && m.mainPID != in.proc.PID() && s.sup.tracker.unitOf(m.mainPID) != s.unit {
		nt.refuse("MAINPID=%d: that process is not known to be of this service", m.mainPID)
		m.mainPID = 0
	}
	nt.apply(in, m)
	switch {
	case m.trigger:
		s.sup.background(func() { s.triggered(in) })
	case m.alive || m.watchdog > 0:
		s.spokeUp(in, m.watchdog)
	}
}

// heeds says whether a process may speak for an instance. One that has ended, such
// as a systemd-notify(1) that has said what it had to, cannot be asked whose it
// was: that it knew the socket of this instance, and might use it, has to do.
// Sender 0 is of another PID namespace, see unix(7).
func (nt *notifier) heeds(in *instance, sender int) bool {
	if sender == in.proc.PID() {
		return true
	}
	tracker := nt.s.sup.tracker
	u := tracker.unitOf(sender)
	return u == nt.s.unit || u == nil && sender > 0 && tracker.dead(sender)
}

func (nt *notifier) apply(in *instance, m message) {
	s := nt.s
	s.mu.Lock()
	if s.inst != in {
		s.mu.Unlock()
		return
	}
	if m.status != nil {
		s.said = *m.status
	}
	if m.mainPID != 0 {
		nt.mainPID = m.mainPID
	}
	if m.extend > 0 && nt.limit != nil {
		nt.limit.extend(m.extend)
	}
	e, changed := nt.turnLocked(m)
	s.mu.Unlock()
	if changed {
		s.sup.tell(e)
	}
	if m.ready {
		nt.once.Do(func() { close(nt.ready) })
	}
}

// turnLocked makes of a service that runs one that others can count on, or
// cannot for now.
func (nt *notifier) turnLocked(m message) (e Event, changed bool) {
	s := nt.s
	switch {
	case m.ready && nt.reloading && s.state == Running:
		nt.reloading = false
		return s.setLocked(upState(s.launched), true, nil), true
	case (m.reloading || m.stopping) && (s.state == Ready || s.state == Running && s.ready):
		nt.reloading = m.reloading
		return s.setLocked(Running, false, nil), true
	}
	return Event{}, false
}

// refuse tells once in the log that something was not heeded: a program that is
// wrong is wrong again.
func (nt *notifier) refuse(format string, args ...any) {
	s := nt.s
	s.mu.Lock()
	told := nt.refused
	nt.refused = true
	s.mu.Unlock()
	if !told {
		s.sup.note(s.spec().Name, "instance %d: not heeded: %s", nt.n, fmt.Sprintf(format, args...))
	}
}

// follow makes the process that the program has named, if there is one, the
// service's main process in place of the program, which has ended. It gives nil
// when there is none.
func (s *service) follow(in *instance) *instance {
	if in.notify == nil {
		return nil
	}
	in.notify.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	pid := in.notify.mainPID
	if s.inst != in || pid == 0 || pid == in.proc.PID() || s.state == Stopping {
		return nil
	}
	in.notify.mainPID = 0
	next := in.copyFor()
	// The lock is held over a look at /proc: of two who see the program's end, the
	// second must find the new main process.
	proc, err := s.sup.reaper.Adopt(pid, func(*reap.Process) { s.onExit(next) })
	if err != nil {
		return nil
	}
	next.proc = proc
	s.inst = next
	s.sup.tracker.started(s.unit, proc)
	close(next.published)
	s.sup.note(s.spec().Name, "instance %d: its main process is %d now", in.n, pid)
	return next
}
