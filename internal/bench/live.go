package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seancehq/seance/api"
)

// live is an image that the benchmarks keep running.
type live struct {
	api.Image
	dir  string        // its own folder
	took time.Duration // from exec to running
}

// home is the folder that everything of one image, or of several, is kept in.
func (b *imageBench) home(name string) api.Home { return api.Home{Dir: filepath.Join(b.dir, name)} }

// run runs a seance command on a home and returns what it prints.
func (b *imageBench) run(ctx context.Context, home string, args ...string) (string, error) {
	return output(ctx, []string{api.EnvHome + "=" + b.home(home).Dir, "SEANCE_CRIU=" + b.CRIU}, b.Seance, args...)
}

// start runs a command that starts an image under a name.
func (b *imageBench) start(ctx context.Context, home, name string, args ...string) (live, error) {
	l := live{dir: b.home(home).Live(name).Dir}
	began := time.Now()
	out, err := b.run(ctx, home, append(args, "--json")...)
	l.took = time.Since(began)
	if err != nil {
		return live{}, err
	}
	if err := json.Unmarshal([]byte(out), &l.Image); err != nil {
		return live{}, fmt.Errorf("cannot read what seance %s prints: %w", args[0], err)
	}
	if l.Freezer != api.FreezerCRIU && !b.cold {
		return live{}, fmt.Errorf("images are saved without their memory here: %s", l.WhyCold)
	}
	return l, nil
}

// output runs a program with more environment, and returns what it prints.
func output(ctx context.Context, env []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}

// endProcess kills a process and waits until it runs no more. The end of an
// init is the end of its image.
func endProcess(pid int) error {
	if pid <= 1 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cannot end process %d: %w", pid, err)
	}
	for deadline := time.Now().Add(10 * time.Second); running(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not end", pid)
		}
	}
	return nil
}

// running says whether a process exists and is no zombie, from
// proc_pid_stat(5).
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, afterName, _ := strings.Cut(string(stat[max(0, bytes.LastIndexByte(stat, ')')):]), " ")
	return !strings.HasPrefix(afterName, "Z")
}

// proportionalMiB adds up the proportional set sizes of processes, in MiB:
// pages that several share count once among them.
func proportionalMiB(pids ...int) (float64, error) {
	var kib float64
	for _, pid := range pids {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		v, err := parsePSS(string(rollup))
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		kib += v
	}
	return kib / 1024, nil
}

// parsePSS reads the size in KiB from proc_pid_smaps_rollup(5).
func parsePSS(rollup string) (float64, error) {
	for line := range strings.Lines(rollup) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "Pss:" {
			return strconv.ParseFloat(fields[1], 64)
		}
	}
	return 0, errors.New("its smaps_rollup has no Pss")
}
