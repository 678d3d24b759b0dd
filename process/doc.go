// Package process is the process hierarchy of Unix as a library: processes with
// their threads, process groups, sessions, job control and waiting, as POSIX and
// Linux define them. It touches no real process: a kernel, an emulator or a sandbox
// drives it, and a process supervisor mirrors live processes into it.
//
// # Types
//
// A Table owns everything; there is no global one.
//
//	Table
//	 └─ Session         setsid(2): a controlling terminal, one foreground group
//	     └─ Group       setpgid(2): a job, what signals are sent to
//	         └─ Process fork(2): parent and children form a tree of its own
//	             └─ Thread
//
// Process, Thread, Group and Session are small values that say which one they mean;
// they keep nothing alive. A process is in the table until it is freed: Exit makes
// a zombie of it, and Free, or its parent's Wait4, takes it out. A group exists while
// it has members, zombies among them, and a session while it has groups; both leave
// the table in the same instant as the last of these.
//
// Operations return Effects: the signals a kernel delivers next, and who got a new
// parent. The package itself delivers nothing, and starts no goroutine.
//
// # Refusals
//
// Everything that is refused is an error, never a panic, and leaves the table as it
// was. errors.Is finds its reason (ErrSessionLeader, ...), and ErrnoOf the number that
// Linux gives for it.
//
// # Agreement with Linux
//
// The reference is Linux, and where POSIX leaves a choice, Linux's. Random sequences of
// system calls are run on real processes in a PID namespace and on a Table, and every
// number, error, wait result and signal must be the same (internal/linux/agree).
//
// Four things are not modelled. A terminal is taken to be a pseudo-terminal: other
// ones hang up completely when their session leader exits. Children belong to their
// parent process and not to one of its threads, so a wait asks them in one order, and
// there is no __WNOTHREAD. Nobody ignores SIGCHLD, so every zombie has to be waited for
// or freed. There is no ptrace(2). CreateGroup and MoveToGroup are not system calls:
// the first is refused to a group leader, where setpgid(2) would do nothing, and the
// second brings an emptied group back, which Linux has no way to ask for.
//
// # Concurrency
//
// All methods may be called at the same time. There is one lock, Table.mu, and it is
// held for no longer than one operation; nothing of the caller's runs under it, so no
// order of locks can be got wrong. PID, State, Parent, Group, Session and the lookups
// by number need no lock at all: they never wait for a writer. Iterators over children,
// members and threads take one snapshot; those over the whole table need no lock.
//
// # Freezing and mirroring
//
// Table.State gives the table as plain data, and Restore a table that goes on from
// there. Table.Sync brings a table in line with what was observed of a live system,
// and returns what changed; Table.WriteTree prints it.
package process
