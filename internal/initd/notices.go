package initd

import (
	"context"
	"fmt"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/session"
)

// note adds to what has happened in the image something about the image as a
// whole. See docs/api.md for the states.
func (in *Init) note(state, message string) {
	in.services.Note(supervise.KindImage, in.imageName(), supervise.State(state), message)
}

// noteUp notes that a start-up list is done, and what went wrong in it.
func (in *Init) noteUp(state string, err error) {
	if err != nil {
		in.note("failed", firstLine(err))
	}
	in.note(state, "")
}

func (in *Init) notePhase(p session.Phase) {
	if p == session.RollingBack {
		in.note("rolling-back", "")
	}
}

func (in *Init) noteSnapshot(req api.SnapshotRequest) {
	switch {
	case req.Save:
		in.note("saving", "")
	case req.Quit:
		in.note("quitting", "")
	}
}

// noteResult notes which copy this is after a snapshot.
func (in *Init) noteResult(r *api.SnapshotResult, err error) {
	switch {
	case r.Outcome == api.Booting:
		in.noteUp("booted", err)
	case r.Outcome == api.Continuing && r.Saved != nil:
		in.note("continuing", fmt.Sprintf("saved as %s", r.Saved.Ref))
	case r.Outcome != api.Nothing:
		in.noteUp("running", err)
	}
}

// noticeSlack is how far behind the first of those who follow another one may
// be, and still gets the last notices of an image that quits.
const noticeSlack = 1024

// noteFollower takes note of how far those have come who follow.
func (in *Init) noteFollower(q api.NoticeQuery) {
	if q.WaitMS == 0 {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.followed, in.followedTo = true, max(in.followedTo, q.After)
}

// lastNotices are those that somebody who follows may not have had, just before
// the link closes for good.
func (in *Init) lastNotices() []api.Notice {
	in.mu.Lock()
	followed, after := in.followed, in.followedTo
	in.mu.Unlock()
	if !followed {
		return nil
	}
	now, cancel := context.WithCancel(context.Background())
	cancel() // waits for nothing
	list, err := in.services.Notices(now, after-min(after, noticeSlack), 0)
	if err != nil {
		return nil
	}
	return notices(list)
}

// notices puts notices into the form that goes over the API.
func notices(list []supervise.Notice) []api.Notice {
	all := make([]api.Notice, 0, len(list))
	for _, n := range list {
		all = append(all, api.Notice{
			Seq: n.Seq, Time: n.Time, Kind: string(n.Kind), Name: n.Name, State: string(n.State),
			Ready: n.Ready, Instance: n.Instance, PID: n.PID, Message: n.Message,
		})
	}
	return all
}
