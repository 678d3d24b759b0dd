package cli

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/pidfd"
	livefolder "github.com/seancehq/seance/internal/live"
)

// recordRun puts an image on record that a process runs in the foreground.
func (p *place) recordRun(name string, init pidfd.ID) api.Live {
	p.t.Helper()
	live := p.home.Live(name)
	if err := os.MkdirAll(live.Dir, 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := (livefolder.Record{Name: name, Init: init, Foreground: true}).Write(live); err != nil {
		p.t.Fatal(err)
	}
	return live
}

func self(t *testing.T) pidfd.ID {
	t.Helper()
	id, err := pidfd.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// noMonitor checks that none was started: it would have begun a log.
func (p *place) noMonitor(live api.Live) {
	p.t.Helper()
	for _, path := range []string{live.MonitorLog(), p.home.Programs()} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			p.t.Errorf("there is %s (%v): a monitor was started", path, err)
		}
	}
}

// An image in the foreground that does not answer has just begun, or clears away.
func TestARunThatDoesNotAnswerGetsNoMonitor(t *testing.T) {
	t.Run("it has just begun", func(t *testing.T) {
		p := newPlace(t)
		live := p.recordRun("shop", self(t))
		done := make(chan printed)
		go func() { done <- p.run("ps", "-i", "shop") }()
		p.listen(live.Socket(), with(shop("shop"), "GET /v1/services", answer([]api.Service{{Name: "db"}})))
		if got := <-done; got.status != exitOK || got.stderr != "" {
			t.Errorf("it says %+v", got)
		}
		p.noMonitor(live)
	})
	t.Run("it clears away", func(t *testing.T) {
		p := newPlace(t)
		live := p.recordRun("shop", self(t))
		time.AfterFunc(20*time.Millisecond, func() { _ = os.Remove(live.Record()) })
		p.run("ps", "-i", "shop").want(t, exitNotFound, "", "seance: image \"shop\" is no longer alive\n")
		p.noMonitor(live)
	})
	t.Run("it was killed", func(t *testing.T) {
		p := newPlace(t)
		gone := self(t)
		gone.Start++ // nobody's
		live := p.recordRun("shop", gone)
		p.run("ls", "--json").want(t, exitOK, "[]\n", "seance: image \"shop\" has ended: its seance run was killed\n")
		if live.Recorded() {
			t.Error("it is on record yet")
		}
		p.noMonitor(live)
	})
}
