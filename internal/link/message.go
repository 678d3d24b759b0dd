// Package link is what init and its monitor say to each other.
//
// Init listens on a unix socket in the image's folder; the monitor connects.
// There is at most one link at a time, and the newest wins. Messages are JSON
// values, one a line:
//
//	monitor → init   Greeting, first on every connection: why it connects
//	monitor → init   call, with a number; init answers each with a reply, side
//	                 by side with others
//	monitor → init   cancel: nobody waits for the reply to a call any more
//	init → monitor   event: what happens inside, as it happens
//	init → monitor   Farewell, last: init closes the link, and says what for
//
// A call that was not answered when the link closed is made again on the next
// one; one that changes something bears a key then, and is carried out once.
//
// A snapshot closes the link: a unix connection to a process outside cannot
// be frozen. After a Farewell that asks for a save the monitor freezes the
// image and connects again, to the running copy or to a revived one, and its
// Greeting tells init which of the two it is.
package link

import (
	"encoding/json"
	"time"

	"github.com/seancehq/seance/api"
)

// Verdict is what a monitor's greeting means to init.
type Verdict string

const (
	// Start: run the start-up list for the first time.
	Start Verdict = "start"
	// Adopted: a new monitor takes over from one that is gone.
	Adopted Verdict = "adopted"
	// Continuing: the image is saved, and this is the running copy.
	Continuing Verdict = "continuing"
	// Booting: this copy was booted from the saved image.
	Booting Verdict = "booting"
	// Failed: nothing was saved.
	Failed Verdict = "failed"
)

// Greeting is the monitor's first message on a connection.
type Greeting struct {
	Verdict Verdict `json:"verdict"`
	// Name is what the live image is called now.
	Name string `json:"name"`
	// Error says, after Failed, what went wrong.
	Error *api.Error `json:"error,omitempty"`
	// Saved and FrozenMS describe, after Continuing, what was saved and how
	// long the programs stood still for it.
	Saved    *api.SavedInfo `json:"saved,omitempty"`
	FrozenMS float64        `json:"frozen_ms,omitempty"`
}

// Farewell is init's last message on a connection.
type Farewell struct {
	// Snapshot identifies the snapshot that is being made.
	Snapshot string `json:"snapshot"`
	Save     bool   `json:"save"`
	Quit     bool   `json:"quit"`
	// Ref is the name to save as, "" for the live image's own.
	Ref string `json:"ref,omitempty"`
	// Startup is the start-up list, as a saved image keeps it.
	Startup []api.Handler `json:"startup,omitempty"`
	// Source is the manifest that the image runs now; nil from an init that
	// cannot reload one.
	Source *Source `json:"source,omitempty"`
	// Error says, of a start-up that was rolled back, why.
	Error *api.Error `json:"error,omitempty"`
	// Survivors are processes of detached services that live on after a quit, as
	// "PID (NAME)".
	Survivors []string `json:"survivors,omitempty"`
	// Notices are the last of an image that quits, when somebody follows them.
	Notices []api.Notice `json:"notices,omitempty"`
	// Capture lists the folders to save with the memory.
	Capture []string `json:"capture,omitempty"`
	// Session is the identity of the session, Started when it began.
	Session string    `json:"session"`
	Started time.Time `json:"started"`
}

// SpecFile is the name of the file in the image's folder that holds a [Spec].
const SpecFile = "init.json"

// Spec tells init what to run. The monitor writes it before it starts init.
type Spec struct {
	// Name is what the live image is called.
	Name string `json:"name"`
	// Dir is the image's own folder as init sees it.
	Dir string `json:"dir"`
	// Own is true in an image with namespaces and a mount tree of its own.
	Own bool `json:"own"`
	// Manifest is the manifest's source, ManifestPath where it was read, "" when
	// it was made in memory.
	Manifest     []byte `json:"manifest"`
	ManifestPath string `json:"manifest_path"`
	// Groups is where the image's control groups are, as the monitor sees it; ""
	// for none. An image with a mount tree of its own finds them in the folder
	// cgroup of Dir.
	Groups string `json:"groups,omitempty"`
	// Hot says that a snapshot keeps the memory of running programs.
	Hot bool `json:"hot"`
	// Env is the environment that programs inherit.
	Env []string `json:"env"`
}

// Calls that a monitor makes.
const (
	CallImage     = "image"     // → api.Image
	CallServices  = "services"  // → []api.Service
	CallHandlers  = "handlers"  // → api.Handlers
	CallHierarchy = "hierarchy" // → process.State
	CallSnapshot  = "snapshot"  // api.SnapshotRequest → Accepted

	CallUsage    = "usage"           // → []api.Service with their usage
	CallChange   = "change-services" // api.ServicesRequest → api.ServicesResult
	CallWait     = "wait-service"    // WaitRequest → []api.Service
	CallReload   = "reload"          // api.ReloadRequest → api.ReloadResult
	CallNotices  = "notices"         // api.NoticeQuery → []api.Notice
	CallManifest = "manifest"        // → Source
	CallMetrics  = "metrics"         // → Metrics

	CallAddHandler     = "add-handler"     // api.HandlerRequest → api.Handler
	CallRemoveHandler  = "remove-handler"  // its ID, a string
	CallAddCategory    = "add-category"    // api.CategoryRequest
	CallRemoveCategory = "remove-category" // its name, a string
)

// Changes says whether a call changes something, so that it is carried out
// once however often it is repeated, and goes on when nobody waits for it.
func Changes(method string) bool {
	switch method {
	case CallChange, CallReload, CallAddHandler, CallRemoveHandler, CallAddCategory, CallRemoveCategory:
		return true
	}
	return false
}

// WaitRequest asks for an answer when a service is as asked.
type WaitRequest struct {
	Name string      `json:"name"`
	For  api.WaitFor `json:"for"`
}

// Source is the manifest that an image runs now.
type Source = api.Source

// Accepted answers a CallSnapshot that has begun. Its end is told by an event
// of type result.
type Accepted struct {
	Snapshot string `json:"snapshot"`
}

// message is one line on the wire. Exactly one of Greeting, Farewell, Event,
// Call, Cancel and Reply is set.
type message struct {
	Greeting *Greeting  `json:"greeting,omitempty"`
	Farewell *Farewell  `json:"farewell,omitempty"`
	Event    *api.Event `json:"event,omitempty"`
	Call     string     `json:"call,omitempty"`
	Reply    bool       `json:"reply,omitempty"`
	Cancel   bool       `json:"cancel,omitempty"` // nobody waits for the reply any more

	// ID numbers a call, and its reply.
	ID uint64 `json:"id,omitempty"`
	// Key is the same for a call and its repetition on another connection.
	Key   string          `json:"key,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
	Error *api.Error      `json:"error,omitempty"`
}
