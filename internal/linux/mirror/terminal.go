package mirror

import "github.com/seancehq/seance/process"

// tellTerminalsApart gives terminals numbers of their own where several have the
// same. Each devpts file system counts its pseudo-terminals from 0, and a container
// as a rule has its own: pts/0 of two containers has one device number. A terminal is
// that of one session at most (TIOCSCTTY in ioctl_tty(2)), so that another session
// with the same number has another terminal. The session with the lowest number keeps
// the terminal's; the names stay.
func tellTerminalsApart(all []process.Observed) {
	owner := map[process.Device]process.PID{}
	for _, o := range all {
		if sid, ok := owner[o.TTY]; !ok || o.SID < sid {
			owner[o.TTY] = o.SID
		}
	}
	for i := range all {
		if o := &all[i]; o.TTY != 0 && owner[o.TTY] != o.SID {
			o.TTY = standIn(o.SID)
		}
	}
}

// standIn is a device number that no terminal has, and no other session gets. The
// major number is in bits 19 to 8 (proc_pid_stat(5) knows of those up to 15 only),
// and the kernel gives none out above 511.
func standIn(sid process.PID) process.Device {
	const noMajor = 0xf << 16
	n := process.Device(sid) // less than 2^22, the kernel's limit
	return noMajor | n&0xffff | n>>16<<20
}
