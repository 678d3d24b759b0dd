package process

import (
	"fmt"
	"iter"
	"slices"
)

// Thread is a thread of a process. Every process has a main thread, whose number is
// the PID. Like Process it is a small comparable value.
type Thread struct {
	t      *Table
	serial uint64
	slot   uint32 // of the process, or of the thread if threadBit is set
	tid    PID
}

func (t *Table) threadHandle(slot uint32) Thread {
	r := t.threads.peek(slot)
	if r == nil {
		return Thread{}
	}
	for {
		serial, tid := r.word.Load(), PID(r.tid.Load())
		if serial == 0 {
			return Thread{}
		}
		if r.word.Load() == serial {
			return Thread{t: t, serial: serial, slot: slot | threadBit, tid: tid}
		}
	}
}

// lookup returns the record of a thread that is not a main thread.
func (th Thread) lookup() *thread {
	if th.t == nil || !th.isExtra() {
		return nil
	}
	r := th.t.threads.peek(th.slot &^ threadBit)
	if r == nil || th.serial == 0 || r.word.Load() != th.serial {
		return nil
	}
	return r
}

func (th Thread) isExtra() bool { return th.slot&threadBit != 0 }

// TID returns the thread number. It is known even after the thread has ended.
func (th Thread) TID() PID { return th.tid }

// IsMain reports whether the thread is the main thread of its process.
func (th Thread) IsMain() bool { return th.t != nil && !th.isExtra() }

// Exists reports whether the thread has not ended.
func (th Thread) Exists() bool {
	if th.isExtra() {
		return th.lookup() != nil
	}
	return th.mainFlags()&(isAlive|mainEnded) == isAlive
}

func (th Thread) mainFlags() flags { return th.main().flags() }

func (th Thread) main() Process {
	return Process{t: th.t, serial: th.serial, slot: th.slot, pid: th.tid}
}

// Process returns the process of the thread, the zero Process once the thread has
// ended and its process is gone.
func (th Thread) Process() Process {
	if th.t == nil {
		return Process{}
	}
	if !th.isExtra() {
		if p := th.main(); p.Exists() {
			return p
		}
		return Process{}
	}
	r := th.lookup()
	if r == nil {
		return Process{}
	}
	p := th.t.handle(r.proc.Load())
	if th.lookup() == nil {
		return Process{}
	}
	return p
}

func (th Thread) String() string {
	if th.t == nil {
		return "no thread"
	}
	return fmt.Sprintf("thread %d", th.tid)
}

// MainThread returns the main thread of p.
func (p Process) MainThread() Thread {
	return Thread{t: p.t, serial: p.serial, slot: p.slot, tid: p.pid}
}

// ThreadCount returns the number of threads of p that have not ended.
func (p Process) ThreadCount() int {
	if p.t == nil {
		return 0
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if r := p.lookup(); r != nil {
		return int(r.threads)
	}
	return 0
}

// Threads returns the threads of p that have not ended, in ascending order of
// their numbers.
func (p Process) Threads() iter.Seq[Thread] {
	return func(yield func(Thread) bool) {
		for _, th := range p.threads() {
			if !yield(th) {
				return
			}
		}
	}
}

func (p Process) threads() []Thread {
	if p.t == nil {
		return nil
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	r := p.lookup()
	if r == nil || r.threads == 0 {
		return nil
	}
	list := make([]Thread, 0, r.threads)
	if !r.has(mainEnded) {
		list = append(list, p.MainThread())
	}
	for slot := r.extra; slot != 0; slot = p.t.threads.at(slot).next {
		list = append(list, p.t.threadHandle(slot))
	}
	slices.SortFunc(list, func(a, b Thread) int { return int(a.tid) - int(b.tid) })
	return list
}

// NewThread adds a thread with the next free number.
func (p Process) NewThread() (Thread, error) { return p.newThread(0) }

// NewThreadWithTID adds a thread with the given number.
func (p Process) NewThreadWithTID(tid PID) (Thread, error) {
	if tid <= 0 {
		return Thread{}, refuse("add a thread to", "process", p.pid, ErrBadNumber)
	}
	return p.newThread(tid)
}

func (p Process) newThread(tid PID) (Thread, error) {
	var th Thread
	err := p.act("add a thread to", func(t *Table, r *proc) error {
		tid, err := t.takeNumber(tid)
		if err != nil {
			return err
		}
		th = t.threadHandle(t.addThread(p.slot, r, tid))
		return nil
	})
	return th, err
}

func (t *Table) addThread(pslot uint32, r *proc, tid PID) uint32 {
	slot := t.threads.alloc()
	th := t.threads.at(slot)
	th.tid.Store(int32(tid))
	th.proc.Store(pslot)
	th.prev, th.next = 0, r.extra
	if r.extra != 0 {
		t.threads.at(r.extra).prev = slot
	}
	r.extra = slot
	r.threads++
	th.word.Store(t.nextSerial())
	t.numbers.setTask(tid, slot|threadBit)
	return slot
}

func (t *Table) freeThread(slot uint32, r *proc) {
	th := t.threads.at(slot)
	if th.prev != 0 {
		t.threads.at(th.prev).next = th.next
	} else {
		r.extra = th.next
	}
	if th.next != 0 {
		t.threads.at(th.next).prev = th.prev
	}
	r.threads--
	th.word.Store(0)
	t.numbers.setTask(PID(th.tid.Load()), 0)
	t.threads.release(slot)
}

// endThreads ends all threads of a process, the main one included.
func (t *Table) endThreads(r *proc) {
	for r.extra != 0 {
		t.freeThread(r.extra, r)
	}
	r.threads = 0
}

// Exit ends a thread as _exit(2) does for one thread. It reports whether it was the
// last one: then the process exits, with this status unless BeginExit has fixed
// another. A main thread that ends before the others keeps its number, and the
// process lives on. The last thread of init cannot end.
func (th Thread) Exit(status ExitStatus) (last bool, e Effects, err error) {
	err = th.act("end", func(t *Table, p Process, r *proc) error {
		if !status.valid() {
			return ErrBadOption
		}
		if r.threads == 1 && p.slot == t.init.slot {
			return ErrInit
		}
		if th.isExtra() {
			t.freeThread(th.slot&^threadBit, r)
		} else {
			r.threads--
			t.change(r, mainEnded, 0)
		}
		if r.threads > 0 {
			return nil
		}
		last = true
		t.exitLocked(p.slot, r, status, &e)
		return nil
	})
	return last, e, err
}

// act runs f on the living process of a thread that has not ended, with the lock.
func (th Thread) act(op string, f func(t *Table, p Process, r *proc) error) error {
	if th.t == nil {
		return refuse(op, "thread", th.tid, ErrNoThread)
	}
	th.t.mu.Lock()
	defer th.t.mu.Unlock()
	p := th.Process()
	if !th.Exists() {
		return refuse(op, "thread", th.tid, ErrNoThread)
	}
	if err := f(th.t, p, th.t.procs.at(p.slot)); err != nil {
		return refuse(op, "thread", th.tid, err)
	}
	return nil
}

// BeginExit starts a group exit, as exit_group(2) called by one of several threads
// or a deadly signal does: it fixes the status the process will have, whatever its
// threads exit with. Each thread must still end, see Thread.Exit. The first status
// prevails; the second call has no effect.
func (p Process) BeginExit(status ExitStatus) error {
	return p.act("begin the exit of", func(t *Table, r *proc) error {
		switch {
		case !status.valid():
			return ErrBadOption
		case p.slot == t.init.slot:
			return ErrInit
		case r.has(isExiting):
			return nil
		}
		r.status = status
		t.change(r, isExiting, 0)
		return nil
	})
}

// Exec notes that the main thread of p executes a program, see Thread.Exec.
func (p Process) Exec() error {
	_, err := p.MainThread().Exec()
	return err
}

// Exec notes that the thread executes a program: all other threads of the process
// end, and the thread becomes the main thread, with the PID as its number. The
// parent can no longer move the process to another group with setpgid(2).
func (th Thread) Exec() (Thread, error) {
	var main Thread
	err := th.act("execute a program in", func(t *Table, p Process, r *proc) error {
		if r.has(isExiting) {
			return ErrZombie
		}
		t.endThreads(r)
		r.threads = 1
		t.change(r, hasExeced, mainEnded)
		main = p.MainThread()
		return nil
	})
	return main, err
}
