package pid1

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal is the controlling terminal on standard input, if there is one.
type terminal struct {
	own        int  // our process group
	there      bool // standard input is our controlling terminal
	jobControl bool // a shell started us as one of its jobs
	quiet      *sync.Once
}

func openTerminal() terminal {
	// A terminal that is not our controlling one is an error here.
	_, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	sid, _ := unix.Getsid(0)
	return terminal{
		own:        unix.Getpgrp(),
		there:      err == nil,
		jobControl: err == nil && sid != os.Getpid(),
		quiet:      new(sync.Once),
	}
}

// belongsTo says whether a process group is in the foreground.
func (t terminal) belongsTo(pgid int) bool {
	if !t.there {
		return false
	}
	now, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	return err == nil && now == pgid
}

// give puts the program's process group into the foreground, if we are there.
// A job in the background stays there.
func (t terminal) give(pgid int) {
	if t.belongsTo(t.own) {
		_ = unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, pgid)
	}
}

// takeBack makes our process group the foreground one again, for whoever comes
// after us.
func (t terminal) takeBack() {
	if !t.there || t.belongsTo(t.own) {
		return
	}
	// Whoever does this from the background is stopped by SIGTTOU, unless it is
	// ignored: see tcsetpgrp(3). No program is started any more that would
	// inherit that.
	t.quiet.Do(func() { signal.Ignore(syscall.SIGTTOU) })
	_ = unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, t.own)
}
