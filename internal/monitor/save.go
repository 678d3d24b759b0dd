package monitor

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/internal/criu"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/netlock"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/live"
	"github.com/seancehq/seance/process"
)

// save does what init asked for with its farewell. It returns the greeting
// that tells init what came of it, or that the image has ended, as asked.
func (m *Monitor) save(ctx context.Context, f link.Farewell) (g link.Greeting, ended bool) {
	s := &save{m: m, asked: f}
	err := s.run(ctx)
	switch {
	case err == nil && f.Quit && s.killed:
		m.kill()
		m.saved = s.info()
		return g, true
	case err != nil:
		m.log.Error("a save failed", "error", err, "detail", detail(err))
		return link.Greeting{Verdict: link.Failed, Error: wireError(err)}, false
	}
	return link.Greeting{Verdict: link.Continuing, Saved: s.info(), FrozenMS: ms(s.still)}, false
}

// save is one save under way.
type save struct {
	m      *Monitor
	asked  link.Farewell
	ref    image.Ref
	from   *image.Store
	writer *image.Writer
	locked []netlock.Connection // connections that CRIU locks for the time of it
	config image.Config
	before before
	image  *image.Image  // once it is in the store
	still  time.Duration // how long the programs stood still
	killed bool          // the programs were ended after the image was stored
}

// before is how things were just before the freeze.
type before struct {
	processes []process.Observed
	locks     []string // network locks of others
}

func (s *save) run(ctx context.Context) (err error) {
	if s.ref, err = s.m.refFor(s.asked.Ref); err != nil {
		return err
	}
	if err := s.mark(nil); err != nil {
		return err
	}
	if s.from, err = s.m.openStore(); err != nil {
		return err
	}
	if s.writer, err = s.from.Create(ctx); err != nil {
		return err
	}
	defer s.writer.Abort()
	if s.m.record.Freezer == api.FreezerRespawn {
		return s.cold(ctx)
	}
	if err := s.m.findCRIU(ctx); err != nil {
		return err
	}
	return s.hot(ctx)
}

// refFor is the name to save under: the live image's own unless another was
// asked for.
func (m *Monitor) refFor(asked string) (image.Ref, error) {
	if asked == "" {
		return image.ParseRef(m.live.Name)
	}
	return image.ParseRef(asked)
}

// mark puts the save on record.
func (s *save) mark(locked []netlock.Connection) error {
	s.locked = locked
	s.m.record.Saving = &live.Saving{Snapshot: s.asked.Snapshot, Ref: s.ref.String(), Locked: locked}
	return s.m.record.Write(s.m.live)
}

// noteCRIU puts on record who holds the image from now on.
func (s *save) noteCRIU(id pidfd.ID, dir string) error {
	s.m.record.Saving.CRIU, s.m.record.Saving.Dir = id, dir
	return s.m.record.Write(s.m.live)
}

// cold saves what the respawn freezer keeps: the manifest and the captured
// folders. The programs that were to be stopped are, by the shut-down list.
func (s *save) cold(ctx context.Context) error {
	s.describe()
	if err := s.observeProcesses(); err != nil {
		return err
	}
	if err := s.addCaptured(ctx); err != nil {
		return err
	}
	return s.commit(ctx)
}

// hot has CRIU write the image, and stores what it wrote. Whatever must agree
// with the memory is taken while all programs stand still. When they are to
// end, so is the image stored: if anything fails, they simply go on.
func (s *save) hot(ctx context.Context) error {
	connections, lock, err := s.m.connections()
	if err != nil {
		return err
	}
	if lock {
		if s.before.locks, err = netlock.All(); err != nil {
			return err
		}
		if err := s.mark(connections); err != nil {
			return err
		}
	}
	for try := 1; ; try++ {
		err := s.freeze(ctx, lock)
		if err == nil || try == tries || s.killed || !criu.Passing(err) {
			return err
		}
		s.m.log.Info("a freeze met what will have passed the next moment; trying again", "error", err)
		time.Sleep(tryPause)
	}
}

// A freeze meets things that are there for a moment only, such as a program that
// is killed meanwhile.
const (
	tries    = 4
	tryPause = 20 * time.Millisecond
)

// freeze has CRIU write the image once.
func (s *save) freeze(ctx context.Context, lock bool) error {
	dir, err := live.WorkDir(s.m.live)
	if err != nil {
		return fmt.Errorf("cannot make room for the frozen image: %w", err)
	}
	defer os.RemoveAll(dir)
	if s.before.processes, err = s.m.processes(); err != nil {
		return fmt.Errorf("cannot see the image's processes: %w", err)
	}
	d := criu.Dump{
		PID: s.m.record.Init.PID, Dir: dir, Inside: api.InsideDir, Groups: s.m.groupsInside(),
		LockNetwork: lock, Kill: s.asked.Quit, Halter: s.m.halter(), Warn: s.m.warn,
	}
	d.Started = func(id pidfd.ID) error { return s.noteCRIU(id, dir) }
	d.Frozen = func() error { return s.frozen(ctx, dir) }
	s.m.standby.await() // nor is it to inherit what CRIU is given
	s.still, err = d.Run(s.m.criu)
	if s.killed { // and CRIU has lost the processes it held, which means nothing
		return nil
	}
	if err != nil {
		s.unlockAfterFailure()
		return err
	}
	return s.store(ctx, dir)
}

// frozen runs while all programs stand still, after CRIU has written all.
func (s *save) frozen(ctx context.Context, dir string) error {
	s.describe()
	if err := s.observe(); err != nil {
		return err
	}
	if err := s.addCaptured(ctx); err != nil {
		return err
	}
	if !s.asked.Quit {
		return nil
	}
	if err := s.noteLock(); err != nil {
		return err
	}
	if err := s.store(ctx, dir); err != nil {
		return err
	}
	// From here on the image on disk is the one that counts: it must not do
	// one more step.
	s.killed = true
	return s.m.init.Signal(syscall.SIGKILL)
}

// store puts CRIU's files and the init binary into the store, and the image
// with them.
func (s *save) store(ctx context.Context, dir string) error {
	known, err := s.m.programs.Digest(s.m.record.Program)
	if err != nil {
		return fmt.Errorf("cannot read the program that runs as init: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.addTree(ctx, image.LayerCRIU, dir, image.IsCRIUFile) })
	g.Go(func() error { return s.addTree(ctx, image.LayerMemory, dir, image.IsMemoryFile) })
	g.Go(func() error { return s.addProgram(ctx, known) })
	if err := g.Wait(); err != nil {
		return err
	}
	return s.commit(ctx)
}

func (s *save) addTree(ctx context.Context, kind image.LayerKind, dir string, match func(string) bool) error {
	_, err := s.writer.AddTree(ctx, kind, dir, match)
	return err
}

func (s *save) addProgram(ctx context.Context, known digest.Digest) error {
	_, err := s.writer.AddFile(ctx, image.LayerInit, s.m.live.Program(), known)
	return err
}

func (s *save) addCaptured(ctx context.Context) error {
	for _, dir := range s.config.Capture {
		if _, err := s.writer.AddFolder(ctx, dir, dir, nil); err != nil {
			return err
		}
	}
	return nil
}

// commit makes the image part of the store, in the place of an older one of
// its name.
func (s *save) commit(ctx context.Context) (err error) {
	old, _ := s.from.Get(ctx, s.ref.String())
	if s.image, err = s.writer.Commit(ctx, s.ref, s.config); err != nil {
		return err
	}
	if old != nil && old.Config.NetworkLock != "" {
		s.m.removeLock(old.Config.NetworkLock)
	}
	return nil
}

// describe fills in what a saved image says of itself.
func (s *save) describe() {
	r := s.m.record
	s.config = image.Config{
		Created:     time.Now(),
		SnapshotID:  s.asked.Snapshot,
		Parent:      digest.Digest(r.From),
		Freezer:     image.Freezer(r.Freezer),
		Manifest:    s.m.manifest(s.asked),
		Capture:     s.asked.Capture,
		Versions:    s.m.versions(),
		CPUFeatures: cpuFeatures(),
		Session:     image.SessionInfo{ID: s.asked.Session, Started: s.asked.Started},
	}
	for _, h := range s.asked.Startup {
		s.config.StartupList = append(s.config.StartupList, image.StartupEntry{ID: h.ID, Category: h.Category, Priority: h.Priority})
	}
}

// manifest is what the image runs, in init's words: a reload may have changed
// it since this monitor, or the one before it, took note of it.
func (m *Monitor) manifest(f link.Farewell) image.ManifestSource {
	if f.Source == nil {
		return image.ManifestSource{Path: image.Text(m.record.Manifest), Source: image.Text(m.record.Source)}
	}
	return image.ManifestSource{Path: image.Text(f.Source.ManifestPath), Source: image.Text(f.Source.Manifest)}
}

func (s *save) info() *api.SavedInfo {
	return &api.SavedInfo{
		Ref: s.ref.String(), Digest: s.image.Digest.String(), Size: s.image.Size(), Freezer: s.m.record.Freezer,
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
