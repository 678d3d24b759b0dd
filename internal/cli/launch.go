package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/program"
)

// monitorCommand is the word that makes this binary a monitor.
const monitorCommand = "_monitor"

// launch starts a monitor, tells it what it is for, and waits until it has
// done that. The monitor belongs to no terminal and outlives this command,
// also when ctx ends before it has answered.
func (a *app) launch(ctx context.Context, what api.Launch, each func(api.Event)) (*api.Image, error) {
	home, err := a.homeFolder()
	if err != nil {
		return nil, err
	}
	live := home.Live(what.Name)
	m, err := startMonitor(home, live)
	if err != nil {
		return nil, fmt.Errorf("cannot start a monitor for image %q: %w", what.Name, err)
	}
	defer m.release()
	img, err := m.ask(ctx, what, each)
	if errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("the monitor of image %q ended (%s) without an answer%s; its last words are in %s",
			what.Name, m.wait(), leftBy(live), live.MonitorLog())
	}
	return img, err
}

// leftBy says what a monitor that was lost may have left: an image on record needs
// none to go on.
func leftBy(live api.Live) string {
	if !live.Recorded() {
		return ""
	}
	return "; the image may go on: seance ls shows whether it does, and starts a new monitor"
}

// monitor is one that this command has started.
type monitor struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
}

func startMonitor(home api.Home, live api.Live) (*monitor, error) {
	programs := program.Folder(home.Programs())
	key, err := programs.Own()
	if err != nil {
		return nil, unkept(home, err)
	}
	log, err := openMonitorLog(live)
	if err != nil {
		return nil, unkept(home, err)
	}
	defer log.Close()
	keepFilesFromChildren()

	cmd := exec.Command(programs.Path(key), monitorCommand)
	cmd.Dir = "/" // keeps no mount busy
	cmd.Env = append(os.Environ(), api.EnvHome+"="+home.Dir)
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	m := &monitor{cmd: cmd}
	if m.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if m.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return m, cmd.Start()
}

// unkept says that nothing can be kept in a home.
func unkept(home api.Home, err error) error {
	return fmt.Errorf("%w; nothing can be kept in %s: name another folder with --home or %s", err, home.Dir, api.EnvHome)
}

func openMonitorLog(live api.Live) (*os.File, error) {
	if err := os.MkdirAll(live.Dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(live.MonitorLog(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// keepFilesFromChildren makes every file that this command has inherited
// close-on-exec. A monitor that kept one open would hang whoever waits for
// its end, such as a shell that reads from a pipe.
func keepFilesFromChildren() {
	// Kernels before 5.11 lack the flag; the files then stay open, no more.
	_ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
}

// errNoAnswer says that a monitor closed its output before it answered.
var errNoAnswer = errors.New("no answer")

// ask tells the monitor what it is for and returns what it answers.
func (m *monitor) ask(ctx context.Context, what api.Launch, each func(api.Event)) (*api.Image, error) {
	stop := context.AfterFunc(ctx, func() {
		m.in.Close()
		m.out.Close()
	})
	defer stop()
	// A monitor that ends early leaves a broken pipe; what it answered, or that
	// it did not, says more.
	_ = json.NewEncoder(m.in).Encode(what)
	m.in.Close()

	last, err := api.ReadEvents(m.out, each)
	var remote *api.Error
	switch {
	case ctx.Err() != nil:
		return nil, interruptedError{}
	case errors.As(err, &remote):
		m.wait() // it still holds the image's lock until it ends
		return nil, err
	case err != nil:
		return nil, errNoAnswer
	case last.Image == nil:
		return nil, errors.New("the monitor answered without describing the image")
	}
	return last.Image, nil
}

// wait waits for a monitor that ends by itself, and says how it did.
func (m *monitor) wait() string {
	_, _ = io.Copy(io.Discard, m.out)
	_ = m.cmd.Wait()
	return m.cmd.ProcessState.String()
}

// release lets the monitor go on without this command.
func (m *monitor) release() {
	m.in.Close()
	m.out.Close()
	if m.cmd.ProcessState == nil {
		_ = m.cmd.Process.Release()
	}
}
