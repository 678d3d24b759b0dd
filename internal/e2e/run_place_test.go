package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

func TestRunWhereNothingCanBeWritten(t *testing.T) {
	testenv.RequireRoot(t)
	b := newBox(t)
	manifest := b.manifest("shop", ordered)
	for name, tt := range map[string]struct{ script, says string }{
		"read-only":           {`mount -o remount,ro,bind / 2>/dev/null || mount -o bind / / && mount -o remount,ro,bind /; for m in /tmp /run /var /dev/shm; do mount -o bind $m $m && mount -o remount,ro,bind $m; done; exec "$@"`, "no other command finds the image"},
		"no home, but a /tmp": {`mount -t tmpfs none /var && mount -o remount,ro /var; mkdir -p /tmp/x; export TMPDIR=` + b.dir + `; exec "$@"`, "--home"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &running{b, b.command(), &screen{}, &screen{}}
			r.cmd = exec.Command("unshare", "--mount", "sh", "-c", tt.script, "sh", b.seance, "run", "-f", manifest)
			r.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nowhere"}
			r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
			if err := r.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = r.cmd.Process.Kill() })
			r.says(`^web +\| \[ready`)
			r.signal(syscall.SIGTERM)
			r.ends(0)
			r.says(`^db  \| bye$`)
			if !strings.Contains(r.err.String(), tt.says) {
				t.Errorf("it does not say %q: %s", tt.says, r.err)
			}
		})
	}
}

func TestRunWithoutAHome(t *testing.T) {
	testenv.RequireRoot(t)
	b := newBox(t)
	tmp := filepath.Join(b.dir, "tmp")
	manifest := b.manifest("shop", ordered)
	for _, dir := range []string{b.dir, tmp} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777); err != nil { // whatever the umask says
			t.Fatal(err)
		}
	}
	nowhere := filepath.Join(b.dir, "nowhere")
	if err := os.Symlink("not-there", nowhere); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"unset": nil, "where mkdir says ENOENT": {"HOME=/proc"}, "a link to nothing": {"HOME=" + nowhere}, "no folder": {"HOME=/dev/null"},
	} {
		t.Run(name, func(t *testing.T) { b.runsInPassing(t, manifest, tmp, env) })
	}
}

// runsInPassing has a user run an image where it has nothing but a folder for things
// that pass.
func (b *box) runsInPassing(t *testing.T, manifest, tmp string, env []string) {
	const user = 65534
	r := &running{b, exec.Command(b.seance, "run", "-f", manifest), &screen{}, &screen{}}
	r.cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "TMPDIR="+tmp)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	r.says(`^web +\| \[ready`)
	home := filepath.Join(tmp, "seance-"+strconv.Itoa(user))
	if !strings.Contains(r.err.String(), "--home "+home) {
		t.Errorf("it does not say where the image is: %s", r.err)
	}
	b.must("logs", "--home", home, "-i", "shop", "web")
	r.signal(syscall.SIGTERM)
	r.ends(0)
}

func TestRunAsTheFirstProcessOfAContainer(t *testing.T) {
	testenv.RequireRoot(t)
	b := newBox(t)
	manifest := b.manifest("shop", `services:
  web: {command: "echo pid $PPID; (setsid sleep 1000 &) ; echo up; exec sleep 1000", ready: {log: up}}
`)
	home, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{b.dir, home} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, become := range map[string]string{"root": "", "ordinary user": "setpriv --reuid 65534 --regid 65534 --clear-groups "} {
		t.Run(name, func(t *testing.T) {
			script := "mount -t proc proc /proc && exec " + become + `"$@"`
			r := &running{b, b.command(), &screen{}, &screen{}}
			r.cmd.Path = testenv.RequireProgram(t, "sh")
			r.cmd.Args = []string{"sh", "-c", script, "sh", b.seance, "run", "-f", manifest, "--name", strings.ReplaceAll(name, " ", "-"), "--home", filepath.Join(home, strings.Fields(name)[0])}
			r.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
			r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
			if err := r.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = r.cmd.Process.Kill() })
			r.says(`^web \| pid 1$`)
			r.says(`^web \| \[ready`)
			r.signal(syscall.SIGTERM)
			r.ends(0)
		})
	}
}
