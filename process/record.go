package process

import "sync/atomic"

// The records. Fields of type atomic are read without the lock; they are written
// with it, like everything else. Links are slots in the arena of their kind, 0
// for none. Slot 0 of the processes stands for what is outside the table: Linux's
// PID 0, the parent of init.

// proc is the record of a process: 64 bytes, a cache line.
type proc struct {
	word  atomic.Uint64 // serial and flags; 0 when the slot is free
	links atomic.Uint64 // slot of the parent << 32 | slot of the group
	pid   atomic.Int32

	status ExitStatus // once a zombie or in a group exit
	stop   Signal     // what stopped it

	firstChild, lastChild  uint32 // in the order in which they came
	prevSibling, nextSib   uint32
	prevMember, nextMember uint32 // of the same group

	children uint32 // how many
	waitable uint32 // children that have something to report to wait(2)
	threads  uint32 // threads that have not ended, the main thread included
	extra    uint32 // first of the threads besides the main one
}

// flags share a word with the serial number, so that a reader without the lock
// gets both at one instant.
type flags uint64

const (
	isAlive     flags = 1 << iota // it has not exited
	isZombie                      // it has exited and was not freed
	isStopped                     // a job control stop
	stopUnread                    // its parent has not waited for that stop yet
	contUnread                    // nor for its continuation
	isReaper                      // PR_SET_CHILD_SUBREAPER
	hasExeced                     // it has executed a program since it was forked
	isLeader                      // it leads its session
	hasTerminal                   // the session's terminal is its terminal, too
	isExiting                     // a group exit has fixed its status
	mainEnded                     // the main thread has ended, others go on
	flagMask    flags = 1<<serialShift - 1
)

const serialShift = 12

// waitFlags are those that make a child worth waiting for.
const waitFlags = isZombie | stopUnread | contUnread

func (p *proc) flags() flags       { return flags(p.word.Load()) & flagMask }
func (p *proc) has(f flags) bool   { return flags(p.word.Load())&f != 0 }
func (p *proc) serial() uint64     { return p.word.Load() >> serialShift }
func (p *proc) parentSlot() uint32 { return uint32(p.links.Load() >> 32) }
func (p *proc) groupSlot() uint32  { return uint32(p.links.Load()) }
func (p *proc) number() PID        { return PID(p.pid.Load()) }

func (p *proc) setLinks(parent, group uint32) { p.links.Store(uint64(parent)<<32 | uint64(group)) }

// thread is the record of a thread that is not the main thread of its process.
type thread struct {
	word       atomic.Uint64 // serial; 0 when the slot is free
	tid        atomic.Int32
	proc       atomic.Uint32
	prev, next uint32
}

// group is the record of a process group: 64 bytes.
type group struct {
	number  atomic.Uint64 // serial of the number, see Group; 0 when the slot is free
	ids     atomic.Uint64 // pgid<<32 | sid
	sNumber atomic.Uint64 // the same of its session
	session uint32

	firstMember, lastMember uint32
	members                 uint32
	prev, next              uint32 // groups of the same session
	anchors                 uint32 // members that keep it from being orphaned
	stopped                 uint32 // members that are stopped
	living                  uint32 // members that are not zombies
}

func (s *session) id() PID { return PID(s.sid.Load()) }

func (g *group) pgid() PID { return PID(g.ids.Load() >> 32) }
func (g *group) sid() PID  { return PID(uint32(g.ids.Load())) }

// session is the record of a session.
type session struct {
	number     atomic.Uint64 // serial of the number; 0 when the slot is free
	sid        atomic.Int32
	groups     uint32
	firstGroup uint32
	lastGroup  uint32
	terminal   Device // 0 for none
	// What was the foreground group when the terminal hung up, see disassociate.
	oldForeground   PID
	oldForegroundNo uint64
}
