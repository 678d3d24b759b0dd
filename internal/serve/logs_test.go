package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/serve"
)

// A client that stops reading holds up neither the service nor another client,
// and finds all there is when it goes on.
func TestLogsForAClientThatStopsReading(t *testing.T) {
	const total = 100_000 // some 20 MB of answer, more than any socket holds
	logs := logfile.NewSet(t.TempDir(), logfile.Options{})
	if err := logs.Open(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	server := httptest.NewServer(serve.Logs(serve.LogFolder{Dir: logs.Dir(), Ended: ended, OnError: func(err error) { t.Error(err) }}))
	defer server.Close()

	stuck := followLogs(t, server.URL+"?follow=true")
	defer stuck.Close()
	stream := logs.Log("web").Stream("stdout", 1)
	fill := strings.Repeat("x", 100)
	for i := range total {
		fmt.Fprintf(stream, "%d %s\n", i, fill)
	}
	other := followLogs(t, server.URL+"?follow=true&grep="+fmt.Sprint("^", total-1, "%20"))
	defer other.Close()
	if l, ok := other.next(); !ok || l.Text != fmt.Sprint(total-1, " ", fill) {
		t.Errorf("another client got %+v", l)
	}
	logs.End()
	close(ended)
	for i := range total {
		if l, ok := stuck.next(); !ok || l.Text != fmt.Sprint(i, " ", fill) {
			t.Fatalf("line %d is %+v", i, l)
		}
	}
	if l, ok := stuck.next(); ok {
		t.Errorf("and then came %+v", l)
	}
}

func TestLogsRefusesWhatItCannotRead(t *testing.T) {
	server := httptest.NewServer(serve.Logs(serve.LogFolder{Dir: t.TempDir(), OnError: func(err error) { t.Error(err) }}))
	defer server.Close()
	for _, query := range []string{"tail=x", "follow=2", "marks=x", "since=yesterday", "until=tomorrow", "grep=(", "after=web", "after=web:x"} {
		resp, err := http.Get(server.URL + "?" + query)
		if err != nil {
			t.Fatal(err)
		}
		var e api.Error
		if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || resp.StatusCode != http.StatusBadRequest || e.Code != api.CodeBad {
			t.Errorf("%s: %s, %+v, %v", query, resp.Status, e, err)
		}
		resp.Body.Close()
	}
}

// A name stands for a service that there is, or for a log that there is, of whatever
// time.
func TestLogsRefusesNamesOfNothing(t *testing.T) {
	now := link.Calls(func(context.Context, string, json.RawMessage) (any, error) {
		return api.Handlers{Startup: []api.Handler{
			{ID: "logs", Kind: "seance"}, {ID: "web", Kind: "service"}, {ID: "silent-1", Kind: "service"}, {ID: "warm-up", Kind: "hook"},
		}}, nil
	})
	mute := link.Calls(func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	folder := logfile.NewSet(t.TempDir(), logfile.Options{})
	if err := folder.Open(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web", "removed-1"} {
		folder.Log(name).Note("hello")
	}
	folder.End()
	for _, tt := range []struct {
		caller  serve.Caller
		query   string
		message string // "": it is answered
	}{
		{now, "", ""},
		{now, "service=web", ""},
		{now, "service=removed-1", ""},
		{now, "service=removed", ""},
		{now, "service=silent&service=warm-up", ""},
		{now, "service=web&service=nope", `image "shop" has no service "nope" with a log; there are: removed-1, silent-1, warm-up, web`},
		{now, "service=nope&follow=true", `image "shop" has no service "nope" with a log; there are: removed-1, silent-1, warm-up, web`},
		{now, "service=logs", `image "shop" has no service "logs" with a log; there are: removed-1, silent-1, warm-up, web`},
		{mute, "service=nope", ""},
	} {
		t.Run(tt.query, func(t *testing.T) {
			f := serve.LogFolder{Image: "shop", Dir: folder.Dir(), Caller: tt.caller, Ended: closed(), OnError: func(err error) { t.Error(err) }}
			resp, body := ask(t, serve.Logs(f), "GET", "/v1/logs?"+tt.query, "")
			var e api.Error
			switch {
			case tt.message == "":
				if resp.StatusCode != http.StatusOK {
					t.Errorf("%s: %s", resp.Status, body)
				}
			case resp.StatusCode != http.StatusNotFound || json.Unmarshal([]byte(body), &e) != nil || e.Code != api.CodeNotFound || e.Message != tt.message:
				t.Errorf("%s: %s, want %q", resp.Status, body, tt.message)
			}
		})
	}
}

type logReader struct {
	*http.Response
	lines *bufio.Scanner
}

func followLogs(t *testing.T, url string) *logReader {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return &logReader{resp, bufio.NewScanner(resp.Body)}
}

func (r *logReader) next() (l api.LogLine, ok bool) {
	return l, r.lines.Scan() && json.Unmarshal(r.lines.Bytes(), &l) == nil
}

func (r *logReader) Close() { r.Body.Close() }
