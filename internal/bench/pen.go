package bench

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
	"time"
)

// pen is a cgroup (cgroups(7), version 2) around a supervisor and all that it
// starts: the kernel counts there, whatever they do, and nothing gets out.
type pen struct {
	dir string
	cmd *exec.Cmd
}

// cgroup2 is where cgroups of version 2 are mounted, "" if nowhere.
func cgroup2() string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return f[1]
		}
	}
	return ""
}

// enclose starts a command in a cgroup of its own.
func enclose(root string, command, env []string) (*pen, error) {
	dir, err := os.MkdirTemp(root, "seance-bench.")
	if err != nil {
		return nil, err
	}
	p := &pen{dir: dir}
	folder, err := os.Open(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	defer folder.Close()
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(folder.Fd())}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return p, nil
}

// pids are the processes in the pen that have not ended.
func (p *pen) pids() ([]int, error) {
	text, err := os.ReadFile(filepath.Join(p.dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// split tells the processes that run a program of that name from the others.
func (p *pen) split(name string) (those, others []int, err error) {
	pids, err := p.pids()
	if err != nil {
		return nil, nil, err
	}
	for _, pid := range pids {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			continue // it has ended
		}
		if strings.TrimSpace(string(comm)) == name {
			those = append(those, pid)
		} else {
			others = append(others, pid)
		}
	}
	return those, others, nil
}

// await waits until n processes of that name run in the pen.
func (p *pen) await(name string, n int, limit time.Duration) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(pollPause(n)) {
		// The names are looked at only when there are enough of any.
		if pids, err := p.pids(); err != nil || n > 0 && len(pids) < n {
			if err != nil || time.Now().After(deadline) {
				return errors.Join(err, fmt.Errorf("only %d processes run after %v", len(pids), limit))
			}
			continue
		}
		those, _, err := p.split(name)
		if err != nil {
			return err
		}
		if len(those) == n {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d %ss run after %v", len(those), n, name, limit)
		}
	}
}

// pollPause keeps the look at many processes from slowing them down.
func pollPause(n int) time.Duration {
	if n >= 100 {
		return 10 * time.Millisecond
	}
	return 200 * time.Microsecond
}

// cpu is the processor time of all that ever ran in the pen.
func (p *pen) cpu() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(p.dir, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "usage_usec" {
			us, err := strconv.ParseInt(f[1], 10, 64)
			return time.Duration(us) * time.Microsecond, err
		}
	}
	return 0, errors.New("cpu.stat has no usage_usec")
}

// cpuOf adds up the processor time of processes, from proc_pid_stat(5).
func cpuOf(pids []int) time.Duration {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	var sum time.Duration
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, i := range []int{11, 12} { // utime, stime
			n, _ := strconv.Atoi(fields[i])
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// close kills all in the pen and takes it down.
func (p *pen) close() error {
	err := os.WriteFile(filepath.Join(p.dir, "cgroup.kill"), []byte("1"), 0)
	_ = p.cmd.Wait() // it was killed, or has ended
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		rmErr := os.Remove(p.dir)
		if rmErr == nil || time.Now().After(deadline) {
			return errors.Join(err, rmErr)
		}
	}
}

// count counts the lines of all files that match a pattern and have a text in
// them.
func count(pattern, with string) (lines int, err error) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return 0, err
	}
	slices.Sort(names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		lines += strings.Count(string(text), with)
	}
	return lines, nil
}
