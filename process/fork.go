package process

// Fork makes a child with the next free number. The child inherits the group, the
// session and the controlling terminal; it has one thread, is not stopped, has
// executed nothing yet, and is no subreaper.
func (p Process) Fork() (Process, error) { return p.fork(0) }

// ForkWithPID makes a child with the given number, like clone3(2) with set_tid.
// The number must not be carried by anything; it does not change which one is the
// next free.
func (p Process) ForkWithPID(pid PID) (Process, error) {
	if pid <= 0 {
		return Process{}, refuse("fork", "process", p.pid, ErrBadNumber)
	}
	return p.fork(pid)
}

func (p Process) fork(pid PID) (Process, error) {
	t := p.t
	if t == nil {
		return Process{}, refuse("fork", "process", p.pid, ErrNoProcess)
	}
	t.mu.Lock()
	child, err := t.forkLocked(p, pid)
	t.mu.Unlock()
	if err != nil {
		return Process{}, refuse("fork", "process", p.pid, err)
	}
	return child, nil
}

func (t *Table) forkLocked(p Process, pid PID) (Process, error) {
	r := p.lookup()
	if r == nil {
		return Process{}, ErrNoProcess
	}
	f := r.flags()
	if f&isAlive == 0 {
		return Process{}, ErrZombie
	}
	pid, err := t.takeNumber(pid)
	if err != nil {
		return Process{}, err
	}
	serial := t.nextSerial()
	slot := t.newProc(pid, serial, p.slot, r.groupSlot(), isAlive|f&hasTerminal)
	if len(t.commands) > 0 {
		t.inheritCommand(p.slot, slot)
	}
	return Process{t: t, serial: serial, slot: slot, pid: pid}, nil
}

// takeNumber checks the number that was asked for, or finds one if it is 0.
func (t *Table) takeNumber(n PID) (PID, error) {
	switch {
	case n == 0:
		return t.numbers.next()
	case n < 0 || n >= t.numbers.limit:
		return 0, ErrBadNumber
	case !t.numbers.isFree(n):
		return 0, ErrInUse
	}
	return n, nil
}
