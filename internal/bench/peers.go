package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// peerRuns is how often each supervisor runs at most: the slow ones take half a
// minute each time.
const peerRuns = 3

// besidePeers is the area of seance run and its peers, each doing the same in
// turn: those that are here.
func besidePeers(p Programs) Area {
	return Area{"peers", func(ctx context.Context, runs int) ([]Figure, error) {
		root := cgroup2()
		if os.Geteuid() != 0 || root == "" {
			return nil, &NotHereError{"what peers start is counted in a cgroup of version 2, which needs root"}
		}
		dir, err := os.MkdirTemp("", "seance-bench.")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		b := &peerBench{dir: dir, root: root, runs: min(runs, peerRuns), all: []supervisor{seanceRun(p)}}
		for _, s := range peers() {
			if _, err := exec.LookPath(s.program); err == nil {
				b.all = append(b.all, s)
			}
		}
		if len(b.all) == 1 {
			return nil, &NotHereError{"no peer is installed (scripts/peers.sh)"}
		}
		return b.measure(ctx)
	}}
}

type peerBench struct {
	dir, root string
	runs      int
	all       []supervisor // seance first
	folders   int
}

// figures of one supervisor by what they are of.
type figures map[string][]float64

// measured is what is compared, in the order of the table. What is recorded
// was measured on a machine like the project's own with supervisors that can
// not be had from Debian or npm.
var measured = []struct {
	name, unit string
	recorded   Reference
}{
	{warmStart, "ms", Reference{"hivemind", 5.2, true}},
	{coldStart, "ms", Reference{}},
	{"1 sleep: PSS", "MiB", Reference{"hivemind, 100 sleeps", 9.3, true}},
	{"100 sleeps: start", "ms", Reference{"hivemind", 126, true}},
	{"100 sleeps: CPU until started", "ms", Reference{"hivemind", 210, true}},
	{"100 sleeps: PSS", "MiB", Reference{"hivemind", 9.3, true}},
	{"100 sleeps: stop", "ms", Reference{"hivemind", 17, true}},
	{"1,000 sleeps: start", "ms", Reference{"process-compose", 1180, true}},
	{"1,000 sleeps: CPU until started", "ms", Reference{"process-compose", 1800, true}},
	{"1,000 sleeps: PSS", "MiB", Reference{"goreman", 39, true}},
	{"1,000 sleeps: stop", "ms", Reference{"hivemind", 166, true}},
	{"1,000,000 lines: until all are logged", "ms", Reference{"process-compose", 3000, true}},
	{"1,000,000 lines: CPU", "ms", Reference{"hivemind", 2000, true}},
	{"1,000,000 lines: lost", "lines", Reference{"pebble", 90000, true}},
	{"daemon that ignores SIGTERM: alive after stop", "processes", Reference{"pebble", 1, true}},
}

func (b *peerBench) measure(ctx context.Context) ([]Figure, error) {
	found := map[string]figures{}
	for range b.runs {
		for _, s := range b.all {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if found[s.name] == nil {
				found[s.name] = figures{}
			}
			if err := b.one(s, found[s.name]); err != nil {
				return nil, fmt.Errorf("cannot measure %s: %w", s.name, err)
			}
		}
		if err := b.bare(found); err != nil {
			return nil, err
		}
	}
	return b.table(found), nil
}

// one measures one supervisor once.
func (b *peerBench) one(s supervisor, f figures) error {
	for _, n := range []int{1, 100, 1000} {
		if err := b.sleeps(s, n, f); err != nil {
			return fmt.Errorf("%s sleeps: %w", thousands(n), err)
		}
	}
	if err := b.launches(s, f); err != nil {
		return fmt.Errorf("launches: %w", err)
	}
	if err := b.lines(s, f); err != nil {
		return fmt.Errorf("lines: %w", err)
	}
	if err := b.daemon(s, f); err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	return nil
}

// sleeps measures start, memory and stop of n sleeps.
func (b *peerBench) sleeps(s supervisor, n int, f figures) (err error) {
	dir, err := b.prepare(s, []string{"/usr/bin/sleep", "infinity"}, n, false)
	if err != nil {
		return err
	}
	began := time.Now()
	p, err := b.begin(s, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.await("sleep", n, 2*time.Minute); err != nil {
		return err
	}
	f.add(sleepsOf(n)+": start", milliseconds(time.Since(began)))
	cpu, err := p.cpu()
	if err != nil {
		return err
	}
	f.add(sleepsOf(n)+": CPU until started", milliseconds(cpu))
	_, managers, err := b.settled(p)
	if err != nil {
		return err
	}
	pss, err := proportionalMiB(managers...)
	if err != nil {
		return err
	}
	f.add(sleepsOf(n)+": PSS", pss)
	began = time.Now()
	if err := b.stop(s, p, dir); err != nil {
		return err
	}
	if err := p.await("sleep", 0, 2*time.Minute); err != nil {
		return err
	}
	f.add(sleepsOf(n)+": stop", milliseconds(time.Since(began)))
	return nil
}

// settled waits until a supervisor does nothing more.
func (b *peerBench) settled(p *pen) (sleeps, managers []int, err error) {
	before := time.Duration(-1)
	for deadline := time.Now().Add(20 * time.Second); ; {
		sleeps, managers, err = p.split("sleep")
		now := cpuOf(managers)
		if err != nil || now == before || time.Now().After(deadline) {
			return sleeps, managers, err
		}
		before = now
		time.Sleep(time.Second)
	}
}

// printLines prints a million lines of 100 bytes, and then one that is the last.
const printLines = "seq -f '" + lineText + "%08.0f' 1000000; echo the-last-line"

const lineText = "a line of one hundred bytes such as a busy service writes a million of; this one is number "

// lines measures how a supervisor takes a million lines.
func (b *peerBench) lines(s supervisor, f figures) (err error) {
	dir, err := b.prepare(s, []string{"/bin/sh", "-c", "while [ ! -e \"$GO\" ]; do sleep 0.01; done; " + printLines + "; exec sleep infinity"}, 1, true)
	if err != nil {
		return err
	}
	start := filepath.Join(dir, "go")
	p, err := b.begin(s, dir, "GO="+start)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	_, managers, err := b.settled(p)
	if err != nil {
		return err
	}
	idle := cpuOf(managers)
	if err := os.WriteFile(start, nil, 0o666); err != nil {
		return err
	}
	began := time.Now()
	if err := awaitText(s.logs(dir), "the-last-line", time.Minute); err != nil {
		return err
	}
	f.add("1,000,000 lines: until all are logged", milliseconds(time.Since(began)))
	_, managers, err = p.split("sleep")
	if err != nil {
		return err
	}
	f.add("1,000,000 lines: CPU", milliseconds(cpuOf(managers)-idle))
	n, err := count(s.logs(dir), lineText)
	f.add("1,000,000 lines: lost", float64(1_000_000-n))
	return errors.Join(err, b.stop(s, p, dir))
}

// awaitText waits until the end of a file that matches has the text in it.
func awaitText(pattern, text string, limit time.Duration) error {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			if strings.Contains(tailOf(name), text) {
				return nil
			}
		}
	}
	return fmt.Errorf("no %q in %s after %v", text, pattern, limit)
}

func tailOf(name string) string {
	file, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	end := make([]byte, 200)
	n, _ := file.ReadAt(end, max(0, info.Size()-int64(len(end))))
	return string(end[:n])
}

// daemonScript leaves a daemon behind: it has left its session, has lost its
// parent and ignores SIGTERM.
const daemonScript = `(setsid sh -c 'trap "" TERM; exec sleep 987654' &); exec sleep infinity`

// daemon counts what is left of such a service 15 seconds after the stop.
func (b *peerBench) daemon(s supervisor, f figures) (err error) {
	dir, err := b.prepare(s, []string{"/bin/sh", "-c", daemonScript}, 1, false)
	if err != nil {
		return err
	}
	p, err := b.begin(s, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.await("sleep", 2, time.Minute); err != nil {
		return err
	}
	if err := b.stop(s, p, dir); err != nil {
		return err
	}
	var left []int
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left, _, err = p.split("sleep"); err != nil || len(left) == 0 {
			break
		}
	}
	f.add("daemon that ignores SIGTERM: alive after stop", float64(len(left)))
	return err
}

func (b *peerBench) prepare(s supervisor, command []string, n int, log bool) (string, error) {
	b.folders++
	dir := filepath.Join(b.dir, fmt.Sprint(b.folders))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	return dir, s.prepare(dir, command, n, log)
}

func (b *peerBench) begin(s supervisor, dir string, env ...string) (*pen, error) {
	if s.env != nil {
		env = append(env, s.env(dir)...)
	}
	return enclose(b.root, s.start(dir), env)
}

// stop asks a supervisor to stop all that it runs.
func (b *peerBench) stop(s supervisor, p *pen, dir string) error {
	if s.stop == nil {
		err := p.cmd.Process.Signal(s.signal)
		return ignoreDone(err)
	}
	command := s.stop(dir)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = os.Environ()
	if s.env != nil {
		cmd.Env = append(cmd.Env, s.env(dir)...)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func ignoreDone(err error) error {
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// table has a line for each figure and each peer that has it.
func (b *peerBench) table(found map[string]figures) []Figure {
	var all []Figure
	for _, m := range measured {
		own := Figure{Area: "peers", Name: m.name, Value: median(found["seance"][m.name]), Unit: m.unit, Runs: b.runs}
		for _, name := range append([]string{"nobody"}, namesOfSupervisors(b.all[1:])...) {
			if values := found[name][m.name]; len(values) > 0 {
				f := own
				f.compare(&Reference{Name: name, Value: median(values)})
				all = append(all, f)
			}
		}
		if m.recorded.Name != "" {
			f := own
			f.compare(&m.recorded)
			all = append(all, f)
		}
	}
	return all
}

func namesOfSupervisors(all []supervisor) []string {
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	return names
}

func (f figures) add(name string, v float64) { f[name] = append(f[name], v) }

func sleepsOf(n int) string {
	if n == 1 {
		return "1 sleep"
	}
	return thousands(n) + " sleeps"
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
