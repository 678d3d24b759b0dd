package criu

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
	"time"

	"golang.org/x/sys/unix"
)

// EnvPath names the criu program to use instead of looking for one.
const EnvPath = "SEANCE_CRIU"

// PrivatePath is where `make criu` puts a CRIU when the system's own is
// missing or too old.
const PrivatePath = "/opt/seance/criu/bin/criu"

// The oldest version that works with current kernels: 3.17 fails on their
// vdso, 4.1 on SO_PASSCRED of inet sockets.
const minMajor, minMinor = 4, 2

// CRIU is a criu program that was found to work on this machine.
type CRIU struct {
	Path    string `json:"path"`
	Version string `json:"version"`

	facts string // file that keeps what CRIU found out about the kernel
}

// An UnavailableError says why images cannot be frozen with their memory on
// this machine, and what mends it.
type UnavailableError struct {
	Why  string
	Mend string
}

func (e *UnavailableError) Error() string { return e.Why + "; " + e.Mend }

// Find looks for a criu that works: $SEANCE_CRIU, the one on PATH,
// [PrivatePath]. A check takes long (it tries out the kernel), so that its
// result is kept in the file cache until CRIU or the kernel changes.
func Find(ctx context.Context, cache string) (*CRIU, error) {
	if os.Geteuid() != 0 {
		return nil, &UnavailableError{"CRIU freezes and revives images only for root", "run seance as root"}
	}
	var firstErr error
	for _, path := range candidates() {
		c, err := usable(ctx, path, cache)
		if err == nil {
			return c, nil
		}
		firstErr = errors.Join(firstErr, err)
	}
	var unavailable *UnavailableError
	if errors.As(firstErr, &unavailable) {
		return nil, unavailable
	}
	return nil, &UnavailableError{"there is no CRIU on this machine", "install CRIU 4.2 or later, or run `make criu`"}
}

func candidates() []string {
	if path := os.Getenv(EnvPath); path != "" {
		return []string{path}
	}
	paths := []string{PrivatePath}
	if path, err := exec.LookPath("criu"); err == nil {
		paths = []string{path, PrivatePath}
	}
	return paths
}

// stamp identifies a program on a kernel: a check holds as long as it is the
// same.
type stamp struct {
	CRIU   CRIU   `json:"criu"`
	Size   int64  `json:"size"`
	MTime  int64  `json:"mtime_ns"`
	Kernel string `json:"kernel"`
	Boot   string `json:"boot"` // the kernel's boot_id
}

func usable(ctx context.Context, path, cache string) (*CRIU, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) && os.Getenv(EnvPath) == "" {
		return nil, err
	}
	if err != nil {
		return nil, &UnavailableError{fmt.Sprintf("cannot use CRIU %q: %v", path, err), "set " + EnvPath + " to a criu program, or unset it"}
	}
	now := stamp{CRIU{Path: path}, info.Size(), info.ModTime().UnixNano(), kernel(), bootID()}
	facts := factsPath(cache, now)
	if known, ok := readStamp(cache); ok && known.same(now) {
		return &CRIU{path, known.CRIU.Version, facts}, nil
	}
	if now.CRIU.Version, err = check(ctx, path); err != nil {
		return nil, err
	}
	writeStamp(cache, now)
	return &CRIU{path, now.CRIU.Version, facts}, nil
}

func (s stamp) same(t stamp) bool {
	t.CRIU.Version = s.CRIU.Version
	return s == t
}

func readStamp(cache string) (s stamp, ok bool) {
	raw, err := os.ReadFile(cache)
	return s, err == nil && json.Unmarshal(raw, &s) == nil
}

// writeStamp keeps the result of a check. Without it the next check takes its
// time again, no more.
func writeStamp(cache string, s stamp) {
	raw, _ := json.Marshal(s)
	tmp := fmt.Sprintf("%s.%d", cache, os.Getpid())
	_ = os.MkdirAll(filepath.Dir(cache), 0o700)
	if os.WriteFile(tmp, raw, 0o600) == nil {
		_ = os.Rename(tmp, cache)
	}
}

func check(ctx context.Context, path string) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", &UnavailableError{fmt.Sprintf("cannot run CRIU %q: %v", path, err), "install CRIU 4.2 or later, or run `make criu`"}
	}
	version = parseVersion(string(out))
	if !newEnough(version) {
		return "", &UnavailableError{
			fmt.Sprintf("CRIU %s at %s is too old: 4.2 or later is needed", version, path),
			"install a newer one, or run `make criu`",
		}
	}
	if out, err := exec.CommandContext(ctx, path, "check").CombinedOutput(); err != nil {
		return "", &UnavailableError{
			fmt.Sprintf("`%s check` fails on this kernel: %s", path, lastLine(out)),
			"see what it prints",
		}
	}
	return version, nil
}

// parseVersion reads what `criu --version` prints.
func parseVersion(out string) string {
	for line := range strings.Lines(out) {
		if v, ok := strings.CutPrefix(line, "Version:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func newEnough(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (major > minMajor || major == minMajor && minor >= minMinor)
}

func lastLine(out []byte) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(lines[len(lines)-1])
}

func bootID() string {
	raw, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(raw))
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
