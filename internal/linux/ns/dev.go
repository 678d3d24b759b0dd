package ns

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// devices are the nodes that programs may count on, with their numbers as in
// the kernel's list of allocated devices.
var devices = []struct {
	name         string
	major, minor uint32
}{
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
}

var devLinks = []struct{ name, target string }{
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},
}

// mountDev makes a /dev of the image's own. Shared memory (shm) lies on the
// same tmpfs, because each tmpfs costs CRIU time of its own, and because what
// lies there is saved with the image.
func mountDev(l Layout) error {
	dev := filepath.Join(l.Root, "dev")
	if err := mountAt("tmpfs", dev, "tmpfs", unix.MS_NOSUID|unix.MS_STRICTATIME, "mode=755"); err != nil {
		return err
	}
	if err := makeNodes(dev); err != nil {
		return err
	}
	for _, link := range devLinks {
		if err := os.Symlink(link.target, filepath.Join(dev, link.name)); err != nil {
			return err
		}
	}
	pts := filepath.Join(dev, "pts")
	if err := os.Mkdir(pts, 0o755); err != nil {
		return err
	}
	return mountAt("devpts", pts, "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
}

func makeNodes(dev string) error {
	old := unix.Umask(0)
	defer unix.Umask(old)
	for _, d := range devices {
		path := filepath.Join(dev, d.name)
		if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))); err != nil {
			return &os.PathError{Op: "mknod", Path: path, Err: err}
		}
	}
	shm := filepath.Join(dev, "shm")
	if err := os.Mkdir(shm, 0o777); err != nil {
		return err
	}
	return os.Chmod(shm, os.ModeSticky|0o777)
}
