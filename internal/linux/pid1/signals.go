package pid1

import (
	"os"
	"os/signal"
	"syscall"
)

// catch catches every signal that can be passed on. Those that were ignored
// when this process was started, as by nohup(1), stay so, here and in the
// program.
func catch() <-chan os.Signal {
	var all []os.Signal
	for n := syscall.Signal(1); n <= 64; n++ {
		if passedOn(n) && !signal.Ignored(n) {
			all = append(all, n)
		}
	}
	c := make(chan os.Signal, 64)
	signal.Notify(c, all...)
	return c
}

// passedOn says whether a signal is for the program. SIGCHLD, SIGTTIN and
// SIGTTOU tell this process of its own children and terminal; SIGURG and
// SIGPROF are used by Go's runtime, which leaves 32 to 34 to C libraries.
func passedOn(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGTTIN, syscall.SIGTTOU,
		syscall.SIGURG, syscall.SIGPROF, 32, 33, 34:
		return false
	}
	return true
}

// forward passes signals on, for as long as the process lives.
func (c *child) forward(signals <-chan os.Signal) {
	for s := range signals {
		if s == syscall.SIGCONT {
			// A shell has this job go on, in the foreground maybe: then the terminal is
			// the program's again.
			c.tty.give(c.pid)
			c.resume()
			continue
		}
		c.signal(s.(syscall.Signal))
	}
}

// stopped deals with a program that was stopped. One that reached for the
// terminal before it was handed over goes on. Else the job is stopped as a
// whole, as the shell that runs it expects; a process that no shell looks after
// stays, for it could not be continued.
func (c *child) stopped(by syscall.Signal) {
	switch {
	case (by == syscall.SIGTTIN || by == syscall.SIGTTOU) && c.tty.belongsTo(c.pid):
		c.resume()
	case c.tty.jobControl && !c.first:
		c.tty.takeBack()
		_ = syscall.Kill(0, syscall.SIGSTOP)
	}
}
