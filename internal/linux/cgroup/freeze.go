package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// CanFreeze says that [Tree.Freeze] works: in version 2, since Linux 5.2. The
// freezer of version 1 will not do, since it keeps tracers out.
func (t *Tree) CanFreeze() bool {
	return t != nil && t.version == 2 && unix.Access(t.control("freeze"), unix.W_OK) == nil
}

// Freeze has all processes in the Tree stand still, and those that enter it.
// One that is being traced does so once its tracer lets it go.
func (t *Tree) Freeze() error {
	if err := write(t.control("freeze"), "1"); err != nil {
		return fmt.Errorf("cannot freeze control group %s: %w", t.dir, err)
	}
	return nil
}

// frozenLimit is how long a process may be on its way out of the kernel.
const frozenLimit = 2 * time.Second

// AwaitFrozen waits until all of them do.
func (t *Tree) AwaitFrozen() error {
	for deadline := time.Now().Add(frozenLimit); ; time.Sleep(200 * time.Microsecond) {
		events, err := os.ReadFile(t.control("events"))
		if err != nil {
			return err
		}
		if bytes.Contains(events, []byte("frozen 1")) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("control group %s is not frozen after %v", t.dir, frozenLimit)
		}
	}
}

// Thaw lets them go on. A Tree that is gone, or cannot be frozen, needs none.
func (t *Tree) Thaw() error {
	if t == nil || t.version != 2 {
		return nil
	}
	err := write(t.control("freeze"), "0")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot thaw control group %s: %w", t.dir, err)
	}
	return nil
}

// Halted says that they were told to stand still, and not to go on since.
func (t *Tree) Halted() bool {
	if t == nil || t.version != 2 {
		return false
	}
	told, err := os.ReadFile(t.control("freeze"))
	return err == nil && string(bytes.TrimSpace(told)) == "1"
}

func (t *Tree) control(name string) string { return filepath.Join(t.dir, "cgroup."+name) }
