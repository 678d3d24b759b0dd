package process

// Stop stops p as the default action of SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU does.
// In an orphaned group only SIGSTOP stops; the others are refused with ErrOrphaned,
// and a kernel drops them. A stopped process stays as it is.
func (p Process) Stop(sig Signal) (Effects, error) {
	var e Effects
	err := p.act("stop", func(t *Table, r *proc) error {
		if !sig.stops() {
			return ErrBadSignal
		}
		if r.has(isStopped) || r.has(isExiting) {
			return nil
		}
		if sig != SIGSTOP && t.groups.at(r.groupSlot()).anchors == 0 {
			return ErrOrphaned
		}
		r.stop = sig
		t.change(r, isStopped|stopUnread, contUnread)
		t.reportChange(r, CodeStopped, &e)
		return nil
	})
	return e, err
}

// Continue continues p as SIGCONT does, whatever the process does with the signal
// itself. One that is not stopped goes on.
func (p Process) Continue() (Effects, error) {
	var e Effects
	err := p.act("continue", func(t *Table, r *proc) error {
		if !r.has(isStopped) {
			return nil
		}
		r.stop = 0
		t.change(r, contUnread, isStopped|stopUnread)
		t.reportChange(r, CodeContinued, &e)
		return nil
	})
	return e, err
}

// StopSignal returns the signal that stopped p, 0 if it is not stopped.
func (p Process) StopSignal() Signal {
	if p.t == nil {
		return 0
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if r := p.lookup(); r != nil {
		return r.stop
	}
	return 0
}

func (t *Table) reportChange(r *proc, code Code, e *Effects) {
	if up := r.parentSlot(); up != 0 {
		e.signal(Delivery{To: t.handle(up), Signal: SIGCHLD, Code: code, Child: r.number()})
	}
}
