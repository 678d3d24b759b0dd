package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/children"
	"github.com/seancehq/seance/internal/live"
	"github.com/seancehq/seance/internal/serve"
)

// Main runs a monitor: it reads an [api.Launch] from standard input, reports
// on standard output how it goes, closes both, and lives as long as the image.
// With an argument it is one that stands by for another.
func Main(args []string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	out, err := takeStdout()
	if err != nil {
		log.Error("the monitor cannot begin", "error", err)
		return 1
	}
	report := newReport(out)
	run := func(ctx context.Context) error { return run(ctx, os.Stdin, report, log) }
	if len(args) == 1 {
		run = func(ctx context.Context) error { return standBy(ctx, args[0], report, log) }
	}
	if err := run(context.Background()); err != nil {
		log.Error("the monitor ends", "error", err)
		report.result(api.Event{Error: wireError(err)})
		return 1
	}
	return 0
}

// takeStdout moves standard output to another descriptor and leaves /dev/null
// in its place. A write to a pipe that nobody reads any more kills a Go
// program when it is on descriptor 1, and is an error on any other.
func takeStdout() (*os.File, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	if err := unix.Dup3(int(null.Fd()), 1, 0); err != nil {
		return nil, os.NewSyscallError("dup3", err)
	}
	return os.NewFile(uintptr(fd), "report"), nil
}

func run(ctx context.Context, in io.ReadCloser, report *report, log *slog.Logger) error {
	var l api.Launch
	if err := json.NewDecoder(in).Decode(&l); err != nil {
		return fmt.Errorf("cannot read what to launch: %w", err)
	}
	in.Close()
	home, err := api.DefaultHome()
	if err != nil {
		return err
	}
	m := newMonitor(home, l.Name, log)
	if err := m.launch(ctx, l, report); err != nil {
		return err
	}
	return nil
}

// launch brings the image to life, and stays until it ends.
func (m *Monitor) launch(ctx context.Context, l api.Launch, report *report) error {
	if err := m.claim(l); err != nil {
		return err
	}
	defer m.lock.Close()
	news := m.hub.Listen()
	if err := m.begin(ctx, l); err != nil {
		m.giveUp()
		return err
	}
	server, err := m.serve()
	if err != nil {
		m.kill()
		m.bury(nil)
		return err
	}
	defer server.stop()

	reported := make(chan struct{})
	go func() {
		defer close(reported)
		defer m.hub.Leave(news)
		m.tell(ctx, l, news, report)
		debug.FreeOSMemory() // from here on a monitor needs little
	}()
	said := m.follow(ctx)
	m.leaveWord(said)
	m.keepTail(said)
	m.bury(said)
	m.hub.Publish(m.lastWords(said))
	<-reported
	return nil
}

// claim makes this the only monitor of the name, and looks that a new image
// finds the name free.
func (m *Monitor) claim(l api.Launch) (err error) {
	if err := live.CheckPlace(m.live); err != nil {
		return err
	}
	m.lock, err = live.Take(m.live)
	if errors.Is(err, live.ErrLocked) {
		return m.errTaken(l)
	}
	if err != nil {
		return fmt.Errorf("cannot take image %q: %w", m.live.Name, err)
	}
	if l.Action == api.ActionAdopt {
		return nil
	}
	if live.Alive(m.live) {
		m.lock.Close()
		return m.errTaken(l)
	}
	return live.Sweep(m.live)
}

func (m *Monitor) errTaken(l api.Launch) error {
	if l.Action == api.ActionAdopt {
		return &api.Error{Code: api.CodeBusy, Message: fmt.Sprintf("image %q has a monitor already", m.live.Name)}
	}
	return &api.Error{
		Code:    api.CodeExists,
		Message: fmt.Sprintf("cannot start image %q: an image of this name is live already; quit it, or give this one another name", m.live.Name),
	}
}

func (m *Monitor) begin(ctx context.Context, l api.Launch) error {
	if err := children.Adopt(); err != nil {
		return err
	}
	switch l.Action {
	case api.ActionUp:
		return m.up(ctx, l)
	case api.ActionBoot:
		return m.boot(ctx, l)
	case api.ActionAdopt:
		return m.adopt(ctx)
	}
	return &api.Error{Code: api.CodeBad, Message: fmt.Sprintf("unknown action %q", l.Action)}
}

// giveUp leaves nothing behind of an image that did not come to life. One
// that lives on without answering is left alone.
func (m *Monitor) giveUp() {
	if m.init == nil {
		m.warn(live.EndGroups(m.groups))
		if err := live.Sweep(m.live); err != nil && !live.Alive(m.live) {
			m.log.Error("cannot clear away", "error", err)
		}
		return
	}
	if m.ours {
		m.kill()
		m.bury(nil)
	}
}

// tell reports to whoever launched the monitor until the image is up, or has
// failed to come up.
func (m *Monitor) tell(ctx context.Context, l api.Launch, news *serve.Listener, report *report) {
	if l.Action == api.ActionAdopt {
		report.image(m.describeImage(ctx))
		return
	}
	for {
		select {
		case e := <-news.Progress:
			report.event(e)
		case e := <-news.Result:
			news.Flush(report.event)
			switch {
			case e.Image != nil:
				m.fillIn(e.Image)
			case e.Error == nil:
				e.Error = &api.Error{Code: api.CodeNotAlive, Message: fmt.Sprintf("image %q was told to quit before it was up", m.live.Name)}
			}
			report.result(e)
			return
		}
	}
}

// report is the stream to whoever launched the monitor. They may be gone;
// that changes nothing.
type report struct {
	out io.WriteCloser
	enc *json.Encoder
}

func newReport(out io.WriteCloser) *report { return &report{out, json.NewEncoder(out)} }

func (r *report) event(e api.Event) { _ = r.enc.Encode(e) }

func (r *report) result(e api.Event) {
	e.Type, e.Time = api.EventResult, time.Now()
	_ = r.enc.Encode(e)
	r.out.Close()
}

func (r *report) image(img api.Image, err error) {
	if err != nil {
		r.result(api.Event{Error: wireError(err)})
		return
	}
	r.result(api.Event{Image: &img})
}
