package api

import (
	"encoding/json"
	"time"
)

// Environment variables that every program inside an image finds.
const (
	// EnvSocket names the socket on which init serves the API inside.
	EnvSocket = "SEANCE_SOCKET"
	// EnvImage is the name of the live image.
	EnvImage = "SEANCE_IMAGE"
)

// State is what a live image is doing.
type State string

const (
	StateBooting   State = "booting"   // its start-up list runs for the first time
	StateRunning   State = "running"   // all is up
	StateSaving    State = "saving"    // a snapshot is being made
	StateReloading State = "reloading" // it becomes what another manifest says
	StateQuitting  State = "quitting"  // its shut-down list runs for the last time
	StateLost      State = "lost"      // init does not answer
)

// Freezers.
const (
	FreezerCRIU    = "criu"    // hot: memory and all
	FreezerRespawn = "respawn" // cold: programs start again from the manifest
)

// Image describes a live image.
type Image struct {
	Name    string `json:"name"`
	State   State  `json:"state"`
	Freezer string `json:"freezer"`
	// WhyCold says, when Freezer is "respawn", why it is not "criu".
	WhyCold string `json:"why_cold,omitempty"`
	// PID is init's, as the host sees it; 0 when asked from inside.
	PID        int       `json:"pid"`
	MonitorPID int       `json:"monitor_pid,omitempty"`
	Session    string    `json:"session"`            // identity of the session
	Started    time.Time `json:"started"`            // when the session began
	From       string    `json:"from,omitempty"`     // digest of the saved image it was booted from
	FromRef    string    `json:"from_ref,omitempty"` // the name it was asked for by
	Manifest   string    `json:"manifest"`           // path of the manifest
	Services   int       `json:"services"`           // how many are to run: disabled ones count once started, stopped ones do not
	Ready      int       `json:"ready"`              // how many of them are ready, or are done: ended with exit status 0, and not to be started again
	Error      string    `json:"error,omitempty"`    // what failed at the last start-up
}

// Service describes one service of a live image.
type Service struct {
	Name     string     `json:"name"`
	State    string     `json:"state"`
	Ready    bool       `json:"ready"`
	PID      int        `json:"pid,omitempty"` // inside the image
	Instance int        `json:"instance"`      // counts starts, from 1
	Restarts int        `json:"restarts"`
	Exit     string     `json:"exit,omitempty"` // how the last instance ended
	Started  *time.Time `json:"started,omitempty"`
	UptimeMS float64    `json:"uptime_ms,omitempty"`
	Terminal string     `json:"terminal,omitempty"` // its name inside, such as pts/0
	Category string     `json:"category"`
	Priority int        `json:"priority"`
	Command  []string   `json:"command"`
	Error    string     `json:"error,omitempty"`
	// LogError is why what it writes is not kept in its log at present.
	LogError string `json:"log_error,omitempty"`
	// Of is the service's name in the manifest when it is one of its replicas.
	Of       string   `json:"of,omitempty"`
	Needs    []string `json:"needs,omitempty"`
	Disabled bool     `json:"disabled,omitempty"`
	Detached bool     `json:"detached,omitempty"`
	// Status is what the program says of itself with sd_notify(3).
	Status string `json:"status,omitempty"`
	// Usage is there when it was asked for.
	Usage *Usage `json:"usage,omitempty"`
}

// Usage is what the processes of a service use at one moment.
type Usage struct {
	Processes int `json:"processes"`
	Threads   int `json:"threads"`
	// CPUSeconds is the processor time of those that live, in seconds.
	CPUSeconds float64 `json:"cpu_seconds"`
	// Memory is their resident set, in bytes; shared pages count for each.
	Memory int64 `json:"memory_bytes"`
	// Ports are the TCP ports they listen on and the UDP ports they are bound
	// to, such as "tcp 127.0.0.1:80", sorted.
	Ports []string `json:"ports,omitempty"`
}

// Handlers is the start-up list and the shut-down list of a live image. The
// second is always the first reversed.
type Handlers struct {
	Startup  []Handler `json:"startup"`
	Shutdown []Handler `json:"shutdown"`
}

// Handler is one entry of a list, with what it did last.
type Handler struct {
	ID           string      `json:"id"`
	Kind         string      `json:"kind"` // service, hook or seance
	Category     string      `json:"category"`
	Priority     int         `json:"priority"`
	LastStartup  *HandlerRun `json:"last_startup,omitempty"`
	LastShutdown *HandlerRun `json:"last_shutdown,omitempty"`
}

// HandlerRun is one call of a handler.
type HandlerRun struct {
	ID         string    `json:"id"`
	Action     string    `json:"action"` // startup or shutdown
	Booting    bool      `json:"booting"`
	Quitting   bool      `json:"quitting"`
	Started    time.Time `json:"started"`
	DurationMS float64   `json:"duration_ms"`
	Error      string    `json:"error,omitempty"`
}

// LogLine is one line of a service's output.
type LogLine struct {
	// Time is when it was written; zero when the service's log has no times.
	Time    time.Time `json:"time,omitzero"`
	Service string    `json:"service"`
	Stream  string    `json:"stream"` // stdout, stderr, pty or seance
	// Instance is the start of the service that wrote it, from 1; 0: unknown.
	Instance int    `json:"instance,omitempty"`
	Partial  bool   `json:"partial,omitempty"`
	Text     string `json:"text"`
	// Bytes is the text as it was written, where that is not UTF-8.
	Bytes []byte `json:"bytes,omitempty"`
	// Mark is where the line ends in its service's log: see LogQuery.Marks.
	Mark string `json:"mark,omitempty"`
	// Begin says that this is no line: its mark is where the log begins to be
	// read. All such come before the first line.
	Begin bool `json:"begin,omitempty"`
}

// LogQuery selects log lines.
type LogQuery struct {
	Services []string // none: all; the name of replicas stands for each of them
	Tail     int      // the last so many lines; negative: all
	Follow   bool
	Since    time.Time // zero: from the beginning
	Until    time.Time // zero: to the end; who follows is done when it has passed
	Grep     string    // a regular expression (RE2) that the text matches; "": any
	// Marks asks for the mark of each line, and of where each log begins unless
	// that is its beginning. What was read can then be gone on with, exactly.
	Marks bool
	// After are marks by service: the service's lines begin just after it, and
	// Tail does not count for them.
	After map[string]string
}

// SnapshotRequest asks for a snapshot. Both false: nothing happens.
type SnapshotRequest struct {
	Save bool `json:"save"`
	Quit bool `json:"quit"`
	// Ref is the NAME[:TAG] to save as. Default: the live image's name.
	Ref string `json:"ref,omitempty"`
}

// Outcome says which copy is speaking, the way fork(2)'s result does.
type Outcome string

const (
	Continuing Outcome = "continuing" // the image goes on after a save
	Booting    Outcome = "booting"    // this copy was booted from the saved image
	Quit       Outcome = "quit"       // the image is gone, as asked
	Failed     Outcome = "failed"     // nothing was saved; the image goes on
	Nothing    Outcome = "nothing"    // neither save nor quit was asked for
)

// SnapshotResult is the answer to a snapshot.
type SnapshotResult struct {
	// ID is the snapshot's own; no two share one.
	ID      string     `json:"id"`
	Outcome Outcome    `json:"outcome"`
	Saved   *SavedInfo `json:"saved,omitempty"`
	// FrozenMS is how long the programs stood still.
	FrozenMS float64      `json:"frozen_ms,omitempty"`
	TotalMS  float64      `json:"total_ms,omitempty"`
	Handlers []HandlerRun `json:"handlers,omitempty"`
	// Survivors are processes of detached services that live on after a quit, as
	// "PID (NAME)".
	Survivors []string `json:"survivors,omitempty"`
	Error     string   `json:"error,omitempty"`
}

// SavedInfo names a saved image.
type SavedInfo struct {
	Ref     string `json:"ref"`
	Digest  string `json:"digest"`
	Size    int64  `json:"size"` // bytes its blobs take in the store
	Freezer string `json:"freezer"`
}

// EventType says what an Event carries.
type EventType string

const (
	EventStage   EventType = "stage"   // Message: what goes on now
	EventHandler EventType = "handler" // Handler, Phase
	EventResult  EventType = "result"  // the last one: Image, Snapshot or Error
)

// Event is one line of a stream that reports progress.
type Event struct {
	Type    EventType `json:"type"`
	Time    time.Time `json:"time"`
	Message string    `json:"message,omitempty"`

	Handler *HandlerRun `json:"handler,omitempty"`
	Phase   string      `json:"phase,omitempty"` // before or after

	Image    *Image          `json:"image,omitempty"`
	Snapshot *SnapshotResult `json:"snapshot,omitempty"`
	Reload   *ReloadResult   `json:"reload,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

// Error codes.
const (
	CodeBusy      = "busy"      // another snapshot is being made
	CodeNotFound  = "not-found" // no such image, service or handler
	CodeExists    = "exists"    // the name is live already
	CodeBad       = "bad-request"
	CodeCannot    = "cannot" // tried and failed
	CodeNotAlive  = "not-alive"
	CodeForbidden = "forbidden"
)

// Error is an error on the wire.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Detail is what an expert may want to read, such as the end of a log.
	Detail string `json:"detail,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// Action is what a new monitor is started for.
type Action string

const (
	ActionUp    Action = "up"    // run a manifest
	ActionBoot  Action = "boot"  // boot a saved image
	ActionAdopt Action = "adopt" // take over a live image whose monitor is gone
)

// Launch is what a command tells a monitor that it starts, as JSON on the
// monitor's standard input. The monitor answers with a stream of Events on
// its standard output, the last one a result, and then closes it.
type Launch struct {
	Action Action `json:"action"`
	Name   string `json:"name"` // of the live image

	// For ActionUp: the manifest and where it was read. The manifest is YAML. One
	// without a path was made in memory; when it has a single service and nothing
	// else, the image ends with that.
	Manifest     []byte `json:"manifest,omitempty"`
	ManifestPath string `json:"manifest_path,omitempty"`
	// Freezer forces one; "": criu where it works, else respawn.
	Freezer string `json:"freezer,omitempty"`

	// For ActionBoot: what to boot, and whether to boot though files changed.
	Ref   string `json:"ref,omitempty"`
	Force bool   `json:"force,omitempty"`
}

// Hierarchy is a process.State, undecoded.
type Hierarchy = json.RawMessage

// HierarchyChange is one line of the stream of changes to the hierarchy. The
// first one has the Hierarchy as it was then, each other one an Event. One with
// an Error is the last.
type HierarchyChange struct {
	Time      time.Time       `json:"time"` // when it was seen
	Hierarchy Hierarchy       `json:"hierarchy,omitempty"`
	Event     json.RawMessage `json:"event,omitempty"` // a process.Event, undecoded
	Error     *Error          `json:"error,omitempty"`
}
