package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// ErrNoMonitor says that nobody serves the API on a socket: the image is
// gone, or its monitor is.
var ErrNoMonitor = errors.New("nobody answers on the image's socket")

// Client speaks to one live image.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient makes a client of the API served on a unix socket. It connects
// anew for each request and keeps no connection open.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: &http.Client{
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}}
}

// Image describes the live image.
func (c *Client) Image(ctx context.Context) (img Image, err error) {
	err = c.get(ctx, "/v1/image", &img)
	return img, err
}

// Services lists the services in start-up order.
func (c *Client) Services(ctx context.Context) (all []Service, err error) {
	err = c.get(ctx, "/v1/services", &all)
	return all, err
}

// Handlers gives the start-up and the shut-down list.
func (c *Client) Handlers(ctx context.Context) (h Handlers, err error) {
	err = c.get(ctx, "/v1/handlers", &h)
	return h, err
}

// Hierarchy gives the sessions, groups and processes as they are now: a
// process.State as JSON.
func (c *Client) Hierarchy(ctx context.Context) (h Hierarchy, err error) {
	err = c.get(ctx, "/v1/hierarchy", &h)
	return h, err
}

// WatchHierarchy calls each with the hierarchy and then with every change to it,
// looking once an interval; 0 leaves the interval to the monitor. It returns nil
// when the image has ended.
func (c *Client) WatchHierarchy(ctx context.Context, interval time.Duration, each func(HierarchyChange) error) error {
	path := "/v1/hierarchy/events"
	if interval != 0 {
		path += "?" + url.Values{"interval": {interval.String()}}.Encode()
	}
	body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	return decodeStream(body, func(change HierarchyChange) error {
		if change.Error != nil {
			return change.Error
		}
		return each(change)
	})
}

// Logs calls each with every line that the query selects, until the query is
// exhausted, ctx ends or each returns an error.
func (c *Client) Logs(ctx context.Context, q LogQuery, each func(LogLine) error) error {
	v := q.values()
	body, err := c.do(ctx, http.MethodGet, "/v1/logs?"+v.Encode(), nil)
	if err != nil {
		return err
	}
	defer body.Close()
	return decodeStream(body, each)
}

// Snapshot asks for a snapshot and waits for its result. Every event on the
// way goes to progress, which may be nil. A program inside the image gets its
// answer in both copies: Continuing in one, Booting in the other.
func (c *Client) Snapshot(ctx context.Context, req SnapshotRequest, progress func(Event)) (*SnapshotResult, error) {
	body, err := c.do(ctx, http.MethodPost, "/v1/snapshot", req)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	last, err := ReadEvents(body, progress)
	if err != nil {
		return nil, fmt.Errorf("cannot learn the snapshot's result: %w", err)
	}
	if last.Snapshot == nil {
		return nil, errors.New("cannot learn the snapshot's result: the answer has none")
	}
	return last.Snapshot, nil
}

// ReadEvents reads a stream of events up to its result, passing all others to
// progress, which may be nil. A result that is an error is returned as one.
func ReadEvents(r io.Reader, progress func(Event)) (Event, error) {
	var last Event
	err := decodeStream(r, func(e Event) error {
		if e.Type == EventResult {
			last = e
			return io.EOF
		}
		if progress != nil {
			progress(e)
		}
		return nil
	})
	switch {
	case err == nil:
		return Event{}, io.ErrUnexpectedEOF
	case !errors.Is(err, io.EOF):
		return Event{}, err
	case last.Error != nil:
		return last, last.Error
	}
	return last, nil
}

// decodeStream passes each JSON value of a stream to each. It ends with nil
// at the end of the stream, or with the error that each returned.
func decodeStream[T any](r io.Reader, each func(T) error) error {
	for dec := json.NewDecoder(r); ; {
		var v T
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(v); err != nil {
			return err
		}
	}
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("cannot read the answer to %s: %w", path, err)
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var payload bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&payload).Encode(in); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://seance"+path, &payload)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, dialError(err)
	}
	if resp.StatusCode >= 400 {
		defer resp.Body.Close()
		return nil, readError(resp)
	}
	return resp.Body, nil
}

// dialError tells a socket that nobody serves from any other failure.
func dialError(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		return ErrNoMonitor
	}
	return err
}

func readError(resp *http.Response) error {
	var e Error
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if json.Unmarshal(raw, &e) != nil || e.Message == "" {
		return &Error{Code: CodeCannot, Message: fmt.Sprintf("%s: %s", resp.Status, bytes.TrimSpace(raw))}
	}
	return &e
}
