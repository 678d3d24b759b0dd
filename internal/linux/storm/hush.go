package storm

import (
	"syscall"
	"unsafe"
)

// Hush gives SIGCHLD its default disposition, with which the kernel wakes up
// nobody for it, until restore is called. Go's runtime has a handler of its own
// at all times, whether anybody is notified or not. Children are no less there
// to be waited for.
func Hush() (restore func()) {
	var quiet, before action // of zeroes: SIG_DFL is 0
	if !sigaction(&quiet, &before) {
		return func() {} // as loud as before, and no less right
	}
	return func() { sigaction(&before, nil) }
}

// action is the kernel's struct sigaction, or more than that: it is kept as it
// is, and differs between architectures.
type action [64]byte

// sigaction is rt_sigaction(2) for SIGCHLD: package unix has none.
func sigaction(set, before *action) bool {
	const maskSize = 8
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGCHLD),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(before)), maskSize, 0, 0)
	return errno == 0
}
