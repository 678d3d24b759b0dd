package initd

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seancehq/seance/internal/supervise"
)

// slow is how long a start takes that is remarked on before it is done.
const slow = time.Second

// remarks picks the changes of state that whoever looks on wants to hear of: a
// start only when it takes long, and the stop only of what runs.
type remarks struct {
	pid func(service string) int
	say func(supervise.Event)

	mu       sync.Mutex
	starting map[string]*time.Timer
	up       map[string]bool // was started, and has not ended by itself since
}

func newRemarks(pid func(service string) int, say func(supervise.Event)) *remarks {
	return &remarks{pid: pid, say: say, starting: map[string]*time.Timer{}, up: map[string]bool{}}
}

// changed is told of each change of state, and says it if it is worth that.
func (r *remarks) changed(e supervise.Event) {
	if e.Kind != supervise.KindService {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.starting[e.Name]; t != nil {
		t.Stop()
		delete(r.starting, e.Name)
	}
	was := r.up[e.Name]
	switch e.State {
	case supervise.Starting:
		r.up[e.Name] = true
		r.awaitLocked(e)
		return
	case supervise.Exited, supervise.Backoff, supervise.Stopped:
		delete(r.up, e.Name)
	case supervise.Failed:
		if !errors.Is(e.Err, context.Canceled) && !errors.Is(e.Err, supervise.ErrStopped) { // else the stop that called it off is said
			delete(r.up, e.Name)
		}
	}
	if was || e.State != supervise.Stopping && e.State != supervise.Stopped {
		r.say(e)
	}
}

// awaitLocked says that a service is starting, if it still is after a while.
func (r *remarks) awaitLocked(e supervise.Event) {
	var t *time.Timer
	t = time.AfterFunc(slow, func() {
		pid := r.pid(e.Name)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.starting[e.Name] != t {
			return // it is up, or has failed
		}
		delete(r.starting, e.Name)
		e.PID, e.Time = pid, time.Now()
		r.say(e)
	})
	r.starting[e.Name] = t
}
