package serve

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/logfile"
)

// Logs serves the logs in a folder, until ended is closed for those who follow.
// They are read from the files, at each client's own pace: one who reads slowly,
// or not at all, holds nobody up. What keeps them from being read is told to
// onError: the client sees a stream that ends.
func Logs(dir string, ended <-chan struct{}, onError func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := api.ParseLogQuery(r.URL.Query())
		var q logfile.Query
		if err == nil {
			q, err = logfile.QueryFor(dir, asked)
		}
		if err != nil {
			Refuse(w, Bad("cannot read the request: %v", err))
			return
		}
		q.Ended = ended
		if err := sendLogs(w, r, q, asked.Marks); err != nil {
			onError(err)
		}
	})
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
