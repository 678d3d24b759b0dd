package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// animals are the numbers of the processes of testdata/zoo.
type animals struct {
	Zoo, Zombie, Stopped, Odd     int
	Leader, Orphan                int // Leader is gone: it left its session an orphaned group
	Shell, Foreground, Background int
}

func (a animals) all() []int {
	return []int{a.Zoo, a.Zombie, a.Stopped, a.Odd, a.Orphan, a.Shell, a.Foreground, a.Background}
}

func buildZoo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zoo")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "./testdata/zoo")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the zoo: %v\n%s", err, out)
	}
	return path
}

// startZoo starts a zoo on the host, until the test ends.
func startZoo(t *testing.T) animals {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(buildZoo(t), dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var a animals
	t.Cleanup(func() {
		for _, pid := range a.all()[2:] {
			if pid != 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	a.await(t, dir)
	return a
}

// await waits for the zoo in dir to be complete.
func (a *animals) await(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(untilLimit); !a.complete(dir); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the zoo is not complete after %s", untilLimit)
		}
	}
}

func (a *animals) complete(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "zoo"))
	return err == nil && json.Unmarshal(raw, a) == nil
}

// realHome is a home of seance's with the real command, for real images.
type realHome struct {
	t    *testing.T
	dir  string
	bin  string
	home string
}

func newRealHome(t *testing.T) realHome {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sc") // short, for a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	h := realHome{t, dir, buildSeance(t), filepath.Join(dir, "home")}
	t.Cleanup(func() {
		endImages(t, h.bin, dir)
		os.RemoveAll(dir)
	})
	return h
}

func (h realHome) command(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(h.bin, "seance"), append([]string{"--home", h.home}, args...)...)
}

func (h realHome) must(args ...string) string {
	h.t.Helper()
	var stderr strings.Builder
	cmd := h.command(args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("seance %q: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

// manifest writes a manifest and returns its path.
func (h realHome) manifest(source string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, "seance.yaml")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}
