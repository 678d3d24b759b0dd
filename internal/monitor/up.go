package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/criu"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/ns"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/live"
)

// initCommand is the hidden command that makes seance an image's init.
const initCommand = "_init"

// up makes a manifest a live image, up to the point where init has been told
// to start.
func (m *Monitor) up(ctx context.Context, l api.Launch) error {
	if err := m.chooseFreezer(ctx, l.Freezer); err != nil {
		return err
	}
	m.record.Manifest, m.record.Source = l.ManifestPath, l.Manifest
	return m.startFresh(ctx)
}

// findCRIU looks for CRIU where it is not known yet: a monitor that adopts an
// image does not need it before the first save.
func (m *Monitor) findCRIU(ctx context.Context) (err error) {
	if m.criu == nil {
		m.criu, err = criu.Find(ctx, checkedPath(m.home))
	}
	return err
}

// startFresh starts an image from its manifest, with this program as init.
func (m *Monitor) startFresh(ctx context.Context) (err error) {
	if m.record.Program, err = m.programs.Own(); err != nil {
		return fmt.Errorf("cannot keep the program that runs as init: %w", err)
	}
	return m.spawn(ctx)
}

// chooseFreezer decides how snapshots are made: with CRIU where it works.
func (m *Monitor) chooseFreezer(ctx context.Context, asked string) error {
	m.record.Freezer = api.FreezerRespawn
	if asked == api.FreezerRespawn {
		m.record.WhyCold = "the respawn freezer was asked for"
		return nil
	}
	found, err := criu.Find(ctx, checkedPath(m.home))
	var unavailable *criu.UnavailableError
	switch {
	case err == nil:
		m.criu, m.record.Freezer = found, api.FreezerCRIU
		return nil
	case asked == api.FreezerCRIU || !errors.As(err, &unavailable):
		return fmt.Errorf("cannot freeze memory on this machine: %w", err)
	}
	m.record.WhyCold = unavailable.Error()
	return nil
}

// spawn starts init and greets it. Init waits at a gate until the record of
// it is on disk: killed before, a monitor leaves nothing.
func (m *Monitor) spawn(ctx context.Context) error {
	if err := m.programs.Link(m.record.Program, m.live.Program()); err != nil {
		return fmt.Errorf("cannot place the program that runs as init: %w", err)
	}
	if err := os.MkdirAll(live.RootDir(m.live), 0o755); err != nil {
		return err
	}
	if err := m.makeGroups(); err != nil {
		return err
	}
	if err := live.WriteFile(live.SpecPath(m.live), m.spec()); err != nil {
		return fmt.Errorf("cannot tell init what to run: %w", err)
	}
	gate, err := m.startInit()
	if err != nil {
		return fmt.Errorf("cannot start init: %w", err)
	}
	defer gate.close()
	if err := m.hold(gate.pid); err != nil {
		return err
	}
	m.ours = true
	if err := gate.open(); err != nil {
		return fmt.Errorf("cannot start init: %w", err)
	}
	return m.firstLink(ctx, link.Greeting{Verdict: link.Start, Name: m.live.Name}, gate)
}

func (m *Monitor) spec() link.Spec {
	s := link.Spec{
		Name: m.live.Name, Dir: m.live.Dir, Hot: m.criu != nil, Own: m.criu != nil,
		Groups: m.record.GroupsPath, Manifest: m.record.Source, ManifestPath: m.record.Manifest, Env: inherited(os.Environ()),
	}
	if s.Own {
		s.Dir = api.InsideDir
	}
	return s
}

// inherited is the environment that programs of an image get from whoever
// started it, without what seance itself was told.
func inherited(env []string) []string {
	var keep []string
	for _, kv := range env {
		if !strings.HasPrefix(kv, "SEANCE_") {
			keep = append(keep, kv)
		}
	}
	return keep
}

// hold takes hold of init and puts it on record.
func (m *Monitor) hold(pid int) error {
	h, err := pidfd.Open(pid)
	if err != nil {
		return fmt.Errorf("cannot hold on to init: %w", err)
	}
	m.init = h
	m.record.Name, m.record.Init, m.record.Began = m.live.Name, h.ID, time.Now()
	if err := m.record.Write(m.live); err != nil {
		return err
	}
	return m.enterGroups()
}

// gate is what stands between init's birth and its first step, and the pipe
// on which it complains when it cannot even begin.
type gate struct {
	pid      int
	in       *os.File // init waits for a byte, or for the end, on the other side
	complain *os.File
}

func (m *Monitor) startInit() (*gate, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer inR.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		inW.Close()
		return nil, err
	}
	defer outW.Close()
	start := ns.StartPlain
	if m.criu != nil {
		start = ns.Start
	}
	pid, err := start(ns.Program{
		Path: m.live.Program(), Args: []string{"seance", initCommand, m.live.Dir},
		Env: os.Environ(), Stdin: inR, Stdout: outW, Stderr: outW,
	})
	if err != nil {
		inW.Close()
		outR.Close()
		return nil, err
	}
	return &gate{pid, inW, outR}, nil
}

func (g *gate) open() error {
	_, err := g.in.Write([]byte{'\n'})
	return err
}

func (g *gate) close() {
	g.in.Close()
	g.complain.Close()
}

// complaint is what init said before it died.
func (g *gate) complaint() string {
	_ = g.complain.SetReadDeadline(time.Now().Add(time.Second))
	var b bytes.Buffer
	_, _ = io.Copy(&b, io.LimitReader(g.complain, 64<<10))
	return strings.TrimSpace(b.String())
}

// linkLimit is how long init may take to answer, once it can.
const linkLimit = 20 * time.Second

// firstLink connects to an init that is about to listen.
func (m *Monitor) firstLink(ctx context.Context, g link.Greeting, gate *gate) error {
	err := m.greet(ctx, g)
	if err == nil {
		return nil
	}
	if said := gate.complaint(); said != "" {
		return fmt.Errorf("cannot start init: %s", said)
	}
	return fmt.Errorf("cannot start init: %w", err)
}

// greet makes a link with a greeting, trying until init listens.
func (m *Monitor) greet(ctx context.Context, g link.Greeting) error {
	ctx, cancel := context.WithTimeout(ctx, linkLimit)
	defer cancel()
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		p, err := link.Dial(ctx, m.live.Link(), g, m.heard)
		if err == nil {
			m.setPeer(p)
			return nil
		}
		select {
		case <-time.After(pause):
		case <-m.init.Done():
			return errors.New("init ended at once")
		case <-ctx.Done():
			return err
		}
	}
}
