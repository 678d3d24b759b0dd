// Package session runs the lifetime of an image: what is started when it boots, what is shut down
// when it is saved or quits, in which order, and being told why.
//
// # The few types
//
// A [Manager] keeps the current [Session] and the handlers. A [Handler] is a named thing with a
// Startup, which is told whether the image is booting, and a Shutdown, which is told whether it is
// quitting. Handlers stand in categories ([System], [Network], [GUI], [Tools], [User], and one's
// own), and within one by priority, the lower number first, and then in the order of their
// registration. This is the start-up list. The shut-down list is the same reversed, always: it is
// computed, never kept.
//
// A session is the time in which an image is live. It begins with [Manager.Boot].
// [Manager.Snapshot] saves the image, quits it, or both. To be saved, everything is shut down for a
// moment and started again, and the same session goes on. The [Freezer] does the saving, and its
// Freeze returns twice, as fork does: once in the copy that goes on, and once in every copy that is
// booted from the saved image. There a new session is installed, and everything is started, told
// that the image is booting.
//
// Work that should happen once everything is up is deferred with [Session.Defer].
//
// # What happens
//
// With handlers a, b and c, registered in this order, a snapshot does the following. The column
// "fails" says what goes wrong: handler b, under the policy [Collect] or [Abort] (in its Shutdown
// when the line is about the continuing side, in its Startup when it is about the booting side),
// the save, the quit, or the boot; the freezer is what fails in the last three. "Blames" is the
// handler named by the error that the call returns.
//
//	save  quit  side        fails    shut down     saved  quits  session     start up      undone  outcome     Err          blames
//	-     -     continuing  -        -             -      -      same        -             -       continuing  -            -
//	-     -     continuing  collect  -             -      -      same        -             -       continuing  -            -
//	-     -     continuing  abort    -             -      -      same        -             -       continuing  -            -
//	yes   -     continuing  -        false: c b a  yes    -      same        false: a b c  -       continuing  -            -
//	yes   -     continuing  collect  false: c b a  yes    -      same        false: a b c  -       continuing  -            b
//	yes   -     continuing  abort    false: c b    -      -      same        false: b c    -       continuing  ErrShutdown  b
//	yes   -     continuing  save     false: c b a  -      -      same        false: a b c  -       continuing  ErrSave      -
//	yes   -     booting     -        false: c b a  yes    -      new         true: a b c   -       booting     -            -
//	yes   -     booting     collect  false: c b a  yes    -      new         true: a b c   -       booting     -            b
//	yes   -     booting     abort    false: c b a  yes    -      new, ended  true: a b     a       stopped     ErrStartup   b
//	yes   -     booting     boot     false: c b a  yes    -      new         true: a b c   -       booting     ErrBoot      -
//	-     yes   continuing  -        true: c b a   -      yes    ended       -             -       quit        -            -
//	-     yes   continuing  collect  true: c b a   -      yes    ended       -             -       quit        -            b
//	-     yes   continuing  abort    true: c b     -      -      same        false: b c    -       continuing  ErrShutdown  b
//	-     yes   continuing  quit     true: c b a   -      -      same        false: a b c  -       continuing  ErrQuit      -
//	yes   yes   continuing  -        true: c b a   yes    yes    ended       -             -       quit        -            -
//	yes   yes   continuing  collect  true: c b a   yes    yes    ended       -             -       quit        -            b
//	yes   yes   continuing  abort    true: c b     -      -      same        false: b c    -       continuing  ErrShutdown  b
//	yes   yes   continuing  save     true: c b a   -      -      same        false: a b c  -       continuing  ErrSave      -
//	yes   yes   continuing  quit     true: c b a   yes    -      same        false: a b c  -       continuing  ErrQuit      -
//	yes   yes   booting     -        true: c b a   yes    -      new         true: a b c   -       booting     -            -
//	yes   yes   booting     collect  true: c b a   yes    -      new         true: a b c   -       booting     -            b
//	yes   yes   booting     abort    true: c b a   yes    -      new, ended  true: a b     a       stopped     ErrStartup   b
//	yes   yes   booting     boot     true: c b a   yes    -      new         true: a b c   -       booting     ErrBoot      -
//
// So a snapshot that fails as a whole leaves the session running as before, and only the copy that
// boots gets a new one. Where [Abort] undoes a start-up, that of a session which goes on included,
// the session ends: there is nothing to go on with.
//
// # Time, failure and leftovers
//
// A handler that fails or panics does not stop the others, unless the policy is [Abort]. Each call
// has a time limit, reckoned from its beginning, so that a freeze of any length is not held against
// anyone. When the limit is over, the handler's context ends. A handler that then returns nil has
// made it; one that returns an error is reported with an [OverrunError]; one that has not returned
// after the grace time ([DefaultGrace]) is reported too, and the manager goes on without it. The
// goroutine left behind is listed by [Manager.Leftovers], can be waited for with [Manager.Wait],
// and until it returns its handler is not called again ([ErrStillRunning]).
//
// When the caller's context ends, no further handler is called, and those at work have the grace
// time to return; a Startup has longer where [WithUndoTime] says so, however much is left of its
// limit. During Boot, what was started is then shut down again, with what had failed before but not what
// was given up. During a snapshot, until
// the freezer is done, what was shut down is started again. After that the caller's context is no
// longer heeded.
//
// Registering, replacing and unregistering is allowed at any time, from handlers too. A list that
// runs is fixed at the moment it begins: changes count from the next list on. So a handler
// registered by a Shutdown is started by the start-up list of the same snapshot, and one registered
// by a Startup is not started before the next one; [Manager.StartHandler] starts it at once when
// the lists are done. A snapshot asked for while lists run is refused with [ErrBusy].
//
// # Goroutines and locks
//
// Lists are run by goroutines that Boot and Snapshot start and wait for (but for leftovers).
// Observers are called there; deferred actions and the freezer in the caller's own goroutine. No
// lock is held while foreign code is called. Locks are taken in this order, outermost first:
// walk.mu, Manager.mu; the others (Session.mu, call.mu, progress.mu) are innermost and never held
// together.
//
// The order of things is that of Pharo's SessionManager, where this idea comes from.
package session
