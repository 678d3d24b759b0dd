package ns

import (
	"slices"
	"strings"
	"testing"
)

const table = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /dev rw - devtmpfs devtmpfs rw
24 23 0:21 / /dev/shm rw - tmpfs tmpfs rw
25 22 0:22 / /proc rw - proc proc rw
26 22 8:1 / /mnt/my\040disk rw - vfat /dev/sda1 rw
27 22 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup rw
28 22 0:31 / /tmp rw - tmpfs tmpfs rw
29 22 0:40 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
30 22 0:41 net:[4026532000] /run/netns/x rw - nsfs nsfs rw
`

func TestAnImageInheritsTheMountsThatHoldFiles(t *testing.T) {
	all, err := parseMountinfo(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	var points []string
	for _, m := range inherited(all) {
		points = append(points, m.point)
	}
	if want := []string{"/mnt/my disk", "/tmp"}; !slices.Equal(points, want) {
		t.Errorf("got %q, want %q", points, want)
	}
}

func TestAMountTableThatIsCutOffIsRefused(t *testing.T) {
	for _, line := range []string{"22 1 254:0 / /", "22 1 254:0 / / rw - ", "x"} {
		if _, err := parseMountinfo(strings.NewReader(line)); err == nil {
			t.Errorf("%q was read as a mount", line)
		}
	}
}
