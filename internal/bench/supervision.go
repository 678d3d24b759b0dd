package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// supervision is the area of many services at once, as a supervisor alone:
// without a freezer that keeps memory, and so without root.
func supervision(p Programs) Area {
	return Area{"supervision", func(ctx context.Context, runs int) (figures []Figure, err error) {
		dir, err := os.MkdirTemp("", "seance-bench.")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		b := &serviceBench{imageBench: imageBench{Programs: p, dir: dir, cold: true}}
		for _, n := range []int{100, 1000} {
			if err := b.write(n); err != nil {
				return nil, err
			}
		}
		return measureCases(ctx, "supervision", b.cases(), runs)
	}}
}

// serviceBench brings images of many services up and down.
type serviceBench struct{ imageBench }

func (b *serviceBench) cases() []Case {
	return []Case{
		{
			Name: "up, 100 sleeps, from exec to all running", Unit: "ms",
			Run:       func(ctx context.Context) (float64, error) { return b.up(ctx, 100, startTime) },
			Reference: "bare spawn loop", RunReference: func(context.Context) (float64, error) { return spawnLoop(100) },
		},
		{
			Name: "up, 1,000 sleeps", Unit: "ms",
			Run:       func(ctx context.Context) (float64, error) { return b.up(ctx, 1000, startTime) },
			Reference: "bare spawn loop", RunReference: func(context.Context) (float64, error) { return spawnLoop(1000) },
		},
		{
			Name: "the same, beside a peer", Unit: "ms",
			Run:      func(ctx context.Context) (float64, error) { return b.up(ctx, 1000, startTime) },
			Recorded: &Reference{"process-compose", 1180, true},
		},
		{
			Name: "monitor and init, 1,000 sleeps, PSS", Unit: "MiB",
			Run:      func(ctx context.Context) (float64, error) { return b.up(ctx, 1000, managerPSS) },
			Recorded: &Reference{"process-compose", 94, true},
		},
		{
			Name: "quit, 1,000 sleeps, from exec to the last gone", Unit: "ms",
			Run:      b.quit,
			Recorded: &Reference{"process-compose", 199, true},
		},
	}
}

// write writes a manifest of n services that do nothing.
func (b *serviceBench) write(n int) error {
	var m strings.Builder
	m.WriteString("services:\n")
	for i := range n {
		fmt.Fprintf(&m, "  s%d: {command: [sleep, infinity]}\n", i)
	}
	return os.WriteFile(b.manifestOf(n), []byte(m.String()), 0o666)
}

func (b *serviceBench) manifestOf(n int) string {
	return filepath.Join(b.dir, fmt.Sprintf("%d.yaml", n))
}

// up brings an image of n services up, measures it and ends it.
func (b *serviceBench) up(ctx context.Context, n int, measure func(live) (float64, error)) (float64, error) {
	return b.forAMoment(ctx, "many", measure, "up", "--freezer", "respawn", "-f", b.manifestOf(n), "--name")
}

func (b *serviceBench) quit(ctx context.Context) (float64, error) {
	_, err := b.up(ctx, 1000, startTime)
	return milliseconds(b.ended), err
}

// spawnLoop starts n sleeps the way a loop in a program would, and ends them.
func spawnLoop(n int) (took float64, err error) {
	began := time.Now()
	var started []*os.Process
	defer func() {
		for _, p := range started {
			err = errors.Join(err, p.Signal(syscall.SIGKILL))
			_, waitErr := p.Wait()
			err = errors.Join(err, waitErr)
		}
	}()
	for range n {
		p, err := os.StartProcess("/usr/bin/sleep", []string{"sleep", "infinity"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
		if err != nil {
			return 0, err
		}
		started = append(started, p)
	}
	return milliseconds(time.Since(began)), nil
}
