package netlock

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/testenv"
)

// The tests make and remove tables of nftables, which other tests look at too.
func TestMain(m *testing.M) {
	if status, done := testenv.OwnNetwork(); done {
		os.Exit(status)
	}
	if err := loopbackUp(); err != nil && os.Geteuid() == 0 {
		fmt.Fprintln(os.Stderr, "cannot set up loopback:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// loopbackUp brings lo up, see netdevice(7).
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
