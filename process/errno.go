package process

import "strconv"

// Errno is an error number as Linux counts them on every common architecture.
// It is not syscall.Errno, so that the package compiles and means the same on
// every platform.
type Errno uint8

// The error numbers this package gives, see errno(3).
const (
	EPERM  Errno = 1
	ESRCH  Errno = 3
	EINTR  Errno = 4
	EIO    Errno = 5
	ECHILD Errno = 10
	EAGAIN Errno = 11
	EACCES Errno = 13
	EBUSY  Errno = 16
	EEXIST Errno = 17
	EINVAL Errno = 22
	ENOTTY Errno = 25
)

// Name returns the symbolic name, such as "EPERM".
func (e Errno) Name() string {
	switch e {
	case EPERM:
		return "EPERM"
	case ESRCH:
		return "ESRCH"
	case EINTR:
		return "EINTR"
	case EIO:
		return "EIO"
	case ECHILD:
		return "ECHILD"
	case EAGAIN:
		return "EAGAIN"
	case EACCES:
		return "EACCES"
	case EBUSY:
		return "EBUSY"
	case EEXIST:
		return "EEXIST"
	case EINVAL:
		return "EINVAL"
	case ENOTTY:
		return "ENOTTY"
	}
	return "errno " + strconv.Itoa(int(e))
}

// Error returns the text strerror(3) has for the number.
func (e Errno) Error() string {
	switch e {
	case EPERM:
		return "operation not permitted"
	case ESRCH:
		return "no such process"
	case EINTR:
		return "interrupted system call"
	case EIO:
		return "input/output error"
	case ECHILD:
		return "no child processes"
	case EAGAIN:
		return "resource temporarily unavailable"
	case EACCES:
		return "permission denied"
	case EBUSY:
		return "device or resource busy"
	case EEXIST:
		return "file exists"
	case EINVAL:
		return "invalid argument"
	case ENOTTY:
		return "inappropriate ioctl for device"
	}
	return e.Name()
}
