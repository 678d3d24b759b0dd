package monitor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/criu"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/netlock"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/live"
)

// adopt takes over a live image whose monitor is gone.
func (m *Monitor) adopt(ctx context.Context) (err error) {
	m.record, err = live.ReadRecord(m.live)
	if errors.Is(err, fs.ErrNotExist) {
		return m.errGone()
	}
	if err != nil {
		return err
	}
	m.init, err = pidfd.Find(m.record.Init)
	if errors.Is(err, pidfd.ErrGone) {
		return m.clearAway(ctx)
	}
	if err != nil {
		return err
	}
	m.groups = m.record.Groups()
	m.resume()
	if err := m.greet(ctx, m.adoption(ctx)); err != nil {
		if m.ended() {
			return m.clearAway(ctx)
		}
		return err
	}
	m.setState(api.StateRunning)
	m.unmark()
	for _, dir := range live.WorkDirs(m.live) { // of a save that was never finished
		if err := live.RemoveAll(dir); err != nil {
			m.log.Error("cannot clear away", "error", err)
		}
	}
	return nil
}

// resume lets an image go on whose monitor was lost in the middle of a save.
//
// That monitor's CRIU may still hold it. It hears that nobody listens any more when
// it next has something to say, gives up, and leaves all as it was. To kill it would
// be quicker, and could cost a program its life in which CRIU has code of its own.
func (m *Monitor) resume() {
	was := m.record.Saving
	if was == nil {
		return
	}
	if h, err := pidfd.Find(was.CRIU); err == nil {
		select {
		case <-h.Done():
		case <-m.init.Done():
		}
		h.Close()
	}
	if m.groups.Halted() {
		m.warn(criu.GoOn(was.Dir, m.groups))
	}
}

// clearAway leaves nothing of an image that has died, and says how it did.
func (m *Monitor) clearAway(ctx context.Context) error {
	if m.record.Freezer != api.FreezerCRIU {
		m.warn(live.EndStrays(m.live))
	}
	return errors.Join(m.errDied(ctx), live.Sweep(m.live))
}

// adoption is what init is told. If it waits for the end of a save, the store
// knows what came of it.
func (m *Monitor) adoption(ctx context.Context) link.Greeting {
	g := link.Greeting{Verdict: link.Adopted, Name: m.live.Name}
	if m.record.Reviving {
		g.Verdict = link.Booting
		return g
	}
	was := m.record.Saving
	if was == nil {
		return g
	}
	if err := netlock.EndRepair(m.record.Init.PID); err != nil {
		m.log.Error("connections of the image may be broken", "error", err)
	}
	m.unlock(was.Locked)
	if info := m.stored(ctx, *was); info != nil {
		g.Verdict, g.Saved = link.Continuing, info
	} else {
		g.Verdict = link.Failed
		g.Error = &api.Error{Code: api.CodeCannot, Message: "the monitor was lost before the image was saved; nothing was saved, try again"}
	}
	return g
}

// stored finds an image by the snapshot that made it.
func (m *Monitor) stored(ctx context.Context, s live.Saving) *api.SavedInfo {
	store, err := m.openStore()
	if err != nil {
		return nil
	}
	img, err := store.Get(ctx, s.Ref)
	if err != nil || img.Config.SnapshotID != s.Snapshot {
		return nil
	}
	return &api.SavedInfo{Ref: s.Ref, Digest: img.Digest.String(), Size: img.Size(), Freezer: m.record.Freezer}
}

// errDied says how an image ended that nobody was watching.
func (m *Monitor) errDied(ctx context.Context) error {
	e := &api.Error{Code: api.CodeNotAlive, Message: fmt.Sprintf("image %q ended while it had no monitor", m.live.Name)}
	was := m.record.Saving
	if was == nil {
		return e
	}
	if info := m.stored(ctx, *was); info != nil {
		e.Message = fmt.Sprintf("image %q was saved as %s and has quit", m.live.Name, info.Ref)
	} else {
		m.unlock(was.Locked)
	}
	return e
}
