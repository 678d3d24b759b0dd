package process

import (
	"fmt"
	"slices"
)

// EventKind says what Sync saw happen.
type EventKind uint8

const (
	EventEnded         EventKind = iota + 1 // the process PID is no longer there
	EventForked                             // the process PID is new; To is its parent
	EventReparented                         // PID has a new parent: From, To
	EventGroupChanged                       // PID has a new group: From, To
	EventSessionChange                      // PID has a new session: From, To
	EventExited                             // PID became a zombie, with Status
	EventStopped                            // PID was stopped
	EventContinued                          // PID was continued
	EventExec                               // PID runs another program: Name
	EventThreadStarted                      // PID has a new thread To
	EventThreadEnded                        // the thread From of PID has ended
	EventTerminal                           // session PID has another terminal: Name
	EventForeground                         // session PID has another foreground group: From, To
	EventOrphaned                           // group PID became orphaned
	EventGroupEnded                         // group PID is gone
	EventSessionEnded                       // session PID is gone
)

var eventNames = [...]string{
	EventEnded: "ended", EventForked: "forked", EventReparented: "reparented",
	EventGroupChanged: "group-changed", EventSessionChange: "session-changed",
	EventExited: "exited", EventStopped: "stopped", EventContinued: "continued", EventExec: "exec",
	EventThreadStarted: "thread-started", EventThreadEnded: "thread-ended",
	EventTerminal: "terminal", EventForeground: "foreground",
	EventOrphaned: "orphaned", EventGroupEnded: "group-ended", EventSessionEnded: "session-ended",
}

// String names a kind in a word, such as "forked".
func (k EventKind) String() string {
	if k == 0 || int(k) >= len(eventNames) {
		return "unknown"
	}
	return eventNames[k]
}

// MarshalText is String: an Event is encoded as JSON as it is.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText takes what MarshalText gave. A kind it does not know, of a later
// version, becomes 0.
func (k *EventKind) UnmarshalText(text []byte) error {
	*k = EventKind(max(0, slices.Index(eventNames[:], string(text))))
	return nil
}

// Event is a change that Sync saw.
type Event struct {
	Kind   EventKind  `json:"kind"`
	PID    PID        `json:"pid"` // the process, or the group or session of the last kinds
	From   PID        `json:"from,omitempty"`
	To     PID        `json:"to,omitempty"`
	Name   string     `json:"name,omitempty"`
	Status ExitStatus `json:"status,omitempty"`
}

func (e Event) String() string {
	switch e.Kind {
	case EventEnded:
		return fmt.Sprintf("process %d ended", e.PID)
	case EventForked:
		return fmt.Sprintf("process %d started by %d: %s", e.PID, e.To, printable(e.Name))
	case EventReparented:
		return fmt.Sprintf("process %d: parent %d, was %d", e.PID, e.To, e.From)
	case EventGroupChanged:
		return fmt.Sprintf("process %d: group %d, was %d", e.PID, e.To, e.From)
	case EventSessionChange:
		return fmt.Sprintf("process %d: session %d, was %d", e.PID, e.To, e.From)
	case EventExited:
		if e.Status == 0 { // as if not known
			return fmt.Sprintf("process %d is a zombie", e.PID)
		}
		return fmt.Sprintf("process %d is a zombie: %v", e.PID, e.Status)
	case EventStopped:
		return fmt.Sprintf("process %d stopped", e.PID)
	case EventContinued:
		return fmt.Sprintf("process %d continued", e.PID)
	case EventExec:
		return fmt.Sprintf("process %d now runs %s", e.PID, printable(e.Name))
	case EventThreadStarted:
		return fmt.Sprintf("process %d: thread %d started", e.PID, e.To)
	case EventThreadEnded:
		return fmt.Sprintf("process %d: thread %d ended", e.PID, e.From)
	case EventTerminal:
		if e.Name == "" {
			return fmt.Sprintf("session %d lost its terminal", e.PID)
		}
		return fmt.Sprintf("session %d: terminal %s", e.PID, printable(e.Name))
	case EventForeground:
		return fmt.Sprintf("session %d: foreground group %d, was %d", e.PID, e.To, e.From)
	case EventOrphaned:
		return fmt.Sprintf("group %d is orphaned", e.PID)
	case EventGroupEnded:
		return fmt.Sprintf("group %d ended", e.PID)
	case EventSessionEnded:
		return fmt.Sprintf("session %d ended", e.PID)
	}
	return "unknown event"
}
