package ns

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/seancehq/seance/internal/linux/procfs"
)

// mount is one line of mountinfo, as far as it matters here. See
// proc_pid_mountinfo(5).
type mount struct {
	point  string
	fstype string
	source string
}

// Shared lists the mounts that an image shares with the host besides the
// root, from the mount point to what is mounted there. pid is any process of
// the image, inside where the image's own folder is mounted.
func Shared(pid int, inside string) (map[string]string, error) {
	all, err := readMounts(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		return nil, fmt.Errorf("cannot see what is mounted in the image: %w", err)
	}
	shared := map[string]string{}
	for _, m := range inherited(all) {
		if m.point != inside {
			shared[m.point] = m.fstype + " " + m.source
		}
	}
	return shared, nil
}

func parseMountinfo(r io.Reader) ([]mount, error) {
	var all []mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m, err := parseMountLine(lines.Text())
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, lines.Err()
}

func parseMountLine(line string) (mount, error) {
	before, after, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !ok || len(left) < 6 || len(right) < 2 {
		return mount{}, fmt.Errorf("cannot read mount table line %q: not as in proc_pid_mountinfo(5)", line)
	}
	return mount{point: procfs.Unescape(left[4]), fstype: right[0], source: procfs.Unescape(right[1])}, nil
}

// kernelViews are file systems that show the kernel's own state. An image gets
// its own proc, sysfs, dev and devpts and none of the others.
var kernelViews = map[string]bool{
	"proc": true, "sysfs": true, "devtmpfs": true, "devpts": true, "cgroup": true, "cgroup2": true,
	"mqueue": true, "securityfs": true, "debugfs": true, "tracefs": true, "bpf": true, "pstore": true,
	"configfs": true, "fusectl": true, "hugetlbfs": true, "efivarfs": true, "binfmt_misc": true,
	"autofs": true, "nsfs": true, "rpc_pipefs": true, "selinuxfs": true, "ramfs": true,
}

// inherited picks the mounts that an image shares with the host: all that
// hold files, in the order they were mounted.
func inherited(all []mount) []mount {
	var keep []mount
	for _, m := range all {
		if m.point == "/" || kernelViews[m.fstype] || underAny(m.point, "/proc", "/sys", "/dev") || containerMount(m) {
			continue
		}
		keep = append(keep, m)
	}
	return keep
}

// containerMount tells the mounts that container engines make for containers
// of theirs: hundreds on some machines, and of no use in an image.
func containerMount(m mount) bool {
	return underAny(m.point, "/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/var/lib/kubelet",
		"/run/docker", "/run/containerd", "/run/credentials")
}

func underAny(path string, roots ...string) bool {
	for _, root := range roots {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}
