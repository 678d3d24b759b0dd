package ns

import (
	"os"

	"golang.org/x/sys/unix"
)

// Replace closes what the process has open, opens /dev/null as its standard
// descriptors and executes path in its place. After [Enter] this leaves
// nothing in the process that comes from outside the image, its executable
// included. It returns only on failure, and then without standard
// descriptors.
func Replace(path string, args, env []string) error {
	for fd := range 3 {
		mode := unix.O_RDONLY
		if fd > 0 {
			mode = unix.O_WRONLY
		}
		if err := openAt(fd, "/dev/null", mode); err != nil {
			return err
		}
	}
	// Whatever else is open closes on exec: the Go runtime's own descriptors
	// do by themselves.
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return os.NewSyscallError("close_range", err)
	}
	err := unix.Exec(path, args, env)
	return &os.PathError{Op: "exec", Path: path, Err: err}
}

func openAt(fd int, path string, mode int) error {
	opened, err := unix.Open(path, mode, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	if opened == fd {
		return nil
	}
	defer unix.Close(opened)
	return os.NewSyscallError("dup3", unix.Dup3(opened, fd, 0))
}
