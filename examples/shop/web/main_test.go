package main

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCounter(t *testing.T) {
	server := httptest.NewServer(counter())
	defer server.Close()
	for _, step := range []struct{ path, want string }{
		{"/", "0"}, {"/count", "1"}, {"/count", "2"}, {"/", "2"},
	} {
		res, err := server.Client().Get(server.URL + step.path)
		if err != nil {
			t.Fatalf("GET %s: %v", step.path, err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatalf("GET %s: %v", step.path, err)
		}
		if got := strings.TrimSpace(string(body)); got != step.want {
			t.Errorf("GET %s = %s, want %s", step.path, got, step.want)
		}
	}
}
