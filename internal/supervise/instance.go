package supervise

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/seancehq/seance/internal/linux/pty"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/logfile"
)

// instance is one start of a service or one run of a hook's command: the
// program, and where its output goes.
type instance struct {
	n       int // counts a service's starts
	proc    *reap.Process
	started time.Time
	streams []*logfile.Stream
	pumps   []*logfile.Pump
	pty     *pty.PTY  // nil: it has none
	notify  *notifier // nil: the same
	// published is closed when whoever started it has taken note of it: its
	// exit may be told before that.
	published chan struct{}
	// stopped says that it was to be stopped before it ended; under its service's mu.
	stopped bool
	then    string // what follows its end, for people; likewise
}

// program is what to start, and what follows.
type program struct {
	// start is all but its files and what follows its exit.
	start reap.Spec
	stdin string // as in [manifest.Service]; "" is StdinNull
	log   *logfile.Log
	dev   string // where ptmx is
	// tap sees each line of its output.
	tap   func(line []byte)
	turns turns
	// onExit is called on the reaper's goroutine.
	onExit func(*instance)
}

// spawn starts a program, with its output going to its log.
func spawn(r *reap.Reaper, n int, p program) (*instance, error) {
	defer p.turns.take()()
	in := &instance{n: n, started: time.Now(), published: make(chan struct{})}
	out, err := in.connect(p)
	if err != nil {
		return nil, err
	}
	defer closeFiles(out.program)
	start, onExit := p.start, p.onExit // and not all of p, for as long as the program runs
	if start.Terminal {
		start.Env = withTerm(start.Env)
	}
	start.Files = out.program
	start.OnExit = func(*reap.Process) { onExit(in) }
	in.proc, err = r.Start(start)
	if err != nil {
		closeFiles(out.ours)
		return nil, err
	}
	if err := in.pump(out, p); err != nil {
		_ = in.proc.SignalGroup(syscall.SIGKILL)
		return nil, err
	}
	return in, nil
}

// outputs are both ends of what a program writes to.
type outputs struct {
	program []*os.File // descriptors 0, 1 and 2
	ours    []*os.File // to be read, one for each name
	names   []string   // of streams
}

func (in *instance) connect(p program) (outputs, error) {
	if p.start.Terminal {
		master, terminal, err := pty.Open(p.dev, pty.DefaultSize)
		if err != nil {
			return outputs{}, err
		}
		own(terminal, p.start.Credential)
		in.pty = master
		return outputs{
			program: []*os.File{terminal, terminal, terminal},
			ours:    []*os.File{master.Master()},
			names:   []string{logfile.StreamPTY},
		}, nil
	}
	outR, outW, err := logfile.Pipe()
	if err != nil {
		return outputs{}, err
	}
	errR, errW, err := logfile.Pipe()
	if err != nil {
		closeFiles([]*os.File{outR, outW})
		return outputs{}, err
	}
	in0, err := openStdin(p.stdin)
	if err != nil {
		closeFiles([]*os.File{outR, outW, errR, errW})
		return outputs{}, err
	}
	own(outW, p.start.Credential)
	own(errW, p.start.Credential)
	return outputs{
		program: []*os.File{in0, outW, errW},
		ours:    []*os.File{outR, errR},
		names:   []string{logfile.StreamStdout, logfile.StreamStderr},
	}, nil
}

// own lets a program that runs as another user open its own output by name, as
// /dev/stdout: by number it can be used anyway, so a failure does no harm.
func own(f *os.File, as *syscall.Credential) {
	if as != nil {
		_ = f.Chown(int(as.Uid), -1)
	}
}

func (in *instance) pump(out outputs, p program) error {
	for i, file := range out.ours {
		stream := p.log.Stream(out.names[i], in.n)
		stream.Tap(p.tap) // before the first line
		pump, err := logfile.StartPump(file, stream)
		if err != nil {
			return err
		}
		in.streams = append(in.streams, stream)
		in.pumps = append(in.pumps, pump)
	}
	return nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close() // a terminal stands there three times
		}
	}
}

// withTerm tells a program on a terminal what kind it is, unless it knows.
func withTerm(env []string) []string {
	for _, entry := range env {
		if term, ok := strings.CutPrefix(entry, "TERM="); ok && term != "" && term != "dumb" {
			return env
		}
	}
	return append(env, "TERM=xterm-256color")
}

// copyFor is the same instance for another main process.
func (in *instance) copyFor() *instance {
	next := *in
	next.published = make(chan struct{})
	return &next
}

// alive says that the program has not been reaped.
func (in *instance) alive() bool {
	if in == nil {
		return false
	}
	_, ended := in.proc.Exit()
	return !ended
}

// ending says how the program ended, "" if it has not.
func (in *instance) ending() string {
	exit, ended := in.proc.Exit()
	if !ended {
		return ""
	}
	return exit.String()
}

// drain brings what the program has written into the log.
func (in *instance) drain() {
	for _, pump := range in.pumps {
		pump.Drain()
	}
}

// release waits until the output has ended, and gives up on it when ctx does:
// somebody else may hold it open.
func (in *instance) release(ctx context.Context) {
	if in == nil {
		return
	}
	in.notify.close()
	for _, pump := range in.pumps {
		select {
		case <-pump.Done():
		case <-ctx.Done():
			pump.Stop()
		}
	}
}

// terminal is the name of its terminal as below /dev, "" for none.
func (in *instance) terminal() string {
	if in == nil || in.pty == nil {
		return ""
	}
	dir, n := filepath.Split(in.pty.Name())
	return filepath.Join(filepath.Base(dir), n)
}

// untap ends the tap.
func (in *instance) untap() {
	for _, s := range in.streams {
		s.Tap(nil)
	}
}

// flowing says that its output has not ended.
func (in *instance) flowing() bool {
	for _, pump := range in.pumps {
		select {
		case <-pump.Done():
		default:
			return true
		}
	}
	return false
}
