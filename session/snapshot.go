package session

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"
)

// Boot installs a new session, runs the start-up list, whose handlers are told that the image is
// booting, and then the deferred actions. It is for the first boot of an image; a saved one boots
// by a second return of [Manager.Snapshot].
//
// The result is never nil. The error is all that failed ([Result.AllErrors]); Result.Err tells
// whether the boot as a whole did, and Result.Running whether there is a session now. With the
// policy [Collect], handlers that fail do not keep a session from running. With [Abort], or when
// ctx ends before the list does, what was started is shut down again, in reverse, and the session
// ends.
//
// Boot is refused while a session runs ([ErrRunning]) and while lists run ([ErrBusy]).
func (m *Manager) Boot(ctx context.Context) (*Result, error) {
	op := m.operation(ctx, nil)
	if err := op.begin(op.bootRefused); err != nil {
		return op.refused(fmt.Errorf("cannot boot: %w", err))
	}
	defer m.release()
	op.enter(Preparing, 0)
	op.install()
	op.startup(ctx, true)
	return op.end()
}

// Snapshot saves the image, quits it, or both:
//
//   - shut down the current session;
//   - save, if asked: see [Freezer.Freeze];
//   - quit, if asked, and if this is not the copy that boots from the saved image;
//   - install a new session, if this is that copy;
//   - start up the current session, and run the deferred actions.
//
// With both false nothing happens. The package comment has the table of all cases.
//
// The result is never nil. The error is all that failed ([Result.AllErrors]), single handlers
// included; Result.Err tells whether the snapshot as a whole did: the shut-down failed, the image
// was not saved, it did not quit, or the start-up was rolled back. In the first three cases the
// same session goes on, and its handlers have been told that the image is not booting.
//
// The context counts until the freezer is done: when it ends before, the snapshot is undone as if
// the save had failed. So it must not be one that ends with something which the shut-down list
// closes, such as the connection the request came over. From the freezer's return on it is not
// heeded (its values still are): whoever asked may be gone by then, in a booted copy certainly, and
// what was shut down must be started again. Time limits of handlers are reckoned from each call, so
// a freeze of any length is not held against them.
//
// A snapshot is refused while lists run ([ErrBusy]; thus to the handlers and deferred actions
// themselves), when no session runs ([ErrNotRunning]), when it is to save without a freezer
// ([ErrNoFreezer]) or in a session that is not read-write ([ErrAccess]), and when ctx has ended.
// Then nothing has been called.
func (m *Manager) Snapshot(ctx context.Context, save, quit bool) (*Result, error) {
	op := m.operation(ctx, &Snapshot{Save: save, Quit: quit})
	if !save && !quit {
		return op.nothing()
	}
	if err := op.begin(op.snapshotRefused); err != nil {
		return op.refused(fmt.Errorf("cannot snapshot: %w", err))
	}
	defer m.release()
	op.enter(Preparing, 0)
	op.take()
	return op.end()
}

// take is the snapshot: the algorithm of the package comment.
func (op *operation) take() {
	if err := op.shutdown(); err != nil {
		op.fail(ErrShutdown, err)
		return
	}
	booting, ok := op.save()
	switch {
	case booting:
		op.install()
	case ok && op.quit():
		return
	}
	// The freezer has answered: the caller's context counts no longer.
	op.startup(context.WithoutCancel(op.ctx), booting)
}

// shutdown runs the shut-down list. If that fails as a whole, what was shut down has been started
// again.
func (op *operation) shutdown() error {
	list := op.m.startupOrder()
	op.reserve(len(list), op.snapshot.Save)
	w := op.walk(op.ctx, reversed(list), Shutdown, op.snapshot.Quit, op.snapshot)
	w.abort = op.m.policy == Abort
	op.enter(ShuttingDown, len(list))
	err := w.run()
	if err == nil {
		return nil
	}
	undo := reversed(w.called(succeeded, failed))
	op.enter(RollingBack, len(undo))
	back := op.walk(context.WithoutCancel(op.ctx), undo, Startup, false, op.snapshot)
	back.rollback = true
	_ = back.run() // collects
	op.deferred(context.WithoutCancel(op.ctx), false)
	return err
}

// save has the freezer save the image, if that is asked, and reports whether this is the booting
// copy, and whether all went well.
func (op *operation) save() (booting, ok bool) {
	if !op.snapshot.Save {
		return false, true
	}
	op.enter(Freezing, 0)
	booting, err := op.freeze()
	op.result.Saved = booting || err == nil
	part := ErrSave
	if booting {
		op.result.Start = time.Now()
		part = ErrBoot
	}
	if err != nil {
		op.fail(part, err)
	}
	return booting, err == nil
}

func (op *operation) freeze() (booting bool, err error) {
	defer recovered(&err)
	return op.m.freezer.Freeze(op.values(op.ctx, op.snapshot))
}

// quit has the freezer quit the image, if that is asked, and reports whether the session has ended.
func (op *operation) quit() bool {
	if !op.snapshot.Quit {
		return false
	}
	op.enter(Quitting, 0)
	if err := op.leave(); err != nil {
		op.fail(ErrQuit, err)
		return false
	}
	op.finish()
	return true
}

func (op *operation) leave() (err error) {
	if op.m.freezer == nil {
		return nil
	}
	defer recovered(&err)
	return op.m.freezer.Quit(op.values(context.WithoutCancel(op.ctx), op.snapshot))
}

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

func (op *operation) install() {
	old := op.session
	ends := old != nil && !old.Stale()
	op.session = op.m.install()
	op.result.Booting = true
	if ends {
		op.emit(Event{Kind: SessionEnded, Session: old.id})
	}
	op.emit(Event{Kind: SessionInstalled, Session: op.session.id})
}

func (op *operation) finish() {
	op.m.finish(op.session)
	op.emit(Event{Kind: SessionEnded, Session: op.session.id})
}

// startup runs the start-up list and the deferred actions. If the list fails as a whole, what was
// started is shut down again and the session ends.
func (op *operation) startup(ctx context.Context, booting bool) {
	list := op.m.startupOrder()
	op.reserve(len(list), false)
	w := op.walk(ctx, list, Startup, booting, op.snapshot)
	w.abort = op.startupPolicy() == Abort
	op.enter(StartingUp, len(list))
	if err := w.run(); err != nil {
		op.fail(ErrStartup, err)
		op.undoStartup(w)
		return
	}
	op.deferred(ctx, booting)
}

func (op *operation) startupPolicy() Policy {
	if op.snapshot == nil {
		return op.m.bootPolicy
	}
	return op.m.policy
}

func (op *operation) undoStartup(w *walk) {
	undo := reversed(w.toUndo())
	op.enter(RollingBack, len(undo))
	// Nothing is saved any more: a handler that lets its programs be frozen with the image has to
	// stop them.
	var s *Snapshot
	if op.snapshot != nil {
		s = &Snapshot{Quit: true, progress: op.progress}
	}
	back := op.walk(context.WithoutCancel(op.ctx), undo, Shutdown, true, s)
	back.rollback = true
	_ = back.run() // collects
	op.finish()
}

// deferred runs the deferred actions, in this goroutine.
func (op *operation) deferred(ctx context.Context, booting bool) {
	actions := op.session.takeDeferred()
	if len(actions) == 0 {
		return
	}
	op.enter(RunningDeferred, len(actions))
	ctx = op.values(ctx, op.snapshot)
	for _, a := range actions {
		r := Record{ID: a.name, Action: Deferred, Booting: booting, Start: time.Now()}
		op.emit(Event{Kind: HandlerBegins, Handler: r})
		r.Err = op.runDeferred(ctx, a, booting)
		r.Duration = time.Since(r.Start)
		op.result.Deferred = append(op.result.Deferred, r)
		op.progress.step(r.Err != nil)
		op.emit(Event{Kind: HandlerDone, Handler: r})
	}
}

func (op *operation) runDeferred(ctx context.Context, a deferredAction, booting bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, op.m.limit)
	defer cancel()
	defer recovered(&err)
	return a.run(ctx, booting)
}

func reversed(list []*entry) []*entry {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
