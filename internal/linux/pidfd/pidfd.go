// Package pidfd holds on to a process that is not the caller's to wait for,
// without ever mistaking another for it that got its number.
package pidfd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrGone says that the process does not exist any more.
var ErrGone = errors.New("the process is gone")

// ID identifies a process for all time: no two of one boot of the machine
// share PID and start.
type ID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // in clock ticks since the machine booted
	Boot  string `json:"boot"`  // the kernel's boot_id
}

// Identify gives the identity of a process that lives.
func Identify(pid int) (ID, error) {
	start, err := startTime(pid)
	if err != nil {
		return ID{}, err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ID{}, err
	}
	return ID{PID: pid, Start: start, Boot: strings.TrimSpace(string(boot))}, nil
}

// startTime reads field 22 of proc_pid_stat(5). The command name, field 2, may
// hold spaces and parentheses: what counts comes after the last one.
func startTime(pid int) (uint64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return 0, ErrGone
	}
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("cannot read the start time of process %d", pid)
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}

// Handle holds on to one process.
type Handle struct {
	ID   ID
	file *os.File
	done chan struct{}
}

// Open holds on to a living process, whoever it is.
func Open(pid int) (*Handle, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	id, err := Identify(pid)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	h := &Handle{ID: id, file: os.NewFile(uintptr(fd), "pidfd"), done: make(chan struct{})}
	go h.watch()
	return h, nil
}

// Find holds on to the process with an identity. [ErrGone]: it has ended,
// whoever has its number now, and whether or not anybody has waited for it.
func Find(id ID) (*Handle, error) {
	h, err := Open(id.PID)
	if err != nil {
		return nil, err
	}
	if h.ID != id || h.ended() {
		h.Close()
		return nil, ErrGone
	}
	return h, nil
}

// Done is closed when the process has ended; a child of the caller's is then
// still to be waited for.
func (h *Handle) Done() <-chan struct{} { return h.done }

// Signal sends a signal; to a process that has ended, [ErrGone].
func (h *Handle) Signal(sig syscall.Signal) error {
	var err error
	raw, rawErr := h.file.SyscallConn()
	if rawErr != nil {
		return rawErr
	}
	if ctlErr := raw.Control(func(fd uintptr) { err = unix.PidfdSendSignal(int(fd), sig, nil, 0) }); ctlErr != nil {
		return ctlErr
	}
	if errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

func (h *Handle) ended() bool {
	over := true
	if raw, err := h.file.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { over = ended(fd) })
	}
	return over
}

// Close lets go of the process, which is not affected.
func (h *Handle) Close() {
	h.file.Close()
	<-h.done
}

// watch waits in the runtime's poller, which takes no thread.
func (h *Handle) watch() {
	defer close(h.done)
	raw, err := h.file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(ended)
}

// ended says whether the process of a pidfd has: it is readable from then on,
// see pidfd_open(2).
func ended(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&unix.POLLIN != 0
}
