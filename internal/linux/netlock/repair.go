package netlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// EndRepair brings the TCP sockets of a PID namespace, named by any process
// in it, back to their normal work. CRIU puts a socket into repair mode to
// read its queues, see TCP_REPAIR in tcp(7); when it is killed there the
// program is refused to read and write.
func EndRepair(pid int) error {
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return fmt.Errorf("cannot find the programs of an image: %w", err)
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if at, linkErr := os.Readlink(dir + "/ns/pid"); linkErr != nil || at != space {
			continue
		}
		err = errors.Join(err, endRepairOf(dir))
	}
	return err
}

// endRepairOf does so for one process. One that ends meanwhile has no sockets
// to bring back.
func endRepairOf(dir string) error {
	pid, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return err
	}
	handle, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(handle)
	links, _ := filepath.Glob(dir + "/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(target, "socket:") {
			continue
		}
		number, err := strconv.Atoi(filepath.Base(link))
		if err != nil {
			return err
		}
		if err := endRepairOn(handle, number); err != nil {
			return fmt.Errorf("cannot bring descriptor %d of process %d back: %w", number, pid, err)
		}
	}
	return nil
}

// endRepairOn does so for one descriptor, whatever kind of socket it is. The
// window of the other end is as it was, so that no probe of it is needed.
func endRepairOn(handle, number int) error {
	fd, err := unix.PidfdGetfd(handle, number, 0)
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("pidfd_getfd", err)
	}
	defer unix.Close(fd)
	if on, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR); err != nil || on == 0 {
		return nil // not a TCP socket, or not in repair
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, unix.TCP_REPAIR_OFF_NO_WP))
}
