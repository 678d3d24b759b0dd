package ns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Layout says which folders of the host an image is built from.
type Layout struct {
	// Dir is the image's own folder on the host. It is mounted at Inside.
	Dir string
	// Inside is where programs in the image find Dir.
	Inside string
	// Groups is the folder of its control groups on the host, "" for none. It is
	// mounted in the folder cgroup of Dir.
	Groups string
	// Root is an empty folder on which the image's tree is put together. It
	// is a mount point for a moment, in the image's namespace only.
	Root string
}

// Enter builds the image's mount tree and makes it the root of the calling
// process. The caller is alone in new pid and mount namespaces, as [Start]
// leaves it. Files that it holds open still come from the old tree.
func Enter(l Layout) error {
	mounts, err := readMounts("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	steps := []func(Layout) error{
		makePrivate,
		func(l Layout) error { return bindHost(l, inherited(mounts)) },
		mountProc,
		mountSys,
		mountDev,
		mountOwn,
		mountGroups,
		pivot,
	}
	for _, step := range steps {
		if err := step(l); err != nil {
			return fmt.Errorf("cannot build the image's mount tree: %w", err)
		}
	}
	return nil
}

func readMounts(path string) ([]mount, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseMountinfo(f)
}

// makePrivate keeps every later mount from spreading to the host.
func makePrivate(Layout) error {
	return mountAt("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "")
}

// bindHost binds the root without what is mounted below it, then each mount
// that holds files. A recursive bind would take the kernel views along, and
// CRIU refuses those of another namespace.
func bindHost(l Layout, mounts []mount) error {
	if err := mountAt("/", l.Root, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	for _, m := range mounts {
		err := mountAt(m.point, filepath.Join(l.Root, m.point), "", unix.MS_BIND, "")
		// A mount hidden below a later one has no path any more.
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.ENOTDIR) {
			return err
		}
	}
	return nil
}

func mountProc(l Layout) error {
	return mountAt("proc", filepath.Join(l.Root, "proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

func mountSys(l Layout) error {
	return mountAt("sysfs", filepath.Join(l.Root, "sys"), "sysfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// mountOwn makes the image's own folder appear at its fixed path.
func mountOwn(l Layout) error {
	at := filepath.Join(l.Root, l.Inside)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	return mountAt(l.Dir, at, "", unix.MS_BIND, "")
}

// mountGroups makes the image's control groups appear in its own folder.
func mountGroups(l Layout) error {
	if l.Groups == "" {
		return nil
	}
	return mountAt(l.Groups, filepath.Join(l.Root, l.Inside, "cgroup"), "", unix.MS_BIND, "")
}

// pivot makes the new tree the root and lets the old one go. Stacking the old
// root on the new one needs no folder to put it in, see pivot_root(2).
func pivot(l Layout) error {
	if err := os.Chdir(l.Root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return &os.PathError{Op: "pivot_root", Path: l.Root, Err: err}
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return &os.PathError{Op: "umount", Path: "the old root", Err: err}
	}
	return os.Chdir("/")
}

func mountAt(source, target, fstype string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return &os.PathError{Op: "mount " + fstype, Path: target, Err: err}
	}
	return nil
}
