package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/children"
	"github.com/seancehq/seance/internal/testenv"
)

// deafDaemon is a shell command that leaves a daemon behind: one that has lost its
// parent, its session and its environment, and does not heed what asks it to end. It
// has the folder of the box in its arguments, and writes its number there.
func (b *box) deafDaemon(name string) string {
	return fmt.Sprintf(`(env -i setsid sh -c 'trap "" TERM HUP INT; echo $$ > %[1]s/%[2]s.new; mv %[1]s/%[2]s.new %[1]s/%[2]s; while :; do sleep 0.1; done' &)`, b.dir, name)
}

// daemons are services that leave daemons behind, one of each kind.
func (b *box) daemons() string {
	return fmt.Sprintf(`services:
  plain: {command: "%s; exec sleep 1000"}
  deaf: {command: "trap '' TERM; %s; while :; do sleep 0.1; done"}
`, strings.ReplaceAll(b.deafDaemon("one"), `"`, `\"`), strings.ReplaceAll(b.deafDaemon("two"), `"`, `\"`))
}

// runDaemons begins a seance run of them.
func (b *box) runDaemons() *running {
	b.t.Helper()
	r := b.run("-f", b.manifest("shop", b.daemons()))
	b.daemonsRun("one", "two")
	r.says(`^plain +\| \[running`)
	r.says(`^deaf +\| \[running`)
	return r
}

func (b *box) daemonsRun(names ...string) {
	b.t.Helper()
	b.until("the daemons run", func() bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !exists(filepath.Join(b.dir, name)) })
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// guardOf waits for the guard of a process, another one than that before.
func (b *box) guardOf(keeper, before int) (pid int) {
	b.t.Helper()
	b.until("there is a guard", func() bool {
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, path := range stats {
			text, _ := os.ReadFile(path)
			_, rest, _ := strings.Cut(string(text), ") ")
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			fields, args := strings.Fields(rest), strings.Split(string(line), "\x00")
			if len(fields) > 1 && fields[1] == strconv.Itoa(keeper) && len(args) > 1 && args[1] == "_guard" {
				pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
				return pid != before
			}
		}
		return false
	})
	return pid
}

// emptied waits until no process of the box is left.
func (b *box) emptied() {
	b.t.Helper()
	b.until("no process is left", func() bool { return len(processesOf(b)) == 0 })
}

// sweptAlone waits until nothing is left of an image, and nobody has asked for it.
func (b *box) sweptAlone(name string, before machine) {
	b.t.Helper()
	b.emptied()
	b.swept(name, before)
}

// asUser makes seance an ordinary user's in the box.
func (b *box) asUser() {
	b.t.Helper()
	b.as = &syscall.Credential{Uid: 65534, Gid: 65534}
	for _, dir := range []string{b.dir, b.home} {
		if err := os.Chown(dir, 65534, 65534); err != nil {
			b.t.Fatal(err)
		}
	}
}

// With nothing but SIGKILL, and no command after it.
func TestNothingIsLeftOfARunThatIsKilled(t *testing.T) {
	for name, tt := range map[string]struct {
		user  bool
		group bool // its whole process group is killed
	}{
		"itself":           {},
		"its group":        {group: true},
		"an ordinary user": {user: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			if tt.user {
				testenv.RequireRoot(t)
				b.asUser()
			}
			before := look(t, b)
			cmd := b.command("run", "-f", b.manifest("shop", b.daemons()))
			if cmd.SysProcAttr == nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			cmd.SysProcAttr.Setpgid = true
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			b.daemonsRun("one", "two")
			pid := cmd.Process.Pid
			b.guardOf(pid, 0)
			if tt.group {
				pid = -pid
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			b.sweptAlone("shop", before)
		})
	}
}

func TestNothingIsLeftOfAKilledRunWithoutAFolder(t *testing.T) {
	testenv.RequireRoot(t)
	b := newBox(t)
	// All is read-only but the folder in which the daemons write their numbers.
	script := `mount -o remount,ro,bind / 2>/dev/null || mount -o bind / / && mount -o remount,ro,bind /
for m in /tmp /run /var /dev/shm; do mount -o bind $m $m && mount -o remount,ro,bind $m; done
mount -o bind ` + b.dir + ` ` + b.dir + ` && mount -o remount,rw,bind ` + b.dir + `; exec "$@"`
	r := &running{b, b.command(), &screen{}, &screen{}}
	r.cmd = exec.Command("unshare", "--mount", "sh", "-c", script, "sh", b.seance, "run", "-f", b.manifest("shop", b.daemons()))
	r.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nowhere"}
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	b.daemonsRun("one", "two")
	if !strings.Contains(r.err.String(), "no other command finds the image") {
		t.Errorf("it has a folder: %s", r.err)
	}
	b.guardOf(r.cmd.Process.Pid, 0)
	r.signal(syscall.SIGKILL)
	r.ends(-1)
	b.emptied()
}

// A run may be a service of another. Its marks are its own, and so is its guard.
func TestNothingIsLeftOfARunBelowOneThatIsKilled(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	inner := b.manifest("inner", b.daemons())
	r := b.run("-f", b.manifest("outer", fmt.Sprintf("services: {inner: {command: \"trap '' TERM; %s run -f %s & wait; wait\"}}\n", b.seance, inner)))
	b.daemonsRun("one", "two")
	r.says(`^inner +\| deaf +\| \[running`)
	r.signal(syscall.SIGKILL)
	r.ends(-1)
	b.sweptAlone("outer", before)
	b.swept("inner", before)
}

// What a detached service has put into the background lives on, as it does when the
// run quits.
func TestWhatIsDetachedOutlivesARunThatIsKilled(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	daemon := strings.ReplaceAll(b.deafDaemon("one"), `"`, `\"`)
	r := b.run("-f", b.manifest("shop", `services: {off: {command: "`+daemon+`; exec sleep 1000", detached: true}}`))
	r.says(`^off +\| \[running`)
	b.daemonsRun("one")
	r.signal(syscall.SIGKILL)
	r.ends(-1)
	b.until("its folder is swept", func() bool { return !exists(filepath.Join(b.home, "live", "shop", "live.json")) })
	again := b.run("-f", b.manifest("shop", ordered))
	again.says(`^web +\| \[ready`)
	again.signal(syscall.SIGKILL)
	again.ends(-1)
	b.until("its folder is swept", func() bool { return !exists(filepath.Join(b.home, "live", "shop", "live.json")) })
	number, err := os.ReadFile(filepath.Join(b.dir, "one"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(number)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("it has not lived on: %v", err)
	}
	b.sweptAlone("shop", before)
}

// Services of other users have their sockets in a folder elsewhere.
func TestNoSocketIsLeftOfARunThatIsKilled(t *testing.T) {
	testenv.RequireRoot(t)
	b := newBox(t)
	before := look(t, b)
	tmp := filepath.Join(b.dir, "tmp")
	for _, dir := range []string{b.dir, tmp} {
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(b.home, 0o700); err != nil {
		t.Fatal(err)
	}
	b.env = []string{"TMPDIR=" + tmp}
	r := b.run("-f", b.manifest("shop", `services: {web: {command: "echo up; exec sleep 1000", user: nobody, ready: {notify: true, timeout: 1h}}}`))
	r.says(`^web +\| up`)
	if made, _ := os.ReadDir(tmp); len(made) != 1 {
		t.Fatalf("%d folders for sockets, want 1", len(made))
	}
	r.signal(syscall.SIGKILL)
	r.ends(-1)
	b.sweptAlone("shop", before)
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %s", left[0].Name())
	}
}

// A guard that is killed is another one's turn, and nothing is left of either.
func TestAGuardThatIsKilledIsReplaced(t *testing.T) {
	t.Run("then the run", func(t *testing.T) {
		b := newBox(t)
		before := look(t, b)
		r := b.runDaemons()
		first := b.guardOf(r.cmd.Process.Pid, 0)
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		b.guardOf(r.cmd.Process.Pid, first)
		r.signal(syscall.SIGKILL)
		r.ends(-1)
		b.sweptAlone("shop", before)
	})
	t.Run("then it quits", func(t *testing.T) {
		b := newBox(t)
		before := look(t, b)
		r := b.run("-f", b.manifest("shop", ordered))
		r.says(`^web +\| \[ready`)
		if err := syscall.Kill(b.guardOf(r.cmd.Process.Pid, 0), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.signal(syscall.SIGTERM)
		r.ends(0)
		b.swept("shop", before)
	})
}

// A run of the same name may come at any moment, also while the guard clears away.
func TestARunAgainRightAfterOneThatWasKilled(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	for _, pause := range []time.Duration{0, 500 * time.Millisecond, 980 * time.Millisecond, time.Second, 1020 * time.Millisecond} {
		r := b.runDaemons()
		b.guardOf(r.cmd.Process.Pid, 0)
		for _, name := range []string{"one", "two"} {
			if err := os.Remove(filepath.Join(b.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		r.signal(syscall.SIGKILL)
		r.ends(-1)
		time.Sleep(pause) // a moment of its own for each: none is waited for
		again := b.run("-f", b.manifest("shop", ordered))
		again.says(`^web +\| \[ready`)
		again.signal(syscall.SIGTERM)
		again.ends(0)
		b.sweptAlone("shop", before)
	}
}

// adoptOrphans makes this process the parent of whatever a command leaves behind,
// ended ones too.
func adoptOrphans(t *testing.T) {
	t.Helper()
	if err := children.Adopt(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
}

func TestARunThatEndsLeavesNoGuard(t *testing.T) {
	adoptOrphans(t)
	before := children.List()
	check := func(t *testing.T) {
		t.Helper()
		for _, pid := range children.List() {
			if !slices.Contains(before, pid) {
				stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
				t.Errorf("left behind: %s", stat)
			}
		}
	}
	t.Run("services", func(t *testing.T) {
		b := newBox(t)
		r := b.run("-f", b.manifest("shop", ordered))
		r.says(`^web +\| \[ready`)
		b.guardOf(r.cmd.Process.Pid, 0)
		r.signal(syscall.SIGTERM)
		r.ends(0)
		check(t)
	})
	t.Run("services that end at once", func(t *testing.T) {
		b := newBox(t)
		b.run("-f", b.manifest("shop", "services: {one: {command: [\"true\"]}}\n")).ends(0)
		check(t)
	})
	t.Run("a program", func(t *testing.T) {
		b := newBox(t)
		for _, script := range []string{"exit 7", "sleep 0.3; exit 7", b.deafDaemon("one") + "; sleep 0.3; exit 7"} {
			b.run("--grace", "100ms", "--", "sh", "-c", script).ends(7)
			check(t)
			b.emptied()
		}
	})
	t.Run("a program, and the guard was killed", func(t *testing.T) {
		b := newBox(t)
		r := b.run("--", "sh", "-c", "read x < "+b.fifo("go")+"; exit 7")
		first := b.guardOf(r.cmd.Process.Pid, 0)
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		b.guardOf(r.cmd.Process.Pid, first)
		if err := os.WriteFile(filepath.Join(b.dir, "go"), []byte("x\n"), 0); err != nil {
			t.Fatal(err)
		}
		r.ends(7)
		check(t)
	})
}

func (b *box) fifo(name string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func TestNothingIsLeftOfAProgramWhoseRunIsKilled(t *testing.T) {
	for _, user := range []bool{false, true} {
		t.Run(map[bool]string{false: "itself", true: "an ordinary user"}[user], func(t *testing.T) {
			b := newBox(t)
			if user {
				testenv.RequireRoot(t)
				b.asUser()
			}
			r := b.run("--", "sh", "-c", "trap '' TERM; "+b.deafDaemon("one")+"; while :; do sleep 0.1; done")
			b.daemonsRun("one")
			b.guardOf(r.cmd.Process.Pid, 0)
			r.signal(syscall.SIGKILL)
			r.ends(-1)
			b.emptied()
		})
	}
}

// The guard is in nobody's way: it holds open nothing that it has been started with,
// keeps no folder busy and is no process of the image's.
func TestAGuardHoldsNothing(t *testing.T) {
	b := newBox(t)
	for name, args := range map[string][]string{
		"services":  {"run", "-f", b.manifest("shop", ordered)},
		"a program": {"run", "--", "sleep", "1000"},
	} {
		t.Run(name, func(t *testing.T) {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer read.Close()
			cmd := b.command(args...)
			cmd.Stdout, cmd.ExtraFiles = write, []*os.File{write}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			write.Close()
			guard := b.guardOf(cmd.Process.Pid, 0)
			dir := fmt.Sprintf("/proc/%d/", guard)
			b.until("it has settled", func() bool {
				comm, _ := os.ReadFile(dir + "comm")
				return string(comm) == "guard\n"
			})
			checkHolds(t, dir)
			if sid, err := unix.Getsid(guard); sid != guard || err != nil {
				t.Errorf("it is in Unix session %d, error %v", sid, err)
			}
			if strings.HasPrefix(name, "services") {
				if tree := b.must("tree", "-i", "shop", "--args"); strings.Contains(tree, "_guard") {
					t.Errorf("it shows as a process of the image:\n%s", tree)
				}
			}
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		})
	}
}

// checkHolds checks what a process, whose folder in /proc is dir, has open.
func checkHolds(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir + "fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		to, _ := os.Readlink(dir + "fd/" + f.Name())
		if to != "/dev/null" && !strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "pidfd:") && !strings.HasPrefix(to, "/proc/") {
			t.Errorf("descriptor %s is %s", f.Name(), to)
		}
	}
	if to, _ := os.Readlink(dir + "cwd"); to != "/" {
		t.Errorf("it is in folder %s", to)
	}
}
