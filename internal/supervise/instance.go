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
	pty     *pty.PTY // nil: it has none
	// published is closed when whoever started it has taken note of it: its
	// exit may be told before that.
	published chan struct{}
}

// program is what to start, and what follows.
type program struct {
	args     []string
	dir      string
	env      []string
	terminal bool
	log      *logfile.Log
	dev      string // where ptmx is
	// deathSignal is what it gets when this process dies, 0 for nothing.
	deathSignal syscall.Signal
	// tap sees each line of its output.
	tap func(line []byte)
	// onExit is called on the reaper's goroutine.
	onExit func(*instance)
}

// spawn starts a program, with its output going to its log.
func spawn(r *reap.Reaper, n int, p program) (*instance, error) {
	in := &instance{n: n, started: time.Now(), published: make(chan struct{})}
	out, err := in.connect(p)
	if err != nil {
		return nil, err
	}
	defer closeFiles(out.program)
	env := p.env
	if p.terminal {
		env = withTerm(env)
	}
	onExit := p.onExit // and not all of p, for as long as the program runs
	in.proc, err = r.Start(reap.Spec{
		Args:     p.args,
		Dir:      p.dir,
		Env:      env,
		Files:    out.program,
		Terminal: p.terminal,
		OnExit:   func(*reap.Process) { onExit(in) },

		ParentDeathSignal: p.deathSignal,
	})
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
	if p.terminal {
		master, terminal, err := pty.Open(p.dev, pty.DefaultSize)
		if err != nil {
			return outputs{}, err
		}
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
	return outputs{
		program: []*os.File{nil, outW, errW},
		ours:    []*os.File{outR, errR},
		names:   []string{logfile.StreamStdout, logfile.StreamStderr},
	}, nil
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
