package initd

import (
	"context"
	"fmt"
	"strings"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

// loneProgram is the service that an image ends with, because it was made of
// one program and not of a manifest's file: nothing else would be left in it.
// It is told from the manifest alone, which a saved image keeps.
func loneProgram(m *manifest.Manifest) string {
	if m.Path == "" && len(m.Services) == 1 && len(m.Hooks) == 0 {
		return m.Services[0].Name
	}
	return ""
}

// end is how the program ended.
type end struct {
	why string
	bad bool // it failed, or could not be started
}

// watchProgram takes note of the end of the program. It is called by the
// supervisor, at any time.
func (in *Init) watchProgram(e supervise.Event) {
	if e.Name != in.program || e.State != supervise.Exited && e.State != supervise.Failed {
		return
	}
	over := &end{why: "exit status 0"}
	if e.Err != nil {
		over.bad = true
		over.why, _, _ = strings.Cut(e.Err.Error(), "\n") // the lines that follow are in the log already
	}
	in.mu.Lock()
	in.over = over
	in.mu.Unlock()
	in.quitIfOver()
}

// told notes that the monitor was told how the last start-up went.
func (in *Init) told() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.untold = false
}

// quitIfOver quits an image whose program has ended. While the image boots or is
// saved it does nothing, nor before the monitor knows how that went, for a quit
// closes the link: it is called again when that is done.
func (in *Init) quitIfOver() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over == nil || in.untold || in.bootingLocked() {
		return
	}
	req := api.SnapshotRequest{Quit: true}
	id, err := in.admitLocked(req)
	if err != nil {
		return
	}
	why := in.over.why
	go func() {
		in.logs.Log(in.program).Note(why + "; the image ends with it")
		in.makeSnapshot(context.Background(), id, req)
	}()
}

// endedBadly is what to say of a program that had failed by the time the image
// was up.
func (in *Init) endedBadly() *api.Error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over == nil || !in.over.bad {
		return nil
	}
	return &api.Error{Code: api.CodeCannot, Message: fmt.Sprintf(
		"%s ended at once, and the image with it: %s; see: seance logs -i %s", in.program, in.over.why, in.name)}
}

// done says that a service is the program, and has ended as it should: nothing
// is amiss with it.
func (in *Init) done(s supervise.Status) bool {
	return s.Name == in.program && s.State == supervise.Exited && s.Err == nil
}
