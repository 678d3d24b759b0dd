package process

import "math"

// WaitOptions are the options of wait4(2) and waitid(2), with Linux's values.
type WaitOptions uint32

const (
	WNOHANG    WaitOptions = 0x1
	WUNTRACED  WaitOptions = 0x2 // for Wait4; the same bit as WSTOPPED
	WSTOPPED   WaitOptions = 0x2
	WEXITED    WaitOptions = 0x4
	WCONTINUED WaitOptions = 0x8
	WNOWAIT    WaitOptions = 0x1000000
	WALL       WaitOptions = 0x40000000 // accepted; every child is waited for anyway
)

const (
	wait4Options  = WNOHANG | WUNTRACED | WCONTINUED | WALL
	waitIDOptions = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WALL
)

// IDType says how WaitID selects children.
type IDType uint8

const (
	PAll  IDType = 0 // any child
	PPID  IDType = 1 // the child with that PID
	PPGID IDType = 2 // children in that group; 0 is the caller's own
)

// WaitResult is what a wait tells about a child. The zero WaitResult comes from a
// wait with WNOHANG that found nothing to tell yet.
type WaitResult struct {
	PID    PID
	Code   Code
	Status ExitStatus // when it exited or was killed
	Stop   Signal     // when it was stopped
}

// WaitStatus returns the result in the encoding of wait4(2).
func (w WaitResult) WaitStatus() int {
	switch w.Code {
	case CodeStopped:
		return int(w.Stop)<<8 | 0x7f
	case CodeContinued:
		return 0xffff
	}
	return int(w.Status)
}

// SiStatus returns the si_status that waitid(2) gives.
func (w WaitResult) SiStatus() int {
	switch w.Code {
	case CodeExited:
		return w.Status.Code()
	case CodeStopped:
		return int(w.Stop)
	case CodeContinued:
		return int(SIGCONT)
	}
	return int(w.Status.Signal())
}

// Wait4 is wait4(2) with p as the caller: pid selects a child (above 0), any (-1),
// those in the caller's group (0), or those in the group -pid. A zombie that it
// reports is freed. Where wait4 would sleep, the error is ErrWouldBlock.
func (p Process) Wait4(pid PID, options WaitOptions) (WaitResult, error) {
	if options&^wait4Options != 0 {
		return WaitResult{}, refuse("wait for", "process", pid, ErrBadOption)
	}
	options |= WEXITED
	switch {
	case pid == math.MinInt32:
		return WaitResult{}, refuse("wait for", "process", pid, ErrNoProcess)
	case pid < -1:
		return p.wait(PPGID, -pid, options)
	case pid == -1:
		return p.wait(PAll, 0, options)
	case pid == 0:
		return p.wait(PPGID, 0, options)
	}
	return p.wait(PPID, pid, options)
}

// WaitID is waitid(2) with p as the caller. Where waitid would sleep, the error is
// ErrWouldBlock.
func (p Process) WaitID(idtype IDType, id PID, options WaitOptions) (WaitResult, error) {
	switch {
	case options&^waitIDOptions != 0, options&(WEXITED|WSTOPPED|WCONTINUED) == 0:
		return WaitResult{}, refuse("wait for", "process", id, ErrBadOption)
	case idtype > PPGID:
		return WaitResult{}, refuse("wait for", "process", id, ErrBadOption)
	case idtype == PPID && id <= 0, idtype == PPGID && id < 0:
		return WaitResult{}, refuse("wait for", "process", id, ErrBadNumber)
	}
	return p.wait(idtype, id, options)
}

func (p Process) wait(idtype IDType, id PID, options WaitOptions) (WaitResult, error) {
	var result WaitResult
	err := p.act("wait for a child of", func(t *Table, r *proc) error {
		slot, fits := t.selectChild(r, idtype, id, options)
		switch {
		case slot != 0:
			result = t.collect(slot, options)
			return nil
		case !fits:
			return ErrNoChild
		case options&WNOHANG != 0:
			return nil
		}
		return ErrWouldBlock
	})
	return result, err
}

// selectChild returns the first child, in the order in which they came, that has
// something to tell, and whether there is a child that may have sometime.
func (t *Table) selectChild(r *proc, idtype IDType, id PID, options WaitOptions) (slot uint32, fits bool) {
	var gslot uint32
	switch idtype {
	case PPID:
		return t.selectOne(r, id, options)
	case PPGID:
		gslot = r.groupSlot()
		if id != 0 {
			gslot = t.numbers.group(id)
		}
		if gslot == 0 {
			return 0, false
		}
	}
	quiet := r.waitable == 0
	for c := r.firstChild; c != 0; {
		child := t.procs.at(c)
		if gslot == 0 || child.groupSlot() == gslot {
			ready, may := child.news(options)
			if ready {
				return c, true
			}
			fits = fits || may
			if quiet && fits {
				return 0, true
			}
		}
		c = child.nextSib
	}
	return 0, fits
}

func (t *Table) selectOne(r *proc, pid PID, options WaitOptions) (uint32, bool) {
	slot := t.numbers.task(pid)
	if slot == 0 || slot&threadBit != 0 {
		return 0, false
	}
	child := t.procs.at(slot)
	if t.procs.at(child.parentSlot()) != r {
		return 0, false
	}
	ready, may := child.news(options)
	if !ready {
		slot = 0
	}
	return slot, may
}

// news reports whether a child has something to tell that the options ask for,
// and whether it may ever have: a zombie nobody asks exits of does not.
func (r *proc) news(options WaitOptions) (ready, may bool) {
	f := r.flags()
	if f&isZombie != 0 {
		exited := options&WEXITED != 0
		return exited, exited
	}
	ready = options&WSTOPPED != 0 && f&stopUnread != 0 ||
		options&WCONTINUED != 0 && f&contUnread != 0
	return ready, true
}

// collect takes what the child has to tell, and frees it if that is its exit.
func (t *Table) collect(slot uint32, options WaitOptions) WaitResult {
	child := t.procs.at(slot)
	result := WaitResult{PID: child.number()}
	f := child.flags()
	switch {
	case f&isZombie != 0:
		result.Status = child.status
		result.Code = exitCode(result.Status)
		if options&WNOWAIT == 0 {
			t.freeProc(slot, child)
		}
		return result
	case f&stopUnread != 0 && options&WSTOPPED != 0:
		result.Code, result.Stop = CodeStopped, child.stop
	default:
		result.Code = CodeContinued
	}
	if options&WNOWAIT == 0 {
		t.change(child, 0, stopUnread|contUnread)
	}
	return result
}
