package monitor

import (
	"strconv"
	"testing"

	"github.com/seancehq/seance/api"
)

func numbered(t api.EventType, n int) api.Event {
	return api.Event{Type: t, Message: strconv.Itoa(n)}
}

// An image around a program may come up and quit before whoever started it has
// taken the first result.
func TestAResultIsNotReplacedByTheNext(t *testing.T) {
	h := newHub()
	l := h.listen()
	defer h.leave(l)
	for n := range 2 {
		h.publish(numbered(api.EventResult, n))
	}
	for n := range 2 {
		if got := (<-l.result).Message; got != strconv.Itoa(n) {
			t.Errorf("result %d is %s", n, got)
		}
	}
}

// One who does not listen holds nobody up.
func TestASlowListenerLosesTheOldestResults(t *testing.T) {
	h := newHub()
	l := h.listen()
	defer h.leave(l)
	for n := range resultsKept + 3 {
		h.publish(numbered(api.EventResult, n))
	}
	for n := range progressKept + 3 {
		h.publish(numbered(api.EventStage, n))
	}
	if got := (<-l.result).Message; got != "3" {
		t.Errorf("the first result left is %s, want 3", got)
	}
	if got := (<-l.progress).Message; got != "0" || len(l.progress) != progressKept-1 {
		t.Errorf("the first of %d events is %s, want 0", len(l.progress)+1, got)
	}
}
