// Package supervise makes handlers of a manifest: services, which are
// long-running programs, and hooks, which are commands that run at start-up and
// shut-down.
//
// A [Supervisor] registers them with a session manager, which calls them in
// order. Beside that it starts programs again that ended by themselves, and
// does what a user asks of one service: Start, Stop, Restart.
//
//	sup, err := supervise.New(supervise.Config{Manifest: m, Reaper: r, Logs: logs, Env: os.Environ()})
//	err = sup.Register(manager)
//	result, err := manager.Boot(ctx)
//
// # A service
//
// To start it up is to have it running and ready. To shut it down is to stop
// it when the image quits, and to leave it alone when it is merely saved, or
// saved with its memory: it then goes on where it stood, in this copy or in the
// revived one. What a service was doing, it does again after a start-up, no
// more: one that had ended by itself, or was stopped by the user, stays so.
//
// Stopped means that no process of the service exists any more, but for what a
// detached one may leave behind. Which processes are a service's is told by
// descent, by control group, by a mark that each inherits, by Unix session, and
// by the variables SEANCE_SERVICE and SEANCE_INSTANCE in its environment; see
// tracker. A process that escaped from all of these is nobody's, and ended by
// [Supervisor.StopAll].
//
// Services of one rank may need each other. Those that are needed are ready
// before the others are started, and stopped after them, whether the session
// manager calls the handlers of a rank at once or one by one: who needs a service
// that the start-up list has not come to has it started, and the two share the
// start (needs.go). No handler waits for a call that may never come.
//
// One that is up may be watched (health.go), by probes that wait while the image
// is frozen, or by its own messages (notify.go).
//
// # Changes
//
// [Supervisor.Change] starts, stops and restarts services as a user asks, in the
// order of the lists; [Supervisor.Reload] makes the Supervisor one of another
// manifest. Both go on when their caller gives up: he only waits no longer. They
// wait for a snapshot that holds the service, from its Shutdown to its Startup;
// a snapshot waits for neither.
//
// Decisions are functions of plain values (policy.go); what has an effect asks
// them.
//
// # Locks
//
// service.op is held by whoever starts or stops the service, for as long as it
// takes; it is a semaphore, so waiting for it can be given up. Outermost first:
// service.op, notifier.mu, then one of service.mu, gate.mu, hold.mu, and below each
// Supervisor.mu, below that hook.mu, tracker.mu or holds.mu. Events are told with
// service.op held at most.
package supervise
