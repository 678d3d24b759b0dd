package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ServiceAction is what to do with services.
type ServiceAction string

const (
	ActionStart   ServiceAction = "start"   // with those they need; one that runs stays
	ActionStop    ServiceAction = "stop"    // one that does not run stays so
	ActionRestart ServiceAction = "restart" // stop, and start again
)

// ServicesRequest asks for something to be done with services. They are
// started in the order of the start-up list and stopped in the reverse,
// whatever their order here.
type ServicesRequest struct {
	Action ServiceAction `json:"action"`
	// Services are names; that of a service with replicas stands for all of them.
	Services []string `json:"services"`
	// Wait has the answer come when all are ready, or when all are stopped. Else
	// it comes when that is under way.
	Wait bool `json:"wait,omitempty"`
}

// ServicesResult says what became of a ServicesRequest.
type ServicesResult struct {
	// Services are those that were meant, in the order of the start-up list.
	Services []ServiceChange `json:"services"`
}

// ServiceChange is what was done with one service.
type ServiceChange struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// Changed is false when there was nothing to do.
	Changed bool   `json:"changed"`
	Error   string `json:"error,omitempty"`
	// Survivors are processes of a detached service that live on, as
	// "PID (NAME)".
	Survivors []string `json:"survivors,omitempty"`
}

// WaitFor is what to wait for.
type WaitFor string

const (
	WaitReady   WaitFor = "ready"   // others may count on it
	WaitStopped WaitFor = "stopped" // nothing of it runs, and nothing is about to
)

// ReloadRequest asks a live image to become what another manifest says.
type ReloadRequest struct {
	// Manifest is its source, ManifestPath where it was read.
	Manifest     []byte `json:"manifest"`
	ManifestPath string `json:"manifest_path"`
	DryRun       bool   `json:"dry_run,omitempty"`
}

// Source is the manifest that an image runs now: a reload may have changed it.
type Source struct {
	// Manifest is its source, ManifestPath where it was read.
	Manifest     []byte `json:"manifest"`
	ManifestPath string `json:"manifest_path"`
}

// ReloadResult is the plan of a reload and, unless that was all that was
// wanted, what came of it.
type ReloadResult struct {
	// Steps are in the order in which they are taken: what ends first, in the
	// order of the shut-down list, then what begins, in that of the start-up list.
	Steps []ReloadStep `json:"steps"`
	// Unchanged is how many handlers stay as they are.
	Unchanged int  `json:"unchanged"`
	Done      bool `json:"done"` // false after a dry run
}

// ReloadAction is one kind of step.
type ReloadAction string

const (
	ReloadStop   ReloadAction = "stop"    // of a handler that is to go
	ReloadStart  ReloadAction = "start"   // of a handler that is new
	ReloadChange ReloadAction = "restart" // stopped and started with what is new
	ReloadUpdate ReloadAction = "update"  // takes what is new while it runs
)

// ReloadStep is one step of a reload.
type ReloadStep struct {
	Action ReloadAction `json:"action"`
	Name   string       `json:"name"`
	Kind   string       `json:"kind"` // service or hook
	// Keys of the manifest that have changed, such as command.
	Keys  []string `json:"keys,omitempty"`
	Error string   `json:"error,omitempty"`
}

// Notice is something that happened in a live image: a service changed its
// state, a handler was called, a snapshot was made.
type Notice struct {
	// Seq numbers the notices of an image from 1 without a gap, and goes on after
	// a boot.
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	Kind string    `json:"kind"` // service, hook, image
	Name string    `json:"name"` // of the service or hook, or of the image
	// State is a service's or a hook's; what the image does now, for an image.
	State    string `json:"state"`
	Ready    bool   `json:"ready,omitempty"`
	Instance int    `json:"instance,omitempty"`
	PID      int    `json:"pid,omitempty"`
	// Message says why, such as how a program ended.
	Message string `json:"message,omitempty"`
}

// NoticeQuery selects notices.
type NoticeQuery struct {
	// After selects those with a greater Seq; the oldest may be forgotten.
	After uint64 `json:"after"`
	// Wait is how long to wait for one, in milliseconds, when there is none.
	WaitMS int `json:"wait_ms,omitempty"`
	// Max is how many to tell at most; 0: all that are kept.
	Max int `json:"max,omitempty"`
}

// ChangeServices starts, stops or restarts services.
func (c *Client) ChangeServices(ctx context.Context, req ServicesRequest) (result ServicesResult, err error) {
	err = c.change(ctx, http.MethodPost, "/v1/services", req, &result)
	return result, err
}

// ServicesWithUsage lists the services in start-up order, with what they use.
func (c *Client) ServicesWithUsage(ctx context.Context) (all []Service, err error) {
	err = c.get(ctx, "/v1/services?usage=true", &all)
	return all, err
}

// WaitService waits until a service, or all replicas of one, are as asked. One
// that has failed, or has ended and is not to be started again, is an error when
// it was to get ready.
func (c *Client) WaitService(ctx context.Context, name string, what WaitFor) (all []Service, err error) {
	err = c.get(ctx, "/v1/services/"+url.PathEscape(name)+"/wait?for="+url.QueryEscape(string(what)), &all)
	return all, err
}

// Source gives the manifest that the image runs now.
func (c *Client) Source(ctx context.Context) (source Source, err error) {
	err = c.get(ctx, "/v1/manifest", &source)
	return source, err
}

// Reload has a live image become what another manifest says. Every event on the
// way goes to progress, which may be nil.
func (c *Client) Reload(ctx context.Context, req ReloadRequest, progress func(Event)) (*ReloadResult, error) {
	body, err := c.do(ctx, http.MethodPost, "/v1/reload", req)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	last, err := ReadEvents(body, progress)
	return last.Reload, err
}

// Notices calls each with what has happened after the notice numbered after,
// and with what happens from then on when follow is set. It returns nil when
// the image has ended.
func (c *Client) Notices(ctx context.Context, after uint64, follow bool, each func(Notice) error) error {
	v := url.Values{"after": {strconv.FormatUint(after, 10)}, "follow": {strconv.FormatBool(follow)}}
	body, err := c.do(ctx, http.MethodGet, "/v1/events?"+v.Encode(), nil)
	if err != nil {
		return err
	}
	defer body.Close()
	return decodeStream(body, each)
}

// Metrics gives the image's figures in the text format of Prometheus.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	body, err := c.do(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return "", err
	}
	defer body.Close()
	var text strings.Builder
	_, err = io.Copy(&text, body)
	return text.String(), err
}
