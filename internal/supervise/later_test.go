package supervise_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

// failing is a service that fails until there is a file.
func failing(name, gate string) manifest.Service {
	s := service(name, "[ -e "+gate+" ] || exit 1; echo up; exec sleep 600")
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	s.Restart.Delay, s.Restart.MaxDelay = time.Millisecond, 20*time.Millisecond
	return s
}

// What failed because of another is started when that is ready at a later attempt, and
// so is what needs it in turn.
func TestWhatNeedsAFlakyServiceIsStartedLater(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	web, page := service("web", "exec sleep 600"), service("page", "exec sleep 600")
	web.Needs, page.Needs = []string{"db"}, []string{"web"}
	g := newRig(t, services(failing("db", gate), web, page))
	m := g.manager()
	if _, err := m.Boot(limit(t)); err == nil {
		t.Error("the first attempt is not told")
	}
	for _, name := range []string{"web", "page"} {
		if s := g.status(name); s.State != supervise.Failed || !strings.HasSuffix(s.Err.Error(), "; it is started when that is ready") {
			t.Errorf("%s: %+v", name, s)
		}
	}
	writeFile(gate, "")
	for _, name := range []string{"db", "web", "page"} {
		if _, err := g.Await(limit(t), name, supervise.AwaitReady); err != nil {
			t.Error(err)
		}
	}
	if s := g.status("web"); s.Instance != 1 {
		t.Errorf("%+v", s)
	}
}

// Nothing comes of it when what is needed fails for good, or somebody stops the one
// that waits.
func TestWhatNeedsAServiceThatFailsForGood(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	db, web, stopped := failing("db", gate), service("web", "exec sleep 600"), service("stopped", "exec sleep 600")
	db.Restart.Limit, db.Restart.Within, db.Restart.Delay, db.Restart.MaxDelay = 1, time.Hour, 300*time.Millisecond, time.Second
	web.Needs, stopped.Needs = []string{"db"}, []string{"db"}
	g := newRig(t, services(db, web, stopped))
	if _, err := g.manager().Boot(limit(t)); err == nil {
		t.Error("the first attempt is not told")
	}
	if err := g.Stop(limit(t), "stopped"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Await(limit(t), "web", supervise.AwaitReady); err == nil || strings.Contains(err.Error(), "when that is ready") {
		t.Errorf("it is waited for: %v", err)
	}
	if s := g.status("stopped"); s.State != supervise.Stopped || s.Instance != 0 {
		t.Errorf("%+v", s)
	}
}
