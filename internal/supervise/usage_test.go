package supervise_test

import (
	"slices"
	"testing"

	"github.com/seancehq/seance/manifest"
)

// TestUsage asks what services use: one that listens on a port, one that has two
// processes, and one that does not run.
func TestUsage(t *testing.T) {
	addr := freePort(t)
	web := actorService("web", "http", "SUPERVISE_TEST_ADDR", addr)
	web.Ready = &manifest.Ready{HTTP: "http://" + addr + "/ready", Timeout: patient}
	two := service("two", "sleep 600 & wait")
	idle := service("idle", "sleep 600")
	idle.Disabled = true
	g := newRig(t, services(web, two, idle))
	boot(t, g.manager())

	eventually(t, "the second process is there", func() bool {
		used, err := g.Usage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return used["two"].Processes == 2
	})
	used, err := g.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := used["web"]; got.Processes != 1 || got.Threads < 2 || got.Memory == 0 || !slices.Equal(got.Ports, []string{"tcp " + addr}) {
		t.Errorf("web uses %+v, want one process that listens on %s", got, addr)
	}
	if got := used["two"]; got.Threads != 2 || len(got.Ports) != 0 {
		t.Errorf("two uses %+v, want two threads and no port", got)
	}
	if got, ok := used["idle"]; ok {
		t.Errorf("idle uses %+v, and does not run", got)
	}
}
