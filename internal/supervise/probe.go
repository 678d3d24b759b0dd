package supervise

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/seancehq/seance/manifest"
)

// probe asks a service once whether it is ready, or healthy; nil says yes. It
// leaves no connection and no process behind.
type probe func(ctx context.Context) error

// attemptLimit is how long one probe for readiness may take. A service that
// takes longer to answer is asked again.
const attemptLimit = 5 * time.Second

// readyProbe is how a service is asked whether it is ready; nil for one that
// speaks up by itself: with a line of its log, its exit, or READY=1.
func (s *service) readyProbe(spec *manifest.Service) (probe, string) {
	r := spec.Ready
	if r == nil {
		return nil, ""
	}
	return s.probeOf(spec, r.TCP, r.HTTP, r.Status, r.Command)
}

// healthProbe is how a service is asked whether it is healthy; nil for one that
// says so by itself, with WATCHDOG=1.
func (s *service) healthProbe(spec *manifest.Service) (probe, string) {
	p := spec.Probe
	return s.probeOf(spec, p.TCP, p.HTTP, p.Status, p.Command)
}

func (s *service) probeOf(spec *manifest.Service, tcp, url string, status []int, command []string) (probe, string) {
	switch {
	case tcp != "":
		return func(ctx context.Context) error { return probeTCP(ctx, tcp) }, "tcp " + tcp
	case url != "":
		return func(ctx context.Context) error { return probeHTTP(ctx, url, status) }, "http " + url
	case len(command) > 0:
		return func(ctx context.Context) error { return s.probeCommand(ctx, spec, command) }, "command " + shortCommand(command)
	}
	return nil, ""
}

// shortCommand is a command in few words: its program, or what the shell is to do,
// for that is all that the manifest says.
func shortCommand(command []string) string {
	if len(command) != 3 || command[0] != "/bin/sh" || command[1] != "-c" {
		return command[0]
	}
	const most = 60 // characters
	text := strings.TrimSpace(command[2])
	line, _, more := strings.Cut(text, "\n")
	if r := []rune(line); len(r) > most {
		line, more = string(r[:most]), true
	}
	if more {
		line += "…"
	}
	return line
}

// dialer tries the addresses of a name one after the other: of two that are
// tried at once, one would be closed some time after the other has answered.
func dialer() *net.Dialer { return &net.Dialer{FallbackDelay: -1} }

func probeTCP(ctx context.Context, address string) error {
	conn, err := dialer().DialContext(ctx, "tcp", address)
	if err != nil {
		return plain(err)
	}
	return conn.Close()
}

// plain takes the layers off a network error: what was tried is said already.
func plain(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	if timeout := net.Error(nil); errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return unanswered(nil)
	}
	return err
}

// unanswered is the error of a probe that had not ended when its time was over.
func unanswered(command []string) error {
	if len(command) > 0 {
		return errors.New("it was still running")
	}
	return errors.New("no answer")
}

// probeCommand runs a command as the service runs: the same folder, environment
// and marks.
func (s *service) probeCommand(ctx context.Context, spec *manifest.Service, args []string) error {
	s.mu.Lock()
	n := s.instances
	s.mu.Unlock()
	start, err := s.reapSpec(spec, n, args)
	if err != nil {
		return err
	}
	p, err := s.sup.reaper.Start(start)
	if err != nil {
		return err
	}
	exit, err := p.Wait(ctx)
	if err != nil {
		_ = p.SignalGroup(syscall.SIGKILL)
		<-p.Done()
		return unanswered(args)
	}
	if !exit.Success() {
		return errors.New(exit.String())
	}
	return nil
}
