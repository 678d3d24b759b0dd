package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// common are the options that a dump and its restore agree on. They are
// seance's own, so that both do the same work.
var common = []string{"--tcp-established", "--ext-unix-sk", "--file-locks", "--manage-cgroups=ignore"}

// dump has CRIU dump the second image, and let it go on.
func (b *imageBench) dump(ctx context.Context) (float64, error) {
	dir := filepath.Join(b.dir, "dump")
	if err := os.RemoveAll(dir); err != nil {
		return 0, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, err
	}
	args := append([]string{
		"dump", "--tree", strconv.Itoa(b.second.PID), "--images-dir", dir, "--leave-running",
		"--external", "mnt[/run/seance]:own", "--external", "mnt[]",
		"--link-remap", "--ghost-limit", "1G", "--network-lock", "skip",
	}, common...)
	began := time.Now()
	_, err := output(ctx, nil, b.CRIU, args...)
	return milliseconds(time.Since(began)), err
}

// restore has CRIU restore what dump wrote, in the mount namespace that it
// needs, and ends that copy. Only CRIU's own time counts.
func (b *imageBench) restore(ctx context.Context) (float64, error) {
	root := filepath.Join(b.dir, "root")
	pidfile := filepath.Join(b.dir, "restored.pid")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return 0, err
	}
	_ = os.Remove(pidfile) // CRIU does not overwrite it
	args := append([]string{
		b.CRIU, "restore", "--images-dir", filepath.Join(b.dir, "dump"), "--restore-detached",
		"--root", root, "--pidfile", pidfile,
		"--external", "mnt[own]:" + b.second.dir, "--external", "mnt[]",
	}, common...)
	out, err := output(ctx, nil, "unshare", append([]string{"--mount", "sh", "-ec", restoreScript, root}, args...)...)
	if err != nil {
		return 0, err
	}
	pid, err := readPID(pidfile)
	if err != nil {
		return 0, err
	}
	if err := endProcess(pid); err != nil {
		return 0, err
	}
	took, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
	return took / 1e6, err
}

// restoreScript mounts the root a second time where $0 says, runs the rest of
// its arguments there, and prints how many nanoseconds that took.
const restoreScript = `
mount --make-rprivate /
mount --bind / "$0"
began=$(date +%s%N)
"$@" >&2
echo $(($(date +%s%N) - began))`

func readPID(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("no PID in %q: %q", path, text)
	}
	return pid, nil
}
