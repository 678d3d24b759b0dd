package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/internal/criu"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/live"
)

// boot makes a saved image a live one, up to the point where init has been
// told that it boots.
func (m *Monitor) boot(ctx context.Context, l api.Launch) error {
	store, err := m.openStore()
	if err != nil {
		return err
	}
	img, err := store.Get(ctx, l.Ref)
	if err != nil {
		return err
	}
	if err := m.fits(img, l.Force); err != nil {
		return fmt.Errorf("cannot boot image %q: %w", l.Ref, err)
	}
	m.record.From, m.record.FromRef = img.Digest.String(), l.Ref
	m.record.Manifest, m.record.Source = string(img.Config.Manifest.Path), []byte(img.Config.Manifest.Source)
	if img.Config.Freezer == image.FreezerRespawn {
		return m.bootCold(ctx, img)
	}
	return m.bootHot(ctx, img)
}

// fits says whether an image is whole, and can boot on this machine as it is
// now.
func (m *Monitor) fits(img *image.Image, force bool) error {
	if err := img.Complete(); err != nil {
		return err
	}
	if err := img.Config.CheckHost(image.ThisHost(cpuFeatures())); err != nil {
		return err
	}
	if err := checkMounts(img.Config.Mounts); err != nil {
		return err
	}
	if err := checkPorts(img.Config.Listeners); err != nil {
		return err
	}
	if force {
		return nil
	}
	return checkFiles(img)
}

// checkFiles says whether the files that an image's programs have open or
// mapped are as they were. One that a program only reads counts too: its
// memory knows what it has read, and where it was.
func checkFiles(img *image.Image) error {
	var changed []string
	resized := false
	for _, c := range img.Config.CheckFiles(image.StatFile) {
		changed = append(changed, c.String())
		resized = resized || c.Kind != image.ChangeModTime
	}
	switch {
	case len(changed) == 0:
		return nil
	case resized: // which CRIU refuses by itself
		return fmt.Errorf("files that its programs use have changed since it was saved: %s; put them back as they were", strings.Join(changed, "; "))
	}
	return fmt.Errorf("files that its programs use have changed since it was saved: %s; "+
		"put them back as they were, or boot it with --force if their new content is right for it", strings.Join(changed, "; "))
}

// checkMounts says whether there is still a place for everything that was
// mounted when the image was saved.
func checkMounts(mounts map[string]string) error {
	for _, point := range slices.Sorted(maps.Keys(mounts)) {
		if _, err := os.Stat(point); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s, where %s was mounted when it was saved, is not there: mount it again", point, mounts[point])
		}
	}
	return nil
}

// bootCold starts the programs of an image again from its manifest.
func (m *Monitor) bootCold(ctx context.Context, img *image.Image) error {
	if err := restoreCaptured(ctx, img); err != nil {
		return err
	}
	m.record.Freezer, m.record.WhyCold = api.FreezerRespawn, "the image was saved with the respawn freezer"
	return m.startFresh(ctx)
}

// bootHot has CRIU revive an image, with the init binary it was frozen with.
func (m *Monitor) bootHot(ctx context.Context, img *image.Image) error {
	if err := m.chooseFreezer(ctx, api.FreezerCRIU); err != nil {
		return err
	}
	if err := os.MkdirAll(live.RootDir(m.live), 0o755); err != nil {
		return err
	}
	dir, err := live.WorkDir(m.live)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := m.unpack(ctx, img, dir); err != nil {
		return err
	}
	m.ours, m.record.Reviving = true, true
	if err := m.makeGroups(); err != nil {
		return err
	}
	r := criu.Restore{
		Dir: dir, Own: m.live.Dir, Groups: cmp.Or(m.record.GroupsPath, live.GroupsDir(m.live)), Root: live.RootDir(m.live),
		Restored: m.hold,
	}
	if _, err := r.Run(m.criu); err != nil {
		return fmt.Errorf("cannot boot image %q: %w", m.record.FromRef, m.notRevived(err))
	}
	if err := m.greet(ctx, link.Greeting{Verdict: link.Booting, Name: m.live.Name}); err != nil {
		return err
	}
	m.unmark()
	return nil
}

// unpack brings everything that a revival needs to where it needs it.
func (m *Monitor) unpack(ctx context.Context, img *image.Image, dir string) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return img.Extract(gctx, image.LayerCRIU, dir) })
	g.Go(func() error { return img.Extract(gctx, image.LayerMemory, dir) })
	g.Go(func() error { return m.unpackProgram(gctx, img) })
	if err := g.Wait(); err != nil {
		return err
	}
	return restoreCaptured(ctx, img)
}

func (m *Monitor) unpackProgram(ctx context.Context, img *image.Image) (err error) {
	extract := func(dir string) error { return img.Extract(ctx, image.LayerInit, dir) }
	if m.record.Program, err = m.programs.OfImage(img.Config.Init, extract); err != nil {
		return err
	}
	return m.programs.Link(m.record.Program, m.live.Program())
}

// notRevived lets go of what CRIU may have made before it failed. CRIU kills
// the processes itself.
func (m *Monitor) notRevived(err error) error {
	if m.init == nil {
		return err
	}
	<-m.init.Done()
	reap(m.record.Init.PID)
	m.init.Close()
	m.init = nil
	return errors.Join(err, os.Remove(m.live.Record()))
}
