package initd

import (
	"context"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/supervise"
)

// metrics are the image's figures.
func (in *Init) metrics(ctx context.Context) (any, error) {
	services, err := in.listUsage(ctx)
	if err != nil {
		return nil, err
	}
	m := link.Metrics{Image: in.describe(), States: serviceStates(), Snapshots: in.sumUp()}
	counted := map[string]supervise.Counters{}
	for _, c := range in.services.Counters() {
		counted[c.Name] = c
	}
	written := in.logs.Counters()
	for _, s := range services {
		c, w := counted[s.Name], written[s.Name]
		m.Services = append(m.Services, link.ServiceMetrics{
			Service: s, Exits: c.Exits, Failures: c.Failures, LogLines: w.Lines, LogBytes: w.Bytes, LogLost: w.Lost,
		})
	}
	return m, nil
}

func serviceStates() (all []string) {
	for _, s := range []supervise.State{
		supervise.Pending, supervise.Starting, supervise.Ready, supervise.Running, supervise.Stopping,
		supervise.Stopped, supervise.Exited, supervise.Backoff, supervise.Failed,
	} {
		all = append(all, string(s))
	}
	return all
}

// countLocked counts a snapshot.
func (in *Init) countLocked(r *api.SnapshotResult) {
	for i := range in.snapshots {
		if in.snapshots[i].Outcome == r.Outcome {
			in.snapshots[i].add(r)
			return
		}
	}
	s := tally{Outcome: r.Outcome}
	s.add(r)
	in.snapshots = append(in.snapshots, s)
}

// tally sums up the snapshots of one outcome.
type tally link.SnapshotMetrics

func (t *tally) add(r *api.SnapshotResult) {
	t.Count++
	t.Seconds += r.TotalMS / 1000
	t.Frozen += r.FrozenMS / 1000
}

func (in *Init) sumUp() []link.SnapshotMetrics {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := []link.SnapshotMetrics{}
	for _, t := range in.snapshots {
		all = append(all, link.SnapshotMetrics(t))
	}
	return all
}
