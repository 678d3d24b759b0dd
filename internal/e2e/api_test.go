package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/testenv"
)

// client speaks to the monitor of an image.
func (b *box) client(name string) *api.Client {
	return api.NewClient(api.Home{Dir: b.home}.Live(name).Socket())
}

// service is how one service is now.
func (b *box) service(c *api.Client, name string) api.Service {
	b.t.Helper()
	all, err := c.ServicesWithUsage(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(s api.Service) bool { return s.Name == name })
	if i < 0 {
		b.t.Fatalf("there is no service %q in %+v", name, all)
	}
	return all[i]
}

const trio = `
services:
  db: {command: [sleep, "1000"]}
  web: {command: [sleep, "1000"], needs: [db]}
  slow: {command: "trap '' TERM; while :; do sleep 0.01; done", shutdown: {grace: 1s}}
`

func TestServicesAreChangedThroughTheAPI(t *testing.T) {
	b := newBox(t)
	b.must("up", "--freezer", "respawn", "-f", b.manifest("trio", trio))
	c := b.client("trio")
	before := b.service(c, "web")
	if u := before.Usage; u == nil || u.Processes != 1 || u.Memory == 0 || !slices.Equal(before.Needs, []string{"db"}) {
		t.Errorf("web is %+v, and uses %+v", before, u)
	}
	result, err := c.ChangeServices(t.Context(), api.ServicesRequest{Action: api.ActionRestart, Services: []string{"web"}, Wait: true})
	if err != nil || len(result.Services) != 1 || !result.Services[0].Changed || result.Services[0].Error != "" {
		t.Fatalf("restart: %+v, %v", result, err)
	}
	if after := b.service(c, "web"); after.PID == before.PID || after.Instance != before.Instance+1 || !after.Ready {
		t.Errorf("after the restart web is %+v, was %+v", after, before)
	}
	for _, tt := range []struct {
		req  api.ServicesRequest
		code string
		says string
	}{
		{api.ServicesRequest{Action: api.ActionStop, Services: []string{"wbe"}}, api.CodeNotFound, "there are db, web, slow"},
		{api.ServicesRequest{Action: "explode", Services: []string{"web"}}, api.CodeBad, "explode"},
		{api.ServicesRequest{Action: api.ActionStop}, api.CodeBad, "none is named"},
	} {
		var e *api.Error
		if _, err := c.ChangeServices(t.Context(), tt.req); !errors.As(err, &e) || e.Code != tt.code || !strings.Contains(e.Message, tt.says) {
			t.Errorf("%+v: %v", tt.req, err)
		}
	}
}

// A name that cannot be is refused before anything is shut down for a save.
func TestASaveUnderABadNameShutsNothingDown(t *testing.T) {
	b := newBox(t)
	b.must("up", "--freezer", "respawn", "-f", b.manifest("trio", `services: {web: {command: [sleep, "1000"]}}`))
	var e *api.Error
	events := 0
	_, err := b.client("trio").Snapshot(t.Context(), api.SnapshotRequest{Save: true, Ref: "Bad Name"}, func(api.Event) { events++ })
	if !errors.As(err, &e) || e.Code != api.CodeBad || !strings.Contains(e.Message, "names are lower case") || events > 0 {
		t.Errorf("%v, after %d events", err, events)
	}
}

// While one stop takes its time, all other questions are answered.
func TestASlowStopHoldsUpNothing(t *testing.T) {
	b := newBox(t)
	b.must("up", "--freezer", "respawn", "-f", b.manifest("trio", trio))
	c := b.client("trio")
	stopped := make(chan error, 1)
	go func() {
		_, err := c.ChangeServices(context.Background(), api.ServicesRequest{Action: api.ActionStop, Services: []string{"slow"}, Wait: true})
		stopped <- err
	}()
	b.until("slow is being stopped", func() bool { return b.service(c, "slow").State == "stopping" })
	select {
	case err := <-stopped:
		t.Fatalf("the stop was over before anything else was answered: %v", err)
	default:
	}
	if _, err := c.WaitService(t.Context(), "slow", api.WaitStopped); err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestWaitingThroughTheAPI(t *testing.T) {
	b := newBox(t)
	b.must("up", "--freezer", "respawn", "-f", b.manifest("waits", `
services:
  late: {command: [sleep, "1000"], disabled: true}
  done: {command: ["true"], ready: {exit: true}}
`))
	c := b.client("waits")
	ready := make(chan error, 1)
	go func() {
		_, err := c.WaitService(context.Background(), "late", api.WaitReady)
		ready <- err
	}()
	if all, err := c.WaitService(t.Context(), "done", api.WaitStopped); err != nil || len(all) != 1 || all[0].State != "exited" {
		t.Errorf("done: %+v, %v", all, err)
	}
	var e *api.Error
	if _, err := c.WaitService(t.Context(), "nobody", api.WaitReady); !errors.As(err, &e) || e.Code != api.CodeNotFound || !strings.Contains(e.Message, "there are late, done") {
		t.Errorf("of an unknown service: %v", err)
	}
	if _, err := c.ChangeServices(t.Context(), api.ServicesRequest{Action: api.ActionStart, Services: []string{"late"}}); err != nil {
		t.Error(err)
	}
	if err := <-ready; err != nil {
		t.Error(err)
	}
	go func() {
		_, err := c.WaitService(context.Background(), "late", api.WaitStopped)
		ready <- err
	}()
	b.must("quit", "-i", "waits")
	if err := <-ready; err != nil && !(errors.As(err, &e) && e.Code == api.CodeNotAlive) {
		t.Errorf("a wait that the image does not live to see: %v", err)
	}
}

// follower collects what happens in an image.
type follower struct {
	mu  sync.Mutex
	all []api.Notice
	end chan error
}

func (b *box) followEvents(name string) *follower {
	f := &follower{end: make(chan error, 1)}
	go func() {
		f.end <- b.client(name).Notices(context.Background(), 0, true, func(n api.Notice) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.all = append(f.all, n)
			return nil
		})
	}()
	return f
}

// states are those of a service, hook or image so far.
func (f *follower) states(kind, name string) (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.all {
		if n.Kind == kind && n.Name == name {
			all = append(all, n.State)
		}
	}
	return all
}

// Whoever follows learns of everything, over saves, and of the end; and nothing
// comes twice.
func TestEventsAreFollowedOverSavesToTheEnd(t *testing.T) {
	for _, freezer := range []string{api.FreezerRespawn, api.FreezerCRIU} {
		t.Run(freezer, func(t *testing.T) {
			if freezer == api.FreezerCRIU {
				testenv.RequireCRIU(t)
			}
			b := newBox(t)
			b.must("up", "--freezer", freezer, "-f", b.manifest("told", `services: {web: {command: [sleep, "1000"]}}`))
			f := b.followEvents("told")
			b.must("snapshot")
			b.must("snapshot")
			b.must("restart", "web")
			b.must("quit", "-i", "told")
			if err := <-f.end; err != nil {
				t.Errorf("the stream broke off: %v", err)
			}
			want := []string{"booting", "running", "saving", "continuing", "saving", "continuing", "quitting"}
			if got := f.states("image", "told"); !slices.Equal(got, want) {
				t.Errorf("the image was told to be %q, want %q", got, want)
			}
			web := f.states("service", "web")
			if len(web) == 0 || web[len(web)-1] != "stopped" {
				t.Errorf("the last of web that was told: %q", web)
			}
			for i, n := range f.all {
				if n.Seq != uint64(i+1) {
					t.Fatalf("notice %d is numbered %d", i+1, n.Seq)
				}
			}
		})
	}
}

// The numbers of notices go on in a revived copy.
func TestEventsGoOnAfterABoot(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.manifest("told", `services: {web: {command: [sleep, "1000"]}}`))
	b.must("snapshot", "--quit")
	b.must("boot", "told")
	var got []string
	err := b.client("told").Notices(t.Context(), 0, false, func(n api.Notice) error {
		if n.Kind == "image" {
			got = append(got, n.State)
		}
		return nil
	})
	if want := []string{"booting", "running", "saving", "booted"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("told %q, want %q (%v)", got, want, err)
	}
}

func TestAStartUpThatIsRolledBack(t *testing.T) {
	for _, freezer := range []string{api.FreezerRespawn, api.FreezerCRIU} {
		t.Run(freezer, func(t *testing.T) {
			if freezer == api.FreezerCRIU {
				testenv.RequireCRIU(t)
			}
			b := newBox(t)
			marker := b.dir + "/marker"
			path := b.manifest("undone", fmt.Sprintf(`
on_failure: roll-back
services:
  db: {command: "echo $$ > %s; exec sleep 1000", category: system}
  web: {command: "echo cannot bind; exec sleep 1000", ready: {tcp: "127.0.0.1:1", timeout: 300ms}}
`, marker))
			r := b.try("up", "--freezer", freezer, "-f", path)
			if r.code == 0 {
				t.Errorf("up: exit status 0\n%s%s", r.out, r.err)
			}
			for _, says := range []string{`"web"`, "not ready within 300ms", "stopped again", "cannot bind"} {
				if !strings.Contains(r.err, says) {
					t.Errorf("the report does not say %q:\n%s", says, r.err)
				}
			}
			if out := b.must("ls"); strings.Contains(out, "undone") {
				t.Errorf("the image is still there:\n%s", out)
			}
			if freezer == api.FreezerRespawn {
				b.ended(marker)
			}
			if out := b.must("logs", "-i", "undone", "web"); !strings.Contains(out, "cannot bind") {
				t.Errorf("the logs are gone with it:\n%s", out)
			}
		})
	}
}

// ended checks that the process is gone whose number a file has.
func (b *box) ended(file string) {
	b.t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(raw), &pid); err != nil {
		b.t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		b.t.Errorf("process %d is still there: %v", pid, err)
	}
}

// allThreadsStopped says that a process does nothing more: its threads stop one
// after the other.
func allThreadsStopped(t *testing.T, pid int) bool {
	t.Helper()
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err == nil && !strings.Contains(string(stat), ") T ") {
			return false
		}
	}
	return true
}

// An init that is stopped is said to be lost, and the API says so in time.
func TestAStoppedInitIsSaidToBeLost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as init may take for an answer")
	}
	b := newBox(t)
	b.must("up", "--freezer", "respawn", "-f", b.manifest("still", `services: {web: {command: [sleep, "1000"]}}`))
	c := b.client("still")
	pid := b.image("still").PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	b.until("init has stopped", func() bool { return allThreadsStopped(t, pid) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	asked := make(chan error, 1)
	go func() {
		_, err := c.Services(ctx)
		asked <- err
	}()
	if img, err := c.Image(ctx); err != nil || img.State != api.StateLost || img.PID != pid {
		t.Errorf("the image is %+v, %v", img, err)
	}
	var e *api.Error
	if err := <-asked; !errors.As(err, &e) || !strings.Contains(e.Message, "is it stopped") {
		t.Errorf("the services: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Services(ctx); err != nil {
		t.Errorf("once it goes on: %v", err)
	}
}

func TestMetricsOfALiveImage(t *testing.T) {
	b := newBox(t)
	b.must("up", "--freezer", "respawn", "-f", b.manifest("measured", `services: {web: {command: "echo hello; exec sleep 1000", ready: {log: hello}}}`))
	b.must("snapshot")
	text, err := b.client("measured").Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`seance_image_info{image="measured",freezer="respawn",`,
		`seance_service_ready{image="measured",service="web"} 1`,
		`seance_service_log_lines_total{image="measured",service="web"} 1`,
		`seance_service_processes{image="measured",service="web"} 1`,
		`seance_snapshots_total{image="measured",outcome="continuing"} 1`,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
}

// What may outlive its image is named when that quits, and lives on.
func TestAQuitNamesTheSurvivors(t *testing.T) {
	b := newBox(t)
	marker := b.dir + "/marker"
	b.must("up", "--freezer", "respawn", "-f", b.manifest("leaves", fmt.Sprintf(`
services:
  nest: {command: "setsid sh -c 'echo $$ >%s.new; mv %s.new %s; exec sleep 1000' & exec sleep 1000", detached: true, ready: {command: "test -s %s"}}
  web: {command: [sleep, "1000"]}
`, marker, marker, marker, marker)))
	raw, err := os.ReadFile(marker)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	result, err := b.client("leaves").Snapshot(t.Context(), api.SnapshotRequest{Quit: true}, nil)
	if want := fmt.Sprintf("%d (sleep)", pid); err != nil || !slices.Equal(result.Survivors, []string{want}) {
		t.Errorf("the quit named %+v, %v; want %s", result, err, want)
	}
	b.gone()
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the survivor did not live on: %v", err)
	}
}
