package process

import "strconv"

// Signal is a signal number as Linux counts them on x86 and ARM, see signal(7).
type Signal uint8

// The signals that have a meaning for the hierarchy.
const (
	SIGHUP  Signal = 1
	SIGINT  Signal = 2
	SIGQUIT Signal = 3
	SIGKILL Signal = 9
	SIGTERM Signal = 15
	SIGCHLD Signal = 17
	SIGCONT Signal = 18
	SIGSTOP Signal = 19
	SIGTSTP Signal = 20
	SIGTTIN Signal = 21
	SIGTTOU Signal = 22
)

// maxSignal is the last real-time signal.
const maxSignal Signal = 64

func (s Signal) String() string {
	switch s {
	case SIGHUP:
		return "SIGHUP"
	case SIGINT:
		return "SIGINT"
	case SIGQUIT:
		return "SIGQUIT"
	case SIGKILL:
		return "SIGKILL"
	case SIGTERM:
		return "SIGTERM"
	case SIGCHLD:
		return "SIGCHLD"
	case SIGCONT:
		return "SIGCONT"
	case SIGSTOP:
		return "SIGSTOP"
	case SIGTSTP:
		return "SIGTSTP"
	case SIGTTIN:
		return "SIGTTIN"
	case SIGTTOU:
		return "SIGTTOU"
	}
	return "signal " + strconv.Itoa(int(s))
}

// stops reports whether the default action of the signal is to stop.
func (s Signal) stops() bool { return s >= SIGSTOP && s <= SIGTTOU }

// ExitStatus says how a process ended, in the encoding of wait(2).
type ExitStatus uint16

const coreFlag ExitStatus = 0x80

// Exited is the status of a process that called exit(3) with code; as there,
// only the low eight bits count.
func Exited(code int) ExitStatus { return ExitStatus(code&0xff) << 8 }

// Killed is the status of a process ended by a signal.
func Killed(sig Signal) ExitStatus { return ExitStatus(sig & 0x7f) }

// Dumped is the status of a process ended by a signal that left a core dump.
func Dumped(sig Signal) ExitStatus { return Killed(sig) | coreFlag }

// Code returns the exit code, and -1 if the process was ended by a signal.
func (s ExitStatus) Code() int {
	if s.Signal() != 0 {
		return -1
	}
	return int(s >> 8)
}

// Signal returns the signal that ended the process, and 0 if it exited.
func (s ExitStatus) Signal() Signal { return Signal(s & 0x7f) }

// CoreDumped reports whether the signal left a core dump.
func (s ExitStatus) CoreDumped() bool { return s.Signal() != 0 && s&coreFlag != 0 }

func (s ExitStatus) String() string {
	switch {
	case s.CoreDumped():
		return "killed by " + s.Signal().String() + " (core dumped)"
	case s.Signal() != 0:
		return "killed by " + s.Signal().String()
	}
	return "exited with " + strconv.Itoa(s.Code())
}

// valid reports whether a process can end with this status.
func (s ExitStatus) valid() bool {
	if sig := s.Signal(); sig != 0 {
		return sig <= maxSignal && s>>8 == 0
	}
	return s&0xff == 0
}
