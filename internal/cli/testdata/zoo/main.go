// Command zoo is for the tests of seance tree: a program with one process of each
// kind that a tree can show. These are a zombie, a stopped one, an orphaned group, a
// terminal with a job in the foreground and one in the background, and one with a name that is
// hard to read. It writes their numbers to a file and stays.
//
//	zoo FOLDER [PART]
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/internal/linux/pty"
)

func main() {
	part := "zoo"
	if len(os.Args) > 2 {
		part = os.Args[2]
	}
	if err := play(part, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// animals are the numbers of the zoo's processes.
type animals struct {
	Zoo, Zombie, Stopped, Odd     int
	Leader, Orphan                int // Leader is gone: it left its session an orphaned group
	Shell, Foreground, Background int
}

// oddName is a name that does not end where it seems to.
const oddName = "a) S 1 (b"

func play(part, dir string) error {
	switch part {
	case "zoo":
		return zoo(dir)
	case "leader":
		orphan, err := start(&syscall.SysProcAttr{Setpgid: true}, "sleep", "1000")
		if err != nil {
			return err
		}
		return note(dir, part, []int{os.Getpid(), orphan})
	case "shell":
		front, err := start(&syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 0}, "sleep", "1000")
		if err != nil {
			return err
		}
		back, err := start(&syscall.SysProcAttr{Setpgid: true}, "sleep", "1000")
		if err != nil {
			return err
		}
		if err := note(dir, part, []int{os.Getpid(), front, back}); err != nil {
			return err
		}
		time.Sleep(time.Hour)
		return nil
	}
	return fmt.Errorf("unknown part %q", part)
}

func zoo(dir string) error {
	a := animals{Zoo: os.Getpid()}
	odd := filepath.Join(dir, oddName)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return err
	}
	if err := os.Symlink(sleep, odd); err != nil {
		return err
	}
	terminal, slave, err := pty.Open("/dev", pty.DefaultSize)
	if err != nil {
		return err
	}
	defer terminal.Close()
	steps := []func() error{
		func() (err error) { a.Zombie, err = start(nil, "true"); return err },
		func() (err error) { a.Odd, err = start(nil, odd, "1000"); return err },
		func() (err error) {
			a.Stopped, err = start(&syscall.SysProcAttr{Setpgid: true}, "sleep", "1000")
			return err
		},
		func() error { return syscall.Kill(a.Stopped, syscall.SIGSTOP) },
		func() error { return a.leader(dir) },
		func() error { return a.shell(dir, slave) },
		func() error { return await(a.Zombie, 'Z') },
		func() error { return await(a.Stopped, 'T') },
		func() error { return note(dir, "zoo", a) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	time.Sleep(time.Hour)
	return nil
}

func (a *animals) leader(dir string) error {
	leader := actor("leader", dir)
	leader.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := leader.Run(); err != nil {
		return err
	}
	var said []int
	err := read(dir, "leader", &said)
	a.Leader, a.Orphan = said[0], said[1]
	return err
}

func (a *animals) shell(dir string, terminal *os.File) error {
	shell := actor("shell", dir)
	shell.Stdin, shell.SysProcAttr = terminal, &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := shell.Start(); err != nil {
		return err
	}
	terminal.Close()
	var said []int
	for read(dir, "shell", &said) != nil {
		time.Sleep(time.Millisecond)
	}
	a.Shell, a.Foreground, a.Background = said[0], said[1], said[2]
	return nil
}

// actor is this program in another part.
func actor(part, dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], dir, part)
	cmd.Stderr = os.Stderr
	return cmd
}

func start(attr *syscall.SysProcAttr, name string, args ...string) (int, error) {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = attr
	cmd.Stdin = os.Stdin
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}

func await(pid int, state byte) error {
	for fs := procfs.New("/proc"); ; time.Sleep(time.Millisecond) {
		if stat, err := fs.Stat(pid); err != nil || stat.State == state {
			return err
		}
	}
}

// note writes a file that is there as a whole or not at all.
func note(dir, name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func read(dir, name string, into any) error {
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
