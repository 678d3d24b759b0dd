package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"golang.org/x/sys/unix"
)

// apart marks a test program in namespaces of its own.
const apart = "SEANCE_TEST_APART"

var (
	ownMounts  = []string{"--mount", "--propagation", "private"}
	ownNetwork = []string{"--net"}
)

// OwnMounts is for TestMain of tests that bring images up. Run by root, it
// runs the test program again in a mount namespace of its own, and returns its
// exit status and true; in that second run, and without root, false.
//
// An image has what is mounted on the host. Such a test must neither see what
// others mount for a moment, nor show them what it mounts itself.
func OwnMounts() (status int, done bool) { return again(nil, ownMounts...) }

// OwnNetwork is like OwnMounts, with a network namespace that has a loopback
// interface and nothing else. There are no ports that others have taken, and no
// network locks that others have made.
func OwnNetwork() (status int, done bool) { return again(loopbackUp, ownNetwork...) }

// OwnMountsAndNetwork is both.
func OwnMountsAndNetwork() (status int, done bool) {
	return again(loopbackUp, slices.Concat(ownMounts, ownNetwork)...)
}

// again runs the test program again by unshare(1), if this is the first run, and
// else sets up what is new there.
func again(setUp func() error, options ...string) (status int, done bool) {
	if os.Geteuid() != 0 {
		return 0, false
	}
	if os.Getenv(apart) == "" {
		return unshared(options...), true
	}
	if setUp == nil {
		return 0, false
	}
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot set up a network namespace:", err)
		return 1, true
	}
	return 0, false
}

func unshared(options ...string) (status int) {
	cmd := exec.Command("unshare", slices.Concat(options, os.Args)...)
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// loopbackUp brings lo up, see netdevice(7).
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return os.NewSyscallError("ioctl SIOCSIFFLAGS of lo", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}
