package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/logfile"
)

// LogFolder is where the logs of an image are.
type LogFolder struct {
	Image string
	Dir   string
	// Caller knows which services and hooks the image has now; nil: nobody does.
	Caller Caller
	// Ended is closed when nothing more comes, for those who follow.
	Ended <-chan struct{}
	// OnError is told what keeps the logs from being read: the client sees a stream
	// that ends.
	OnError func(error)
}

// Logs serves the logs in a folder. They are read from the files, at each client's
// own pace: one who reads slowly, or not at all, holds nobody up.
func Logs(f LogFolder) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := api.ParseLogQuery(r.URL.Query())
		var q logfile.Query
		if err == nil {
			q, err = logfile.QueryFor(f.Dir, asked)
		}
		if err != nil {
			Refuse(w, Bad("cannot read the request: %v", err))
			return
		}
		if err := f.check(r.Context(), asked.Services); err != nil {
			Refuse(w, err)
			return
		}
		q.Ended = f.Ended
		q.Poll = os.Getenv(api.EnvSocket) != "" // who serves inside an image is frozen with it
		if err := sendLogs(w, r, q, asked.Marks); err != nil {
			f.OnError(err)
		}
	})
}

// atOnce is how long the image may take to say what it has.
const atOnce = time.Second

// check refuses a name that stands for nothing that has a log, from whenever, or may
// get one: a service or a hook. When the image does not say what it has at once, as
// in the middle of a save, any name will do.
func (f LogFolder) check(ctx context.Context, asked []string) *api.Error {
	names, _ := logfile.Services(f.Dir) // whoever reads them says why he cannot
	if f.Caller == nil || logfile.CheckNames(f.Image, names, asked) == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, atOnce)
	defer cancel()
	var now api.Handlers
	if f.Caller.Call(ctx, link.CallHandlers, nil, &now) != nil {
		return nil
	}
	for _, h := range now.Startup {
		if h.Kind != "seance" && !slices.Contains(names, h.ID) {
			names = append(names, h.ID)
		}
	}
	slices.Sort(names)
	return logfile.CheckNames(f.Image, names, asked)
}

// errLeft ends the reading of logs for a client that is gone.
var errLeft = errors.New("the client has left")

func sendLogs(w http.ResponseWriter, r *http.Request, q logfile.Query, marks bool) error {
	w.Header().Set("Content-Type", string(FormatLines))
	out := bufio.NewWriterSize(w, 32<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	q.Idle = func() error {
		if out.Flush() != nil || http.NewResponseController(w).Flush() != nil {
			return errLeft
		}
		return nil
	}
	if marks {
		q.Begin = func(begins map[string]logfile.Mark) error {
			for service, mark := range begins {
				if enc.Encode(api.LogLine{Service: service, Begin: true, Mark: mark.String()}) != nil {
					return errLeft
				}
			}
			return nil
		}
	}
	err := q.Idle() // the answer has begun, though there may be no line yet
	if err == nil {
		err = logfile.Read(r.Context(), q, func(l logfile.Line) error {
			line := l.Wire()
			if marks {
				line.Mark = l.Mark.String()
			}
			if enc.Encode(line) != nil {
				return errLeft
			}
			return nil
		})
	}
	if err == nil {
		err = q.Idle()
	}
	if errors.Is(err, errLeft) || r.Context().Err() != nil {
		return nil
	}
	return err
}
