package serve

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
	h := NewHub()
	l := h.Listen()
	defer h.Leave(l)
	for n := range 2 {
		h.Publish(numbered(api.EventResult, n))
	}
	for n := range 2 {
		if got := (<-l.Result).Message; got != strconv.Itoa(n) {
			t.Errorf("result %d is %s", n, got)
		}
	}
}

// One who does not listen holds nobody up.
func TestASlowListenerLosesTheOldestResults(t *testing.T) {
	h := NewHub()
	l := h.Listen()
	defer h.Leave(l)
	for n := range resultsKept + 3 {
		h.Publish(numbered(api.EventResult, n))
	}
	for n := range progressKept + 3 {
		h.Publish(numbered(api.EventStage, n))
	}
	if got := (<-l.Result).Message; got != "3" {
		t.Errorf("the first result left is %s, want 3", got)
	}
	if got := (<-l.Progress).Message; got != "0" || len(l.Progress) != progressKept-1 {
		t.Errorf("the first of %d events is %s, want 0", len(l.Progress)+1, got)
	}
}
