package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// OrphansCommand is the hidden command that makes orphans: see [MakeOrphans].
	OrphansCommand = "_orphans"

	orphanCount = 20_000
	// lookEvery is how many orphans are made between looks at how many processes
	// there are.
	lookEvery = 200
)

// orphans is the area of PID 1 of a container: what it costs to reap what
// others leave behind.
func orphans(p Programs) Area {
	return Area{"orphans", func(ctx context.Context, runs int) ([]Figure, error) {
		if os.Geteuid() != 0 {
			return nil, &NotHereError{"a PID namespace needs root"}
		}
		dir, err := os.MkdirTemp("", "seance-bench.")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		b := &orphanBench{Programs: p, dir: dir}
		cases := b.cases()
		if len(cases) == 0 {
			return nil, &NotHereError{"neither tini nor dumb-init is installed"}
		}
		return measureCases(ctx, "orphans", cases, runs)
	}}
}

type orphanBench struct {
	Programs
	dir string
}

func (b *orphanBench) cases() []Case {
	own := []string{b.Seance, "run", "--"}
	var cases []Case
	for _, peer := range []string{"tini", "dumb-init"} {
		path, err := exec.LookPath(peer)
		if err != nil {
			continue
		}
		theirs := []string{path, "--"}
		cases = append(cases, Case{
			Name: "CPU of PID 1 for each of 20,000 orphans", Unit: "µs",
			Run:       func(ctx context.Context) (float64, error) { return b.run(ctx, own, cpuEach) },
			Reference: peer, RunReference: func(ctx context.Context) (float64, error) { return b.run(ctx, theirs, cpuEach) },
		}, Case{
			Name: "processes at most at a time, zombies included", Unit: "processes",
			Run:       func(ctx context.Context) (float64, error) { return b.run(ctx, own, mostAtATime) },
			Reference: peer, RunReference: func(ctx context.Context) (float64, error) { return b.run(ctx, theirs, mostAtATime) },
		})
	}
	return cases
}

// orphansReport is what the maker of orphans has seen.
type orphansReport struct {
	cpu  time.Duration // of PID 1
	most int
}

func cpuEach(r orphansReport) float64     { return float64(r.cpu.Microseconds()) / orphanCount }
func mostAtATime(r orphansReport) float64 { return float64(r.most) }

// run has a program be PID 1 of a namespace while another makes orphans there.
func (b *orphanBench) run(ctx context.Context, pid1 []string, value func(orphansReport) float64) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	file := filepath.Join(b.dir, "report")
	args := append([]string{"--pid", "--fork", "--kill-child", "--mount-proc"}, pid1...)
	args = append(args, self, OrphansCommand, strconv.Itoa(orphanCount), file)
	if _, err := output(ctx, []string{"SEANCE_HOME=" + filepath.Join(b.dir, "home")}, "unshare", args...); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	var r orphansReport
	if _, err := fmt.Sscan(string(text), &r.cpu, &r.most); err != nil {
		return 0, fmt.Errorf("cannot read the report %q: %w", text, err)
	}
	return value(r), nil
}

// MakeOrphans makes args[0] orphans, each of which ends at once, and writes to
// the file args[1] how many nanoseconds PID 1 spent on a processor meanwhile,
// and how many processes there were at most.
func MakeOrphans(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	others, err := countProcesses()
	if err != nil {
		return err
	}
	before, err := cpuOfInit()
	if err != nil {
		return err
	}
	most := others
	for i := range n {
		if err := makeOrphan(); err != nil {
			return err
		}
		if i%lookEvery > 0 {
			continue
		}
		now, err := countProcesses()
		if err != nil {
			return err
		}
		most = max(most, now)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		now, err := countProcesses()
		if err != nil {
			return err
		}
		if now <= others {
			break
		}
		if time.Now().After(deadline) {
			return errors.New("orphans are left that PID 1 does not reap")
		}
	}
	after, err := cpuOfInit()
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], fmt.Appendf(nil, "%d %d\n", after-before, most), 0o600)
}

// makeOrphan forks a child that forks another and ends. Neither runs any Go
// code but this: after a fork there is one thread, and no runtime to speak of.
func makeOrphan() error {
	child, _, errno := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("clone", errno)
	}
	if child == 0 {
		syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
		for {
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	for {
		_, err := syscall.Wait4(int(child), nil, 0, nil)
		if err != syscall.EINTR {
			return os.NewSyscallError("wait4", err)
		}
	}
}

// cpuOfInit is the time that the threads of PID 1 have spent on a processor, in
// nanoseconds (proc_pid_schedstat(5)): proc_pid_stat(5) counts in hundredths of
// a second.
func cpuOfInit() (total int64, err error) {
	files, err := filepath.Glob("/proc/1/task/*/schedstat")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func countProcesses() (n int, err error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		if name[0] >= '1' && name[0] <= '9' {
			n++
		}
	}
	return n, err
}
