package monitor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
)

// answerLimit is how long init may take for an answer that it has at hand. One
// that takes longer is stopped, or swapped out.
const answerLimit = 10 * time.Second

// errSilent says that init did not answer in time.
var errSilent = errors.New("init does not answer")

// Call asks init, and implements [serve.Caller]. While the link is closed for a
// save it waits for it, and asks again what was not answered.
func (m *Monitor) Call(ctx context.Context, method string, in, out any) error {
	key := ""
	if link.Changes(method) {
		key = rand.Text()
	}
	for {
		p, err := m.borrow(ctx)
		if method == link.CallNotices && isGone(err) {
			return m.lastNotices(in, out, err)
		}
		if err != nil {
			return err
		}
		err = m.ask(ctx, p, key, method, in, out)
		if !errors.Is(err, link.ErrClosed) {
			return err
		}
		if err := m.awaitOther(ctx, p); err != nil && !isGone(err) {
			return err
		}
	}
}

// ask makes a call on one link, within the limit that there is for it.
func (m *Monitor) ask(ctx context.Context, p *link.Peer, key, method string, in, out any) error {
	if !atHand(method) {
		return p.CallAs(ctx, key, method, in, out)
	}
	limited, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	err := p.CallAs(limited, key, method, in, out)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("image %q is alive, but its %w: is it stopped (process %d)?", m.live.Name, errSilent, m.record.Init.PID)
	}
	return err
}

func isGone(err error) bool {
	var e *api.Error
	return errors.As(err, &e) && e.Code == api.CodeNotAlive
}

// lastNotices answers for an init that is gone, with what it left.
func (m *Monitor) lastNotices(in, out any, gone error) error {
	q, ok := in.(api.NoticeQuery)
	list, wanted := out.(*[]api.Notice)
	if !ok || !wanted {
		return gone
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.tail {
		if n.Seq > q.After && (q.Max == 0 || len(*list) < q.Max) {
			*list = append(*list, n)
		}
	}
	if len(*list) == 0 {
		return gone
	}
	return nil
}

// atHand says whether init can answer a call at once.
func atHand(method string) bool {
	switch method {
	case link.CallImage, link.CallServices, link.CallUsage, link.CallHandlers, link.CallHierarchy, link.CallManifest, link.CallMetrics,
		link.CallAddHandler, link.CallRemoveHandler, link.CallAddCategory, link.CallRemoveCategory:
		return true
	}
	return false
}
