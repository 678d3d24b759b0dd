package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/seancehq/seance/api"
)

// Who has asked for some services gets no others by a reload, be it asked for
// with a signal or over the API, but what they come to need.
func TestRunReloadsTheServicesItWasAskedFor(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	path := b.manifest("some", `services:
  db: {command: [sleep, "1000"]}
  web: {command: [sleep, "1000"], needs: [db]}
  job: {command: [sleep, "1000"]}
  other: {command: [sleep, "1000"]}
`)
	r := b.run("-f", path, "web", "job")
	r.says(`^web +\| \[running`)
	r.says(`^job +\| \[running`)
	c := b.client("some")
	running := func(want ...string) func() bool {
		return func() bool {
			services, err := c.Services(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range services {
				if s.PID != 0 {
					got = append(got, s.Name)
				}
			}
			slices.Sort(got)
			return slices.Equal(got, want)
		}
	}
	b.until("those run that were asked for", running("db", "job", "web"))

	b.manifest("some", `services:
  db: {command: [sleep, "1000"]}
  queue: {command: [sleep, "1000"]}
  web: {command: [sleep, "2000"], needs: [db, queue]}
  other: {command: [sleep, "2000"]}
  new: {command: [sleep, "1000"]}
`)
	plan, err := c.Reload(t.Context(), api.ReloadRequest{Manifest: b.request(path).Manifest, ManifestPath: path, DryRun: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range plan.Steps {
		if step.Action == api.ReloadStart && step.Name != "queue" {
			t.Errorf("the plan is to start %s", step.Name)
		}
	}
	r.signal(syscall.SIGHUP)
	b.until("the reload is told", func() bool { return says(r, "seance: reloaded\n") == 1 })
	if !running("db", "queue", "web")() {
		t.Errorf("after the signal there run %+v", b.must("ps", "-i", "some"))
	}

	b.manifest("some", `services:
  web: {command: [sleep, "2000"]}
  other: {command: [sleep, "1000"]}
  broken: {command: [no-such-program]}
  job: {command: [no-such-program]}
`)
	r.signal(syscall.SIGHUP)
	b.until("the reload is told again", func() bool { return says(r, "seance: reloaded\n") == 2 })
	if !running("web")() {
		t.Errorf("after the second signal there run %+v", b.must("ps", "-i", "some"))
	}
	if got := says(r, `seance: cannot start service "job": program "no-such-program" is in no folder of PATH`); got != 1 {
		t.Errorf("it tells %d times what has failed:\n%s", got, r.err.String())
	}
	r.signal(syscall.SIGTERM)
	r.ends(1)
	b.swept("some", before)
}

// says is how often a run has said something on standard error.
func says(r *running, text string) int { return strings.Count(r.err.String(), text) }

// What forbids a reload that a signal asks for is said once.
func TestRunDoesNotReloadWhileItBoots(t *testing.T) {
	b := newBox(t)
	path := b.manifest("slow", `services:
  job: {command: [sleep, "1000"], ready: {command: ["false"], timeout: 10m}}
`)
	r := b.run("-f", path)
	r.says(`^job +\| \[starting`)
	r.signal(syscall.SIGHUP)
	b.until("the reload is refused", func() bool { return says(r, "cannot reload") > 0 })
	if says(r, "seance: cannot reload image \"slow\": it is still booting; try again when it is up\n") != 1 || says(r, "cannot reload") != 1 {
		t.Errorf("it says:\n%s", r.err.String())
	}
	r.signal(syscall.SIGTERM)
	r.ends(0)
}
