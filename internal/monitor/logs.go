package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/serve"
)

// errLeft ends the reading of logs for a client that is gone.
var errLeft = errors.New("the client has left")

// lastLines is how long a reader that follows is given, once the image has
// ended, to come to the end of its logs. It looks every 200 ms at the least.
const lastLines = 300 * time.Millisecond

// endWithImage cancels what follows an image, soon after the image has ended.
func (m *Monitor) endWithImage(ctx context.Context, cancel func()) {
	select {
	case <-m.gone:
		time.Sleep(lastLines)
		cancel()
	case <-ctx.Done():
	}
}

// serveLogs streams log lines. They are read from the files, so that a client
// who reads slowly, or not at all, holds nobody up.
func (m *Monitor) serveLogs(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		refuse(w, &api.Error{Code: api.CodeBad, Message: fmt.Sprintf("cannot read the request: %v", err)})
		return
	}
	send := serve.Stream[api.LogLine](w)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go m.endWithImage(ctx, cancel)
	// A failure shows as a stream that ends: the status has been sent.
	err = logfile.Read(ctx, logfile.Query{Dir: m.live.Logs(), Services: q.Services, Last: q.Tail, Follow: q.Follow},
		func(l logfile.Line) error {
			send(api.LogLine{Time: l.Time, Service: l.Service, Stream: l.Stream, Partial: l.Partial, Text: l.Text})
			if ctx.Err() != nil {
				return errLeft
			}
			return nil
		})
	if err != nil && !errors.Is(err, errLeft) {
		m.log.Error("cannot read logs", "error", err)
	}
}
