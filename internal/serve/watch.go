package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/mirror"
	"github.com/seancehq/seance/process"
)

const (
	watchInterval    = 250 * time.Millisecond // how often to look unless told otherwise
	minWatchInterval = 10 * time.Millisecond
)

// HierarchyEvents streams the hierarchy that look sees, and then what changes in
// it, until the client leaves or ended is closed. unseen says why it could not
// look; that the image is not alive is no error of the stream's.
func HierarchyEvents(look mirror.Look, ended <-chan struct{}, unseen func(error) *api.Error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		interval, err := watchIntervalOf(r)
		if err != nil {
			Refuse(w, ErrorOf(err))
			return
		}
		watch, err := mirror.NewWatch(look)
		if err != nil {
			Refuse(w, unseen(err))
			return
		}
		first, err := json.Marshal(watch.Table().State())
		if err != nil {
			Refuse(w, ErrorOf(err))
			return
		}
		ctx, end := until(r.Context(), ended)
		defer end()
		send := Stream[api.HierarchyChange](w)
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
		if e := unseen(err); e.Code != api.CodeNotAlive {
			send(api.HierarchyChange{Time: time.Now(), Error: e})
		}
	})
}

// until makes a context that ends when a channel is closed, or when end is
// called.
func until(parent context.Context, closed <-chan struct{}) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(parent)
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-over
	}
}

func watchIntervalOf(r *http.Request) (time.Duration, error) {
	s := r.URL.Query().Get("interval")
	if s == "" {
		return watchInterval, nil
	}
	interval, err := time.ParseDuration(s)
	if err != nil || interval < minWatchInterval {
		return 0, Bad("cannot look once an interval of %q: it must be a duration of %s or more", s, minWatchInterval)
	}
	return interval, nil
}
