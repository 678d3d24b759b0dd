package serve_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seancehq/seance/api"
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
	server := httptest.NewServer(serve.Logs(logs.Dir(), ended, func(err error) { t.Error(err) }))
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
	server := httptest.NewServer(serve.Logs(t.TempDir(), nil, func(err error) { t.Error(err) }))
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
