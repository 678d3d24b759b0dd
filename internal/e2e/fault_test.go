package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/internal/testenv"
)

func TestDiskFullDuringASave(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	if err := syscall.Mount("tmpfs", b.home, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(b.home, syscall.MNT_DETACH) })
	t.Cleanup(b.endAll)

	b.must("up", "-f", b.holder("small", 1))
	b.must("snapshot", "-i", "small", "small:kept")
	b.must("quit", "-i", "small")

	b.must("up", "-f", b.holder("large", 80))
	for _, args := range [][]string{{"snapshot"}, {"snapshot", "--quit"}} {
		b.refused(1, []string{`cannot save image "large"`, "disk is full|no space left", "it goes on"}, args...)
		b.goesOn("large")
		b.valid()
	}
	if got := b.must("images"); !strings.Contains(got, "kept") || strings.Contains(got, "large") {
		t.Errorf("the store has changed:\n%s", got)
	}
	b.must("quit")
	b.must("boot", "small:kept")
}

func TestTwoSavesAtOnce(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("one", 200))
	first := b.command("snapshot", "one:first")
	var said bytes.Buffer
	first.Stderr = &said
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	b.until("the first save has begun", func() bool { return b.image("one").State == "saving" })
	b.refused(4, []string{`cannot save image "one": it is being saved; try again`}, "snapshot", "one:second")
	if err := first.Wait(); err != nil {
		t.Errorf("the first save: %v\n%s", err, said.String())
	}
	b.must("snapshot", "one:second")
	b.valid()
}

// Programs may be killed while the image is saved, by whoever it is that kills
// when memory runs out, and init outlives it. CRIU gives up then, most often
// with its code inside another program.
func TestProgramsAreKilledInTheMiddleOfSaves(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.manifest("brittle", `services:
  worker: {command: "while sleep 0.1; do :; done", replicas: 8, restart: {policy: always, delay: 10ms}}
  idler: {command: [sleep, infinity], replicas: 8, restart: {policy: always, delay: 10ms}}
`))
	init := b.image("brittle").PID
	done, kills := make(chan struct{}), 0
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(rand.N(15 * time.Millisecond)):
			}
			if below := below(init); len(below) > 0 && syscall.Kill(below[rand.IntN(len(below))], syscall.SIGKILL) == nil {
				kills++
			}
		}
	}()
	for range 12 {
		b.try("snapshot") // it may be given up, for there is never a quiet moment
	}
	close(done)
	<-stopped
	if kills < 10 {
		t.Errorf("only %d programs were killed", kills)
	}
	if now := b.image("brittle"); now.PID != init {
		t.Fatalf("%+v, and its init was %d", now, init)
	}
	b.must("wait", "worker", "idler")
	b.must("snapshot", "--quit")
	b.must("boot", "brittle")
	b.must("wait", "worker", "idler")
	b.valid()
}

// sizeOf is the size of all files that a pattern names.
func TestTheMonitorIsKilledInTheMiddleOfASave(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("big", 100))
	for round := range 12 {
		args := []string{"snapshot"}
		if round%2 == 1 {
			args = append(args, "--quit")
		}
		monitor := b.monitorOf("big")
		save := b.command(args...)
		if err := save.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // anywhere in the save: that is the test
		_ = syscall.Kill(monitor, syscall.SIGKILL)
		_ = save.Wait()
		b.must("ls") // adopts it, or finds that it has quit
		b.valid()
		if _, live := b.record("big"); !live {
			b.must("boot", "big")
		}
		b.goesOn("big")
	}
	b.must("snapshot")
	b.must("quit")
}

func TestTheMonitorIsKilledInTheMiddleOfABoot(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("big", 50))
	b.must("snapshot", "--quit")
	for range 12 {
		boot := b.command("boot", "big")
		if err := boot.Start(); err != nil {
			t.Fatal(err)
		}
		delay := time.After(time.Duration(rand.IntN(250)) * time.Millisecond) // anywhere in the boot: that is the test
		var monitor int
		b.until("the monitor runs", func() bool {
			monitor = childNamed(boot.Process.Pid, "seance")
			return monitor != 0 || b.over(boot.Process.Pid)
		})
		<-delay
		if monitor != 0 {
			_ = syscall.Kill(monitor, syscall.SIGKILL)
		}
		_ = boot.Wait()
		b.must("ls") // adopts it, or finds nothing
		if _, live := b.record("big"); !live {
			b.must("boot", "big")
		}
		b.goesOn("big")
		b.must("quit")
	}
}

func TestATruncatedImageDoesNotBoot(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("shop", 2))
	b.must("snapshot", "--quit")
	blobs := filepath.Join(b.home, "store", "blobs", "sha256")
	for _, path := range blobsOf(t, blobs) {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, int64(len(whole)-1)); err != nil {
			t.Fatal(err)
		}
		// The program that runs as init is unpacked once and kept.
		if err := os.RemoveAll(filepath.Join(b.home, "bin")); err != nil {
			t.Fatal(err)
		}
		b.refused(1, []string{"(?i)damaged|corrupt"}, "boot", "shop")
		if r := b.try("image", "verify"); r.code == 0 {
			t.Errorf("%s was cut off, and verify does not see it", path)
		}
		if _, live := b.record("shop"); live {
			t.Errorf("%s was cut off, and the image is live", path)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.must("boot", "shop")
	b.goesOn("shop")
}

func blobsOf(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(all) < 5 {
		t.Fatalf("want a manifest, a config and three layers, found %d: %v", len(all), err)
	}
	return all
}

func TestAnImageOfAnotherArchitecture(t *testing.T) {
	b := newBox(t)
	store, err := image.Open(filepath.Join(b.home, "store"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := store.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ref, err := image.ParseRef("far")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context(), ref, image.Config{Architecture: "s390x", OS: "linux", SnapshotID: "x", Freezer: image.FreezerRespawn}); err != nil {
		t.Fatal(err)
	}
	b.refused(1, []string{`cannot boot image "far"`, "linux/s390x"}, "boot", "far")
}

func TestAnUnknownImage(t *testing.T) {
	b := newBox(t)
	b.refused(3, []string{`no image "shop"`}, "boot", "shop")
	b.refused(3, []string{`no image "shop:old"`}, "boot", "shop:old")
}

func TestCRIUMissingOrTooOld(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("hot", 1))
	b.must("snapshot", "--quit")

	old := filepath.Join(b.dir, "old-criu")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho Version: 3.17.1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, says string }{
		{filepath.Join(b.dir, "missing"), "no such file"},
		{old, "CRIU 3.17.1 .* is too old: 4.2 or later is needed"},
	} {
		b.env = []string{"SEANCE_CRIU=" + c.path}
		b.refused(1, []string{c.says}, "boot", "hot")
		b.refused(1, []string{c.says}, "up", "-f", b.holder("cold", 1), "--freezer", "criu")
		b.must("up", "-f", b.holder("cold", 1))
		if img := b.image("cold"); img.Freezer != "respawn" || img.WhyCold == "" {
			t.Errorf("freezer %q, why %q; want respawn and a reason", img.Freezer, img.WhyCold)
		}
		b.must("quit", "-i", "cold")
	}
}

func TestCRIUVanishesWhileAnImageIsLive(t *testing.T) {
	criu := testenv.RequireCRIU(t)
	b := newBox(t)
	link := filepath.Join(b.dir, "criu")
	if err := os.Symlink(criu, link); err != nil {
		t.Fatal(err)
	}
	b.env = []string{"SEANCE_CRIU=" + link}
	b.must("up", "-f", b.holder("hot", 1))
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	b.refused(1, []string{`cannot save image "hot"`, "CRIU is no longer there", "it goes on"}, "snapshot")
	b.goesOn("hot")
}

func TestNotRoot(t *testing.T) {
	testenv.RequireRoot(t)
	b := newBox(t)
	for _, dir := range []string{b.dir, b.home} {
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	b.as = &syscall.Credential{Uid: 65534, Gid: 65534}
	b.refused(1, []string{"only for root"}, "up", "-f", b.holder("cold", 1), "--freezer", "criu")
	b.must("up", "-f", b.holder("cold", 1))
	if img := b.image("cold"); img.Freezer != "respawn" || !strings.Contains(img.WhyCold, "root") {
		t.Errorf("freezer %q, why %q; want respawn, and that it takes root", img.Freezer, img.WhyCold)
	}
	b.goesOn("cold")
	b.must("snapshot", "--quit")
	b.must("boot", "cold")
	b.goesOn("cold")
}

func TestAPortOfASavedImageIsTaken(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	port := freePort(t)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	b.must("up", "-f", b.manifest("web", fmt.Sprintf("services:\n  web: {command: [%s/web, -listen, %q], ready: {tcp: %q}}\n", programs, address, address)))
	b.must("snapshot", "--quit")
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	b.refused(1, []string{`cannot boot image "web"`, `its port 127.0.0.1:\d+ is taken by e2e.test`}, "boot", "web")
	if _, live := b.record("web"); live {
		t.Error("the image is live")
	}
	l.Close()
	b.must("boot", "web")
	// A second copy would share the port with the first, and one of them would
	// get every connection.
	b.refused(1, []string{`cannot boot image "web"`, `its port 127.0.0.1:\d+ is taken by web`}, "boot", "web", "--as", "twin")
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestAFileThatChangedSinceTheSave(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	data := filepath.Join(b.dir, "data")
	b.must("up", "-f", b.manifest("writer", "services:\n  writer: {command: \"exec >data; while sleep 0.05; do echo x; done\"}\n"))
	b.until("the program writes", func() bool { info, err := os.Stat(data); return err == nil && info.Size() > 0 })
	b.must("snapshot", "--quit")
	whole, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(data, append(whole, "more\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	b.refused(1, []string{`cannot boot image "writer"`, "have changed since it was saved", "data"}, "boot", "writer")
	if err := os.WriteFile(data, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(data, time.Time{}, saved.ModTime()); err != nil {
		t.Fatal(err)
	}
	b.must("boot", "writer")
}

// record says whether an image is on record as live.
func (b *box) record(name string) (fs.FileInfo, bool) {
	info, err := os.Stat(filepath.Join(b.home, "live", name, "live.json"))
	return info, err == nil
}

func (b *box) monitorOf(name string) int { return b.image(name).MonitorPID }

func TestAMountIsMissingAtBoot(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	disk := filepath.Join(b.dir, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	b.must("up", "-f", b.holder("shop", 1))
	b.must("snapshot", "--quit")
	if err := syscall.Unmount(disk, 0); err != nil {
		t.Fatal(err)
	}
	b.must("boot", "shop") // there is still a folder: nothing of the image was on the disk
	b.must("quit")
	if err := os.Remove(disk); err != nil {
		t.Fatal(err)
	}
	b.refused(1, []string{`cannot boot image "shop"`, disk, "mount it again"}, "boot", "shop")
}

func TestInitAndMonitorAreKilledTogether(t *testing.T) {
	testenv.RequireCRIU(t)
	for _, freezer := range []string{"criu", "respawn"} {
		t.Run(freezer, func(t *testing.T) {
			b := newBox(t)
			b.must("up", "-f", b.holder("shop", 1), "--freezer", freezer)
			img := b.image("shop")
			_ = syscall.Kill(img.MonitorPID, syscall.SIGKILL)
			_ = syscall.Kill(img.PID, syscall.SIGKILL)
			b.until("nothing is left after the next command", func() bool {
				if r := b.try("ls", "--json"); strings.TrimSpace(r.out) != "[]" {
					return false
				}
				return len(processesOf(b)) == 0
			})
		})
	}
}

func TestQuitCallsOffAStartUp(t *testing.T) {
	testenv.RequireCRIU(t)
	for _, freezer := range []string{"criu", "respawn"} {
		t.Run(freezer, func(t *testing.T) {
			b := newBox(t)
			up := b.command("up", "--freezer", freezer, "-f", b.manifest("slow", fmt.Sprintf(`services:
  first: {command: [%s/holder, "1"], ready: {log: held 1}}
  deaf: {command: [sleep, "1000"], priority: 200, ready: {command: ["false"], timeout: 10m}}
`, programs)))
			var said bytes.Buffer
			up.Stderr = &said
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			b.until("the first service is up", func() bool {
				_, live := b.record("slow")
				return live && strings.Contains(b.try("ps", "-i", "slow").out, "ready")
			})
			b.refused(4, []string{`cannot save image "slow": it is still booting`}, "snapshot", "-i", "slow")
			b.must("quit", "-i", "slow")
			if err := up.Wait(); err == nil || !strings.Contains(said.String(), `image "slow" was told to quit before it was up`) {
				t.Errorf("up: %v, %s", err, said.String())
			}
			b.until("nothing is left", func() bool { return len(processesOf(b)) == 0 })
		})
	}
}

func TestOnlyTheSameUserGetsAnAnswer(t *testing.T) {
	testenv.RequireRoot(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("mine", 1), "--freezer", "respawn")
	socket := filepath.Join(b.home, "live", "mine", "api.sock")
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode of the socket: %v, %v; want 0600", info.Mode().Perm(), err)
	}
	// Even where the file lets others in, the monitor does not answer them.
	for _, path := range []string{filepath.Dir(socket), filepath.Dir(filepath.Dir(socket)), b.home, b.dir} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	ask := func(uid uint32) error {
		cmd := exec.Command("curl", "-sS", "--max-time", "10", "--unix-socket", socket, "http://seance/v1/image")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return cmd.Run()
	}
	if err := ask(0); err != nil {
		t.Errorf("the same user got no answer: %v", err)
	}
	if err := ask(65534); err == nil {
		t.Error("another user got an answer")
	}
}

func TestAFolderTooDeepForASocket(t *testing.T) {
	testenv.RequireRoot(t)
	b := newBox(t)
	b.env = []string{"SEANCE_HOME=" + filepath.Join(b.home, strings.Repeat("x", 100))}
	b.refused(1, []string{"a socket's path may have 107 bytes", "choose a shorter name or a shorter SEANCE_HOME"}, "up", "-f", b.holder("shop", 1))
}

func TestAScriptThatChangedSinceTheSave(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	script := filepath.Join(b.dir, "script.sh")
	text := "while sleep 0.1; do :; done\necho OLD\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	b.must("up", "-f", b.manifest("script", "services:\n  s: {command: [bash, script.sh]}\n"))
	b.must("snapshot", "--quit")
	// The same length: only its time tells.
	if err := os.WriteFile(script, []byte(strings.Replace(text, "OLD", "NEW", 1)), 0o755); err != nil {
		t.Fatal(err)
	}
	b.refused(1, []string{`cannot boot image "script"`, "script.sh", "--force"}, "boot", "script")
	b.must("boot", "script", "--force")
	b.must("quit")
	// Another length is CRIU's to refuse: --force would not help, and is not
	// offered.
	if err := os.WriteFile(script, []byte(text+"echo more\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.refused(1, []string{`cannot boot image "script"`, "script.sh", "put them back as they were\\s*$"}, "boot", "script")
	b.refused(1, []string{`cannot boot image "script"`, "/script.sh has changed", "put it back"}, "boot", "script", "--force")
}

func TestAnInitThatDiesIsToldOfOnce(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("shop", 1))
	_ = syscall.Kill(b.image("shop").PID, syscall.SIGKILL)
	b.until("its monitor has seen it", func() bool { _, live := b.record("shop"); return !live })
	if r := b.try("ls"); r.code != 0 || !strings.Contains(r.err, `image "shop" ended unexpectedly`) {
		t.Errorf("exit status %d, %s; want 0, and how the image ended", r.code, r.err)
	}
	if r := b.try("ls"); r.err != "" {
		t.Errorf("told again: %s", r.err)
	}
}

// What Go says of a crash is kept; a boot keeps what the next one says.
func TestAnInitThatCrashesSaysWhy(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("shop", 1))
	b.must("snapshot", "--quit")
	for range 2 {
		b.must("boot", "shop")
		log := filepath.Join(b.home, "live", "shop", "init.log")
		if text, err := os.ReadFile(log); err != nil || len(text) > 0 {
			t.Errorf("before the crash: %q, error %v", text, err)
		}
		_ = syscall.Kill(b.image("shop").PID, syscall.SIGABRT)
		b.until("its monitor has seen it", func() bool { _, live := b.record("shop"); return !live })
		want := `image "shop" ended unexpectedly at [0-9:]+: its init is gone, and all its processes with it; it crashed \(SIGABRT: abort\), see ` + log
		if r := b.try("ls"); r.code != 0 || !regexp.MustCompile(want).MatchString(r.err) {
			t.Errorf("exit status %d, %s; want %s", r.code, r.err, want)
		}
		if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), "goroutine ") {
			t.Errorf("after the crash: %q, error %v", text, err)
		}
	}
}

func TestAnAdoptedImageIsNotSavedColdForWantOfCRIU(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("hot", 1))
	_ = syscall.Kill(b.monitorOf("hot"), syscall.SIGKILL)
	b.env = []string{"SEANCE_CRIU=" + filepath.Join(b.dir, "missing")}
	b.until("a new monitor has adopted it", func() bool { return strings.Contains(b.must("ls"), "running") })
	for _, args := range [][]string{{"snapshot"}, {"snapshot", "--quit"}} {
		b.refused(1, []string{`cannot save image "hot"`, "no such file", "it goes on"}, args...)
		b.goesOn("hot")
	}
	b.valid()
}
