package serve

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
)

const (
	// noticesAtOnce is how many notices are asked for at a time.
	noticesAtOnce = 256
	// noticeWait is how long init lets a question for notices wait. The client's
	// leaving ends it, and the end of the image.
	noticeWait = time.Hour
)

// serveEvents streams notices. Each client asks init for those it has not had:
// one that does not read misses what is forgotten meanwhile, and holds nobody
// up. A save ends the question and not the stream: it is asked again.
func (s *server) serveEvents(w http.ResponseWriter, r *http.Request) {
	q, follow, err := noticeQuery(r)
	var some []api.Notice
	if err == nil {
		some, err = s.notices(r.Context(), q)
	}
	if err != nil {
		Refuse(w, s.Error(err))
		return
	}
	send := Stream[api.Notice](w)
	for {
		for _, n := range some {
			send(n)
			q.After = n.Seq
		}
		if !follow && len(some) < noticesAtOnce {
			return
		}
		if follow {
			q.WaitMS = int(noticeWait.Milliseconds())
		}
		if some, err = s.notices(r.Context(), q); err != nil {
			s.endStream(r.Context(), err)
			return
		}
	}
}

func (s *server) notices(ctx context.Context, q api.NoticeQuery) (some []api.Notice, err error) {
	err = s.Caller.Call(ctx, link.CallNotices, q, &some)
	return some, err
}

// endStream ends an answer that has begun: in good order when the image has
// ended or the client has left, else so that the client sees that there should
// have been more.
func (s *server) endStream(ctx context.Context, err error) {
	var e *api.Error
	if ctx.Err() != nil || errors.As(err, &e) && e.Code == api.CodeNotAlive {
		return
	}
	panic(http.ErrAbortHandler)
}

func noticeQuery(r *http.Request) (q api.NoticeQuery, follow bool, err error) {
	q.Max = noticesAtOnce
	if q.After, err = number(r, "after"); err != nil {
		return q, false, err
	}
	follow, err = boolean(r, "follow")
	return q, follow, err
}
