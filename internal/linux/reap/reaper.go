// Package reap starts programs and is the one owner of every wait in the
// process.
//
// A [Reaper] reaps each child of the process, those it started and those that
// were re-parented to it: init of a PID namespace and a child subreaper
// (PR_SET_CHILD_SUBREAPER, prctl(2)) get the orphans of all their descendants.
// Nothing else in the process may wait: not os/exec, not os.StartProcess. Two
// waiters would steal each other's children, and package os keeps a pidfd open
// for each child, which a frozen process must not have.
//
//	r, err := reap.New(reap.Options{})
//	p, err := r.Start(reap.Spec{Args: []string{"sleep", "1"}})
//	exit, err := p.Wait(ctx)
//
// SIGCHLD wakes one goroutine, which collects all that has ended. There is no
// thread and no goroutine for each child.
//
// # Locks
//
// Reaper.mu is held over fork and exec, for reading, so that the exit of a child
// cannot be collected before the child is known; and for writing over wait(2)
// and kill(2), so that a number that has been given back to the kernel is never
// signalled. Reaper.adding and marker.mu are taken after it; starter.mu and it are
// never held together. Callbacks run without any, on the reaper's own goroutine:
// they must not block.
package reap

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/storm"
)

// ErrClosed is returned by a Reaper that has been closed.
var ErrClosed = errors.New("reaper is closed")

// batch is how many children are collected before the lock is let go, so that
// a storm of orphans cannot shut out a start or a signal.
const batch = 64

// Options are the choices of a Reaper.
type Options struct {
	// Proc is where proc(5) of the process's own PID namespace is mounted.
	// Default: /proc.
	Proc string
}

// Reaper owns every wait in the process. Its methods may be called from any
// goroutine.
type Reaper struct {
	proc     string
	signals  chan os.Signal // SIGCHLD
	ignored  chan os.Signal // what was ignored at exec, see [Reaper.adoptIgnored]
	quit     chan struct{}
	ended    chan struct{} // closed when the loop has returned
	wake     chan struct{} // has the loop collect although no child has ended
	orphans  atomic.Uint64
	null     *os.File // for programs' descriptors
	starters starters
	marker   marker

	mu          sync.RWMutex // guards all below; see the package comment
	closed      bool
	procs       map[int]*Process // started here and not yet reaped
	inherited   map[int]bool     // and not yet reaped, see [Inherited]
	adding      sync.Mutex       // guards procs too, among those who only read
	late        []*Process       // reaped before it was known that they had started
	subscribers []*subscriber
}

type subscriber struct{ fn func() }

// New makes the process a child subreaper, unless it is PID 1, marks every
// descriptor but 0, 1 and 2 close-on-exec, and starts to reap. There can be one Reaper in a process at a time.
func New(opts Options) (r *Reaper, err error) {
	if opts.Proc == "" {
		opts.Proc = "/proc"
	}
	r = &Reaper{
		proc:     opts.Proc,
		signals:  make(chan os.Signal, 1),
		ignored:  make(chan os.Signal, 1),
		quit:     make(chan struct{}),
		ended:    make(chan struct{}),
		wake:     make(chan struct{}, 1),
		starters: newStarters(),
		procs:    map[int]*Process{},
	}
	if os.Getpid() != 1 {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return nil, fmt.Errorf("cannot become a child subreaper: %w", err)
		}
	}
	if r.inherited, err = Inherited(r.proc); err != nil {
		return nil, err
	}
	if err := keepDescriptors(); err != nil {
		return nil, err
	}
	if err := r.adoptIgnored(); err != nil {
		return nil, err
	}
	if r.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	signal.Notify(r.signals, syscall.SIGCHLD)
	go r.loop()
	return r, nil
}

// keepDescriptors marks what this process has inherited beyond 0, 1 and 2, so
// that no program inherits it in turn: only what its Spec says.
func keepDescriptors() error {
	err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("cannot mark descriptors close-on-exec (needs Linux 5.11): %w", err)
	}
	return nil
}

// Close ends the reaping. Processes that still run go on, and are nobody's to
// reap until the process itself ends or makes another Reaper.
func (r *Reaper) Close() {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if closed {
		return
	}
	close(r.quit)
	<-r.ended
	r.starters.close()
	r.null.Close()
	signal.Stop(r.signals)
	signal.Stop(r.ignored)
}

// Orphans is how many processes were reaped that this Reaper had not started:
// those that lost their parent and were re-parented to this process.
func (r *Reaper) Orphans() uint64 { return r.orphans.Load() }

// OnOrphan has fn called each time orphans have been reaped, once for all that
// were collected together. fn runs on the reaper's goroutine and must not
// block. The function returned ends the subscription.
func (r *Reaper) OnOrphan(fn func()) (cancel func()) {
	s := &subscriber{fn}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subscribers = append(slices.Clone(r.subscribers), s)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.subscribers = slices.DeleteFunc(slices.Clone(r.subscribers), func(o *subscriber) bool { return o == s })
	}
}

func (r *Reaper) loop() {
	defer close(r.ended)
	for gauge := storm.NewGauge(time.Now()); ; {
		// Children may have ended before the signal was asked for: collect first.
		for r.collect() == batch {
		}
		if gauge.Wait(time.Now()) > 0 {
			if !r.ride() {
				return
			}
			continue
		}
		select {
		case <-r.signals:
		case <-r.wake:
		case <-r.quit:
			return
		}
	}
}

// wakeLocked has the loop look again.
func (r *Reaper) wakeLocked() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// ride collects from time to time, without signals, until nothing has ended for
// a while. It returns false when the Reaper is closed before that.
func (r *Reaper) ride() bool {
	defer storm.Hush()()
	pace := storm.NewPace()
	for !pace.Over() {
		storm.Sleep(pace.Pause())
		select {
		case <-r.quit:
			return false
		default:
		}
		total := r.collect()
		for n := total; n == batch; total += n {
			n = r.collect()
		}
		pace.Looked(total)
	}
	return true
}

// collect reaps up to batch children and returns how many there were.
func (r *Reaper) collect() int {
	var ended []*Process
	orphans, others := uint64(0), 0
	r.mu.Lock()
	for range batch {
		pid, exit, ok := wait()
		if !ok {
			break
		}
		p := r.procs[pid]
		if p == nil && r.inherited[pid] {
			delete(r.inherited, pid)
			others++
			continue
		}
		if p == nil {
			orphans++
			continue
		}
		delete(r.procs, pid)
		p.endLocked(exit)
		if !p.becoming {
			ended = append(ended, p)
		}
	}
	reaped := len(ended) + int(orphans) + others
	ended = append(ended, r.late...)
	r.late = nil
	subscribers := r.subscribers
	r.orphans.Add(orphans)
	r.mu.Unlock()

	for _, p := range ended {
		if p.onExit != nil {
			p.onExit(p)
		}
	}
	if orphans > 0 {
		for _, s := range subscribers {
			s.fn()
		}
	}
	return reaped
}

// wait collects one child that has ended, if there is one.
func wait() (pid int, exit Exit, ok bool) {
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, &usage)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return 0, Exit{}, false
		}
		return pid, exitOf(status, &usage), true
	}
}

func exitOf(status syscall.WaitStatus, usage *syscall.Rusage) Exit {
	exit := Exit{
		Time:   time.Now(),
		CPU:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		MaxRSS: usage.Maxrss * 1024,
	}
	if status.Signaled() {
		exit.Signal = status.Signal()
		exit.CoreDumped = status.CoreDump()
		return exit
	}
	exit.Code = status.ExitStatus()
	return exit
}
