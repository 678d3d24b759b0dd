package e2e

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/testenv"
)

// request is a reload to what a manifest says now.
func (b *box) request(path string) api.ReloadRequest {
	b.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return api.ReloadRequest{Manifest: text, ManifestPath: path}
}

const (
	oldPair = `services: {db: {command: [sleep, "1000"]}, web: {command: [sleep, "1000"]}}`
	newPair = `services: {db: {command: [sleep, "1000"]}, web: {command: [sleep, "2000"]}, job: {command: [sleep, "3000"]}}`
)

// What was reloaded is what the image is, whoever keeps it and whatever copy it
// is: a monitor that is killed right after it, a save and a boot change nothing.
func TestAReloadIsKept(t *testing.T) {
	for _, freezer := range []string{api.FreezerRespawn, api.FreezerCRIU} {
		t.Run(freezer, func(t *testing.T) {
			if freezer == api.FreezerCRIU {
				testenv.RequireCRIU(t)
			}
			b := newBox(t)
			path := b.manifest("pair", oldPair)
			b.must("up", "--freezer", freezer, "-f", path)
			c := b.client("pair")
			before := b.service(c, "db")
			b.manifest("pair", newPair)

			plan, err := c.Reload(t.Context(), api.ReloadRequest{Manifest: b.request(path).Manifest, ManifestPath: path, DryRun: true}, nil)
			if err != nil || plan.Done || len(plan.Steps) != 2 || plan.Unchanged != 1 {
				t.Fatalf("the plan is %+v, %v", plan, err)
			}
			var told []string
			done, err := c.Reload(t.Context(), b.request(path), func(e api.Event) { told = append(told, e.Message) })
			if err != nil || !done.Done || len(done.Steps) != 2 || len(told) < 2 {
				t.Fatalf("the reload is %+v, %v, and told %q", done, err, told)
			}
			if err := syscall.Kill(b.image("pair").MonitorPID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			b.must("snapshot", "--quit", "-i", "pair")
			b.must("boot", "pair")
			if got := b.service(c, "web").Command; !slices.Equal(got, []string{"sleep", "2000"}) {
				t.Errorf("after a boot web is %q", got)
			}
			b.service(c, "job")
			if now := b.service(c, "db"); freezer == api.FreezerCRIU && (now.PID != before.PID || now.Instance != 1) {
				t.Errorf("db was not left alone: it is %+v, was %+v", now, before)
			}
			again, err := c.Reload(t.Context(), b.request(path), nil)
			if err != nil || len(again.Steps) != 0 || again.Unchanged != 3 {
				t.Errorf("a reload of the same: %+v, %v", again, err)
			}
		})
	}
}

func TestABadManifestIsNotReloaded(t *testing.T) {
	b := newBox(t)
	b.must("up", "--freezer", "respawn", "-f", b.manifest("pair", oldPair))
	c := b.client("pair")
	var e *api.Error
	_, err := c.Reload(t.Context(), api.ReloadRequest{Manifest: []byte("services: {web: {comand: x}}"), ManifestPath: "/x.yaml"}, nil)
	if !errors.As(err, &e) || e.Code != api.CodeBad || !strings.Contains(e.Message, "comand") {
		t.Errorf("it is refused with %v", err)
	}
	if img, err := c.Image(t.Context()); err != nil || img.State != api.StateRunning || img.Ready != 2 {
		t.Errorf("the image is %+v, %v", img, err)
	}
}

// A save and a reload exclude each other; a quit waits for neither.
func TestAReloadAndASnapshotAtOnce(t *testing.T) {
	b := newBox(t)
	const slow = `services: {slow: {command: "trap '' TERM; echo up; while :; do sleep 0.01; done", ready: {log: up}, shutdown: {grace: 20s}}}`
	path := b.manifest("slow", slow)
	b.must("up", "--freezer", "respawn", "-f", path)
	c := b.client("slow")
	b.manifest("slow", strings.ReplaceAll(slow, "0.01", "0.02"))
	reloaded := make(chan error, 1)
	go func() {
		_, err := c.Reload(context.Background(), b.request(path), nil)
		reloaded <- err
	}()
	b.until("slow is being stopped", func() bool { return b.service(c, "slow").State == "stopping" })
	if img, err := c.Image(t.Context()); err != nil || img.State != api.StateReloading {
		t.Errorf("the image is %+v, %v", img, err)
	}
	var e *api.Error
	if _, err := c.Snapshot(t.Context(), api.SnapshotRequest{Save: true}, nil); !errors.As(err, &e) || e.Code != api.CodeBusy || !strings.Contains(e.Message, "reloaded") {
		t.Errorf("a save meanwhile: %v", err)
	}
	if _, err := c.Reload(t.Context(), b.request(path), nil); !errors.As(err, &e) || e.Code != api.CodeBusy {
		t.Errorf("another reload meanwhile: %v", err)
	}
	if err := syscall.Kill(b.service(c, "slow").PID, syscall.SIGKILL); err != nil { // its grace is long
		t.Fatal(err)
	}
	if err := <-reloaded; err != nil {
		t.Errorf("the reload: %v", err)
	}
	b.manifest("slow", slow)
	go func() {
		_, err := c.Reload(context.Background(), b.request(path), nil)
		reloaded <- err
	}()
	b.until("slow is being stopped again", func() bool { return b.service(c, "slow").State == "stopping" })
	pid := b.service(c, "slow").PID
	quit := make(chan error, 1)
	go func() {
		_, err := c.Snapshot(context.Background(), api.SnapshotRequest{Quit: true}, nil)
		quit <- err
	}()
	if err := <-reloaded; err == nil {
		t.Error("the reload was not called off")
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	if err := <-quit; err != nil {
		t.Errorf("the quit: %v", err)
	}
}
