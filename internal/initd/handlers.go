package initd

import (
	"context"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/session"
)

// Where init's own handlers stand in the category system: before all others
// at start-up, and so after all others at shut-down, the link last of all.
const (
	linkPriority = -2
	logsPriority = -1
)

func (in *Init) registerOwn() error {
	own := []struct {
		handler  session.Handler
		priority int
	}{
		{session.Func("link", in.openLink, in.closeLink), linkPriority},
		{session.Func("logs", in.openLogs, in.closeLogs), logsPriority},
	}
	if in.foreground != nil {
		own = own[1:] // there is nobody to link up with
	}
	for _, o := range own {
		if err := in.manager.Register(o.handler, session.InCategory(session.System), session.AtPriority(o.priority)); err != nil {
			return err
		}
	}
	return nil
}

// openLink opens the link to the monitor, which is on another connection
// after each save, and may be another monitor's.
func (in *Init) openLink(context.Context, bool) error {
	in.link.Open()
	return nil
}

// closeLink tells the monitor what the snapshot is to be, and closes the
// link: a connection to a process outside cannot be frozen.
func (in *Init) closeLink(ctx context.Context, _ bool) error {
	in.link.Close(in.farewell(ctx))
	return nil
}

func (in *Init) farewell(ctx context.Context) *link.Farewell {
	source := in.source()
	f := &link.Farewell{Capture: in.services.Manifest().Capture, Source: &source}
	if s, ok := session.SnapshotFrom(ctx); ok {
		f.Save, f.Quit = s.Save, s.Quit
	} else {
		f.Quit, f.Error = true, in.rolledBack() // a start-up is undone
	}
	if f.Quit {
		f.Notices, f.Survivors = in.lastNotices(), in.survivors()
	}
	for _, e := range in.manager.StartupList() {
		f.Startup = append(f.Startup, api.Handler{ID: e.ID, Category: e.Category, Priority: e.Priority})
	}
	if now, ok := session.FromContext(ctx); ok {
		f.Session, f.Started = now.ID(), now.Started()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.asked != nil {
		f.Snapshot, f.Ref = in.asked.id, in.asked.ref
	}
	return f
}

// openLogs opens the services' log files, and init's own.
func (in *Init) openLogs(context.Context, bool) error {
	in.openCrash()
	err := in.logs.Open()
	if in.place.Dir == nowhere {
		return nil // as was said
	}
	return err
}

// closeLogs closes the log files: they are outside the image, and have grown
// by the time a saved image boots. What services write meanwhile waits in
// their pipes.
func (in *Init) closeLogs(context.Context, bool) error {
	in.logs.Close()
	in.closeCrash()
	return nil
}
