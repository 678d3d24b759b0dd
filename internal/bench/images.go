package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// images is the area of whole images: how fast one is up, how much its
// manager takes, and what seance adds to CRIU when it saves and boots one.
func images(p Programs) Area {
	return Area{"images", func(ctx context.Context, runs int) (figures []Figure, err error) {
		if os.Geteuid() != 0 || p.CRIU == "" {
			return nil, &NotHereError{"saving memory needs root and CRIU (make criu)"}
		}
		dir, err := os.MkdirTemp("", "seance-bench.")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		b := &imageBench{Programs: p, dir: dir}
		if err := b.setUp(ctx); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, b.tearDown()) }()
		return measureCases(ctx, "images", b.cases(), runs)
	}}
}

func (b *imageBench) cases() []Case {
	return []Case{
		{
			Name: "up, one sleep, from exec to running", Unit: "ms",
			Run:      b.up,
			Recorded: &Reference{"process-compose up", 68, true},
		},
		{
			Name: "monitor and init, one sleep, PSS", Unit: "MiB",
			Run:      b.freshPSS,
			Recorded: &Reference{"process-compose, one sleep", 49, true},
		},
		{
			Name: "the same after saves", Unit: "MiB",
			Run: b.savedPSS,
		},
		{
			Name: "snapshot, from exec to saved", Unit: "ms",
			Run:       b.snapshot,
			Reference: "criu dump by hand", RunReference: b.dump,
		},
		{
			Name: "boot, from exec to running", Unit: "ms",
			Run:       b.boot,
			Reference: "criu restore by hand", RunReference: b.restore,
		},
	}
}

// imageBench has two live images of one manifest: seance works on the first,
// and CRIU by hand on the second.
type imageBench struct {
	Programs
	dir           string
	first, second live
	fresh         int           // counts the names of images that are up for a moment
	ended         time.Duration // how long the last of these took to end
	cold          bool          // images are saved without their memory
}

const oneSleep = `services:
  sleep:
    command: [sleep, infinity]
`

func (b *imageBench) setUp(ctx context.Context) error {
	if err := os.WriteFile(b.manifest(), []byte(oneSleep), 0o666); err != nil {
		return err
	}
	var err error
	if b.first, err = b.start(ctx, "first", "first", "up", "-f", b.manifest(), "--name", "first"); err != nil {
		return err
	}
	if b.second, err = b.start(ctx, "second", "second", "up", "-f", b.manifest(), "--name", "second"); err != nil {
		return err
	}
	// CRIU alone cannot freeze an image that has a stream to its monitor.
	if err := endProcess(b.second.MonitorPID); err != nil {
		return err
	}
	if _, err := b.snapshot(ctx); err != nil {
		return err
	}
	_, err = b.dump(ctx)
	return err
}

// tearDown ends what is live.
func (b *imageBench) tearDown() error {
	return errors.Join(endProcess(b.first.PID), endProcess(b.second.PID))
}

func (b *imageBench) manifest() string { return filepath.Join(b.dir, "seance.yaml") }

// up takes the time of seance up, with an image that is ended again.
func (b *imageBench) up(ctx context.Context) (float64, error) {
	return b.forAMoment(ctx, "first", startTime, "up", "-f", b.manifest(), "--name")
}

func (b *imageBench) boot(ctx context.Context) (float64, error) {
	return b.forAMoment(ctx, "first", startTime, "boot", "bench", "--as")
}

// freshPSS measures in a home of its own: images of one home share the pages
// of their program, and each would seem smaller.
func (b *imageBench) freshPSS(ctx context.Context) (float64, error) {
	return b.forAMoment(ctx, "alone", managerPSS, "up", "-f", b.manifest(), "--name")
}

func (b *imageBench) savedPSS(context.Context) (float64, error) { return managerPSS(b.first) }

// forAMoment runs a command that starts an image under the name that is put
// behind its arguments, measures the image, and ends it.
func (b *imageBench) forAMoment(ctx context.Context, home string, measure func(live) (float64, error), args ...string) (float64, error) {
	b.fresh++
	name := fmt.Sprintf("moment-%d", b.fresh)
	l, err := b.start(ctx, home, name, append(args, name)...)
	if err != nil {
		return 0, err
	}
	v, err := measure(l)
	began := time.Now()
	_, quitErr := b.run(ctx, home, "quit", "-i", name)
	b.ended = time.Since(began)
	return v, errors.Join(err, quitErr)
}

func startTime(l live) (float64, error) { return milliseconds(l.took), nil }

func managerPSS(l live) (float64, error) { return proportionalMiB(l.PID, l.MonitorPID) }

func (b *imageBench) snapshot(ctx context.Context) (float64, error) {
	began := time.Now()
	_, err := b.run(ctx, "first", "snapshot", "-i", "first", "bench")
	return milliseconds(time.Since(began)), err
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
