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

// program is the service that the image ends with, or "".
func (in *Init) program() string { return loneProgram(in.services.Manifest()) }

// watchProgram takes note of the end of the program. It is called by the
// supervisor, at any time.
func (in *Init) watchProgram(e supervise.Event) {
	if !ended(e.State) || e.Name != in.program() {
		return
	}
	in.mu.Lock()
	in.over = how(e.Err)
	in.mu.Unlock()
	in.quitIfOver()
}

// ended says that a service in this state has ended by itself, or could not be
// started.
func ended(s supervise.State) bool { return s == supervise.Exited || s == supervise.Failed }

// how says how a program ended.
func how(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return firstLine(err)
}

// firstLine is an error without the lines that may follow, which are in a log
// already.
func firstLine(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSuffix(first, "; its last lines:")
}

// told notes that the monitor was told how the last start-up went.
func (in *Init) told() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.untold = false
	select {
	case <-in.up:
	default:
		close(in.up)
	}
}

// quitIfOver quits an image whose program has ended. While the image boots or is
// saved it does nothing, nor before the monitor knows how that went, for a quit
// closes the link: it is called again when that is done.
func (in *Init) quitIfOver() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over == "" || in.untold || in.bootingLocked() {
		return
	}
	req := api.SnapshotRequest{Quit: true}
	id, err := in.admitLocked(req)
	if err != nil {
		return
	}
	why := in.over
	go func() {
		in.note("over", fmt.Sprintf("%s: %s", in.program(), why))
		in.logs.Log(in.program()).Note(why + "; the image ends with it")
		in.makeSnapshot(context.Background(), id, req)
	}()
}

// endedBadly is what to say of a program that has failed by the time the image
// is up, nil if it has not.
func (in *Init) endedBadly() *api.Error {
	program := in.program()
	for _, s := range in.services.Status() {
		if s.Name != program || !ended(s.State) || s.Err == nil {
			continue
		}
		return &api.Error{Code: api.CodeCannot, Message: fmt.Sprintf(
			"%s ended at once, and the image with it: %s; see: seance logs -i %s", program, how(s.Err), in.imageName())}
	}
	return nil
}

func (in *Init) imageName() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.name
}
