package process_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/seancehq/seance/process"
)

// A new table has an init process, which leads a session and a group of its number.
func Example_init() {
	table := process.NewTable()
	init := table.Init()
	group := init.Group()
	session := group.Session()
	fmt.Println(init.PID(), group.PGID(), session.SID())
	// Output: 1 1 1
}

// A child creates a session of its own, and leads it and a group in it.
func ExampleProcess_CreateSession() {
	table := process.NewTable()
	child, err := table.Init().Fork()
	if err != nil {
		fmt.Println(err)
		return
	}
	session, group, err := child.CreateSession()
	fmt.Println(session.SID() == child.PID(), group.PGID() == child.PID(), err)

	// A second time it is refused, with the reason and the number Linux has for it.
	_, _, err = child.CreateSession()
	fmt.Println(err)
	fmt.Println(errors.Is(err, process.ErrSessionLeader), process.ErrnoOf(err).Name())
	// Output:
	// true true <nil>
	// cannot create a session for process 2: it leads a session
	// true EPERM
}

// What a shell does to run a job in the foreground, stop it, and go on with it in the
// background; and what happens to the job when the shell exits.
func Example_jobControl() {
	const tty = 34816 // pts/0
	table := process.NewTable()
	shell, _ := table.Init().Fork()
	_, _, _ = shell.CreateSession()
	_ = shell.SetTerminal(tty, "pts/0", false)

	// $ sleep 100
	job, _ := shell.Fork()
	_ = shell.SetPGID(job.PID(), 0)
	_, _ = shell.SetForeground(tty, job.PID(), true)
	_ = job.Exec()

	// ^Z
	effects, _ := job.Stop(process.SIGTSTP)
	fmt.Println(effects)
	result, _ := shell.Wait4(-1, process.WUNTRACED)
	fmt.Println(result.PID, result.Code, result.Stop)
	_, _ = shell.SetForeground(tty, shell.PID(), true)

	// $ bg
	effects, _ = job.Continue()
	fmt.Println(effects)

	// Now it may not read from the terminal.
	effects, err := job.ReadTerminal(tty, false)
	fmt.Println(effects, "-", err)

	// $ exit, with the job stopped: nobody could continue it any more.
	_, _ = job.Stop(process.SIGSTOP)
	effects, _ = shell.Exit(process.Exited(0))
	for delivery := range effects.Signals() {
		fmt.Println(delivery)
	}
	// Output:
	// SIGCHLD to 2: CLD_STOPPED of 3
	// 3 CLD_STOPPED SIGTSTP
	// SIGCHLD to 2: CLD_CONTINUED of 3
	// SIGTTIN to 3 - cannot read from the terminal for process 3: it is in the background
	// SIGHUP to 2
	// SIGHUP to 3
	// SIGCONT to 3
	// SIGCHLD to 1: CLD_EXITED of 2
}

// A service manager that is a subreaper gets the daemons that fork twice.
func ExampleProcess_SetSubreaper() {
	table := process.NewTable()
	manager, _ := table.Init().Fork()
	_ = manager.SetSubreaper(true)

	first, _ := manager.Fork()
	daemon, _ := first.Fork()
	effects, _ := first.Exit(process.Exited(0))
	fmt.Println(effects)
	fmt.Println(daemon.Parent() == manager)
	// Output:
	// SIGCHLD to 2: CLD_EXITED of 3; children [4] of 3 now of 2
	// true
}

// A table is frozen to plain data and goes on from there in another one.
func ExampleRestore() {
	table := process.NewTable()
	child, _ := table.Init().Fork()
	_, _, _ = child.CreateSession()
	_, _ = child.Stop(process.SIGSTOP)

	frozen, _ := table.State().MarshalBinary()
	var state process.State
	if err := state.UnmarshalBinary(frozen); err != nil {
		fmt.Println(err)
		return
	}
	again, err := process.Restore(state)
	if err != nil {
		fmt.Println(err)
		return
	}
	child, _ = again.Process(child.PID())
	effects, _ := child.Continue()
	fmt.Println(child, effects)
	// Output: process 2 (running) SIGCHLD to 1: CLD_CONTINUED of 2
}

// A table is brought in line with a live system, says what changed, and is printed.
func ExampleTable_Sync() {
	system := []process.Observed{
		{PID: 1, PGID: 1, SID: 1, State: 'S', Comm: "init"},
		{PID: 5, PPID: 1, PGID: 5, SID: 5, State: 'S', Comm: "sh", TTY: 34816, TTYName: "pts/0", Foreground: 5},
	}
	table, err := process.Mirror(system)
	if err != nil {
		fmt.Println(err)
		return
	}
	system[1].Foreground = 8
	system = append(system, process.Observed{
		PID: 8, PPID: 5, PGID: 8, SID: 5, State: 'R', Comm: "top", TTY: 34816, TTYName: "pts/0", Foreground: 8,
	})
	events, err := table.Sync(system)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range events {
		fmt.Println(event)
	}
	if err := table.WriteTree(os.Stdout, process.TreeOptions{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// process 8 started by 5: top
	// session 5: foreground group 8, was 5
	// PID PPID PGID SID TTY   STAT COMMAND
	//                 1 ?          session 1, leader init
	//             1   1 ?            group 1, leader init
	//   1    0    1   1 ?     Ss       init
	//                 5 pts/0      session 5 on pts/0, leader sh
	//             5   5 pts/0        group 5, leader sh
	//   5    1    5   5 pts/0 Ss       sh
	//             8   5 pts/0        group 8, leader top, foreground
	//   8    5    8   5 pts/0 R+       top
}
