package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/mirror"
	"github.com/seancehq/seance/internal/serve"
	"github.com/seancehq/seance/process"
)

const (
	watchInterval    = 250 * time.Millisecond // how often to look unless told otherwise
	minWatchInterval = 10 * time.Millisecond
)

// serveHierarchyEvents streams the hierarchy, and then what changes in it, until
// the client leaves or the image ends.
func (m *Monitor) serveHierarchyEvents(w http.ResponseWriter, r *http.Request) {
	interval, err := watchIntervalOf(r)
	if err != nil {
		refuse(w, err)
		return
	}
	watch, err := mirror.NewWatch(m.processes)
	if err != nil {
		refuse(w, m.unseen(err))
		return
	}
	first, err := json.Marshal(watch.Table().State())
	if err != nil {
		refuse(w, err)
		return
	}
	ctx, end := m.whileAlive(r.Context())
	defer end()
	send := serve.Stream[api.HierarchyChange](w)
	send(api.HierarchyChange{Time: time.Now(), Hierarchy: first})
	err = watch.Every(ctx, interval, func(seen time.Time, e process.Event) error {
		raw, err := json.Marshal(e)
		if err == nil {
			send(api.HierarchyChange{Time: seen, Event: raw})
		}
		return err
	})
	if ctx.Err() != nil {
		return
	}
	if e := wireError(m.unseen(err)); e.Code != api.CodeNotAlive {
		send(api.HierarchyChange{Time: time.Now(), Error: e})
	}
}

// unseen says why the image's processes cannot be seen. Their init may be gone a
// moment before that is known.
func (m *Monitor) unseen(err error) error {
	select {
	case <-m.init.Done():
		return m.errGone()
	case <-time.After(time.Second):
		return fmt.Errorf("cannot see the processes of image %q: %w", m.live.Name, err)
	}
}

// whileAlive makes a context that ends with the image, or when end is called.
func (m *Monitor) whileAlive(parent context.Context) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(parent)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-m.init.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-ended
	}
}

func watchIntervalOf(r *http.Request) (time.Duration, error) {
	s := r.URL.Query().Get("interval")
	if s == "" {
		return watchInterval, nil
	}
	interval, err := time.ParseDuration(s)
	if err != nil || interval < minWatchInterval {
		return 0, &api.Error{Code: api.CodeBad, Message: fmt.Sprintf("cannot look once an interval of %q: it must be a duration of %s or more", s, minWatchInterval)}
	}
	return interval, nil
}
