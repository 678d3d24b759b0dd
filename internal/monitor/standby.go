package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/pidfd"
)

// Command is the hidden command that runs a monitor: [Main].
const Command = "_monitor"

// standby keeps, for the time of a snapshot, a process that takes the image over
// if this one is killed: init waits for a monitor then, and programs may stand
// still. It is this program once more, and becomes the image's monitor as that
// becomes one which the next command starts.
type standby struct {
	mu      sync.Mutex
	saves   int           // how often one was ended
	wanted  int           // by so many requests since, of which one may have been granted
	started chan struct{} // closed when there is one, or cannot be; nil: none was begun
	pid     int           // set by then; 0: there is none
}

// watched is the monitor whose death a standby waits for, and its image.
type watched struct {
	Image   string   `json:"image"`
	Monitor pidfd.ID `json:"monitor"`
}

// begin starts one, unless that was begun already. The save goes on meanwhile.
func (s *standby) begin(image string, warn func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started != nil {
		return
	}
	started := make(chan struct{})
	s.started = started
	go func() { // end waits for it
		defer close(started)
		self, err := pidfd.Identify(os.Getpid())
		if err == nil {
			s.pid, err = watched{image, self}.start()
		}
		if err != nil {
			warn(fmt.Errorf("nobody takes image %q over if its monitor is killed before its snapshot is done: %w", image, err))
		}
	}()
}

// want is for a save that is about to be asked for: before init hears of it,
// somebody is there. refused is to be called if it is not granted.
func (s *standby) want(image string, warn func(error)) (refused func()) {
	s.mu.Lock()
	s.wanted++
	save := s.saves
	s.mu.Unlock()
	s.begin(image, warn)
	s.await()
	return func() { s.unwanted(save) }
}

// unwanted ends it, unless others want it too or it is that of a later save.
func (s *standby) unwanted(save int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saves != save {
		return
	}
	if s.wanted--; s.wanted == 0 {
		s.endLocked()
	}
}

// await waits until one that was begun is there: whatever happens to the caller from
// then on, somebody is.
func (s *standby) await() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started != nil {
		<-s.started
	}
}

// start starts a standby, with nothing open but the log of monitors, and stops it
// before it has done anything: its start would take time from the save. The
// kernel lets it go on when its parent dies (PR_SET_PDEATHSIG(2const)), or just the
// thread of it that is the caller's: then it waits for the rest.
func (w watched) start() (pid int, err error) {
	text, err := json.Marshal(w)
	if err != nil {
		return 0, err
	}
	null, err := syscall.Open(os.DevNull, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(null)
	pid, err = syscall.ForkExec("/proc/self/exe", []string{os.Args[0], Command, string(text)}, &syscall.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []uintptr{uintptr(null), uintptr(null), 2},
		// What is meant for the other one does not reach it in a Unix session of its own.
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGCONT},
	})
	if err != nil {
		return 0, err
	}
	return pid, syscall.Kill(pid, syscall.SIGSTOP)
}

// end ends it, if there is one.
func (s *standby) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked()
}

func (s *standby) endLocked() {
	s.saves++
	s.wanted = 0
	if s.started == nil {
		return
	}
	<-s.started
	if s.pid != 0 {
		_ = syscall.Kill(s.pid, syscall.SIGKILL) // or somebody else has: it is ours to wait for
		reap(s.pid)
	}
	s.started, s.pid = nil, 0
}

// beginsSave says whether an event shows that a save begins which a program inside
// has asked for: the first thing in the image is shut down for it. Of one that is to
// quit, only init's farewell tells whether it is saved before that.
func beginsSave(e api.Event) bool {
	return e.Type == api.EventHandler && e.Phase == "before" && e.Handler != nil && e.Handler.Action == "shutdown" && !e.Handler.Quitting
}

// standBy waits for the death of a monitor, and takes its image over as if a
// command had come by, unless one has.
func standBy(ctx context.Context, text string, report *report, log *slog.Logger) error {
	var w watched
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return errors.New("this command is seance's own: it waits for the death of a monitor")
	}
	h, err := pidfd.Find(w.Monitor)
	switch {
	case errors.Is(err, pidfd.ErrGone):
	case err != nil:
		return err
	default:
		<-h.Done()
		h.Close()
	}
	home, err := api.DefaultHome()
	if err != nil {
		return err
	}
	m := newMonitor(home, w.Image, log)
	if !m.live.Recorded() {
		return nil // it has ended with its image
	}
	log.Info("the monitor was killed during a snapshot; another takes over", "was", w.Monitor.PID)
	err = m.launch(ctx, api.Launch{Action: api.ActionAdopt, Name: w.Image}, report)
	var told *api.Error
	switch {
	case !errors.As(err, &told):
		return err
	case told.Code == api.CodeBusy:
		return nil // a command was quicker
	case told.Code == api.CodeNotAlive:
		m.leave(told.Message)
	}
	return err
}
