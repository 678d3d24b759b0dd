// Command waiter waits in every way that a freeze can cut short, and says so
// when a wait ends that should not. A periodic timer says that time goes on.
package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	var fds [2]int
	check(unix.Pipe2(fds[:], unix.O_CLOEXEC))
	poll := []unix.PollFd{{Fd: int32(fds[0]), Events: unix.POLLIN}}
	long := unix.Timespec{Sec: 1000}
	word := uint32(0)
	// The functions of package unix would call again by themselves, or hand the
	// thread to others meanwhile.
	waits("poll", unix.SYS_POLL, uintptr(unsafe.Pointer(&poll[0])), 1, 1_000_000)
	waits("sleep", unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&long)), uintptr(unsafe.Pointer(new(unix.Timespec))))
	const futexWait = 0
	waits("futex", unix.SYS_FUTEX, uintptr(unsafe.Pointer(&word)), futexWait, 0, uintptr(unsafe.Pointer(&long)))
	tick()
}

// waits makes a call that takes long on a thread of its own.
func waits(name string, call uintptr, args ...uintptr) {
	var a [4]uintptr
	copy(a[:], args)
	go func() {
		runtime.LockOSThread()
		_, _, errno := unix.Syscall6(call, a[0], a[1], a[2], a[3], 0, 0)
		fmt.Println("cut short:", name, errno)
	}()
	fmt.Println("waiting in", name)
}

// tick counts the expirations of a timer that expires often.
func tick() {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	check(err)
	often := unix.Timespec{Nsec: 5_000_000}
	check(unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: often, Value: often}, nil))
	for total, reads := uint64(0), 0; ; reads++ {
		var n [8]byte
		if _, err := unix.Read(fd, n[:]); err != nil {
			continue
		}
		total += uint64(n[0]) | uint64(n[1])<<8
		if reads%50 == 0 {
			fmt.Println("tick", total)
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
