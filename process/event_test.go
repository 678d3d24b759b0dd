package process_test

import (
	"encoding/json"
	"testing"

	"github.com/seancehq/seance/process"
)

func TestEventsComeBackFromJSON(t *testing.T) {
	seen := map[string]bool{}
	for k := process.EventEnded; k <= process.EventSessionEnded; k++ {
		want := process.Event{Kind: k, PID: 5, From: 6, To: 7, Name: "sh", Status: process.Killed(process.SIGKILL)}
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got process.Event
		if err := json.Unmarshal(raw, &got); err != nil || got != want {
			t.Errorf("%s came back as %+v (%v)", raw, got, err)
		}
		if seen[k.String()] || k.String() == "" || k.String() == "unknown" {
			t.Errorf("kind %d is called %q", k, k)
		}
		seen[k.String()] = true
	}
	var later process.Event
	if err := json.Unmarshal([]byte(`{"kind": "teleported", "pid": 5}`), &later); err != nil || later.Kind != 0 || later.String() != "unknown event" {
		t.Errorf("an event of a later version is %v (%v)", later, err)
	}
}
