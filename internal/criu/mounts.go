package criu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// inPrivateMounts calls f in a thread with a mount namespace of its own. The
// thread ends with f, the namespace with whatever f started.
func inPrivateMounts(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread must not be used again
		done <- func() error {
			if err := privateMounts(); err != nil {
				return err
			}
			return f()
		}()
	}()
	return <-done
}

func privateMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("cannot make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("cannot make the mounts private: %w", err)
	}
	return nil
}

// mountRoot mounts the host's root a second time: a restore wants a root that
// is a mount point and not CRIU's own.
func mountRoot(dir string) error {
	if err := unix.Mount("/", dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cannot mount the root on %q: %w", dir, err)
	}
	return nil
}

// runDir is where CRIU keeps what it has found out about the kernel, if that
// is a tmpfs; else it finds it out again each time, which takes as long as
// all the rest of a small freeze.
const runDir, factsName = "/run", "criu.kdat"

// factsPath is the file that keeps those facts where /run cannot. They hold
// for one CRIU on one kernel, until the machine boots again.
func factsPath(cache string, s stamp) string {
	return filepath.Join(filepath.Dir(cache), fmt.Sprintf("criu-%s-%x-%x.kdat", s.Boot, s.Size, s.MTime))
}

// lendFacts gives CRIU a tmpfs for its facts, with those that are known, when
// /run is none. It changes the mounts of the calling thread, which has its
// own. keep takes what CRIU found out.
func (c *CRIU) lendFacts() (keep func(), err error) {
	if c.facts == "" || !plainRun() {
		return func() {}, nil
	}
	if err := unix.Mount("tmpfs", runDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m"); err != nil {
		return nil, fmt.Errorf("cannot mount a tmpfs for CRIU: %w", err)
	}
	at := filepath.Join(runDir, factsName)
	if known, err := os.ReadFile(c.facts); err == nil {
		return func() {}, os.WriteFile(at, known, 0o600)
	}
	return func() { c.keepFacts(at) }, nil
}

// keepFacts keeps what CRIU found out, instead of what was kept of earlier
// boots or other CRIUs. Without it the next run takes longer, no more.
func (c *CRIU) keepFacts(at string) {
	found, err := os.ReadFile(at)
	if err != nil {
		return
	}
	stale, _ := filepath.Glob(filepath.Join(filepath.Dir(c.facts), "criu-*.kdat"))
	for _, path := range stale {
		os.Remove(path)
	}
	tmp := fmt.Sprintf("%s.%d", c.facts, os.Getpid())
	if errors.Join(os.WriteFile(tmp, found, 0o600), os.Rename(tmp, c.facts)) != nil {
		os.Remove(tmp)
	}
}

// plainRun says whether /run is part of a file system on disk, with nothing
// mounted on it or below it that an image could have.
func plainRun() bool {
	var st unix.Statfs_t
	if unix.Statfs(runDir, &st) != nil || st.Type == unix.TMPFS_MAGIC {
		return false
	}
	mounts, err := os.ReadFile("/proc/thread-self/mountinfo")
	return err == nil && !strings.Contains(string(mounts), " "+runDir+"/") && !strings.Contains(string(mounts), " "+runDir+" ")
}
