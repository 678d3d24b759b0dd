package supervise

import "time"

// Status is how a service or a hook is at one moment.
type Status struct {
	Name  string
	Kind  Kind
	State State
	// Ready says that others may count on it: its probe has succeeded, or it
	// runs and has none, or it was to exit 0 and did.
	Ready bool
	// PID is that of the instance that runs, 0 when none does.
	PID int
	// Instance counts the starts, Restarts those that followed the first.
	Instance, Restarts int
	// Exit is how the last instance that has ended did so, "" when none has.
	Exit string
	// Started is when the present or last instance was started; zero before the
	// first.
	Started time.Time
	// Uptime is how long the present instance has run, by a clock that stands
	// still while the image is frozen.
	Uptime   time.Duration
	Err      error
	Category string
	Priority int
	Command  []string
	// Terminal is the name of the terminal it has, such as pts/0.
	Terminal string
	// Of is the service's name in the manifest when it is one of its replicas.
	Of                 string
	Needs              []string
	Disabled, Detached bool
	// Survivors are processes that the last stop of a detached service left alive,
	// as "PID (NAME)".
	Survivors []string
	// Said is what the program says of itself with sd_notify(3).
	Said string
}

// Done says that a service has ended as it should, and is not to be started
// again: nothing is amiss with it, though nobody can connect to it.
func (st Status) Done() bool { return st.State == Exited && st.Err == nil }

// Status tells how all services are, then all hooks, in the order of the
// manifest. Hooks that were added later come last.
func (sup *Supervisor) Status() []Status {
	services, hooks := sup.all(), sup.allHooks()
	list := make([]Status, 0, len(services)+len(hooks))
	for _, s := range services {
		list = append(list, s.status())
	}
	for _, h := range hooks {
		list = append(list, h.status())
	}
	return list
}

// PID is the main process of a service that runs, 0 when it has none.
func (sup *Supervisor) PID(service string) int {
	s := sup.named(service)
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.inst.alive() || s.inst.n != s.instances {
		return 0
	}
	return s.inst.proc.PID()
}

func (s *service) status() Status {
	spec := s.spec()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Name:     spec.Name,
		Kind:     KindService,
		State:    s.state,
		Ready:    s.ready,
		Instance: s.instances,
		Restarts: max(0, s.instances-1),
		Err:      s.lastErr,
		Category: spec.Category,
		Priority: spec.Priority,
		Command:  spec.Command,
		Terminal: s.inst.terminal(),
		Of:       spec.Of,
		Needs:    spec.Needs,
		Disabled: spec.Disabled,
		Detached: spec.Detached,

		Survivors: s.survivors,
		Said:      s.said,
	}
	st.run(s.inst)
	if st.Exit == "" {
		st.Exit = s.lastExit
	}
	return st
}

func (h *hook) status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := Status{
		Name:     h.spec.Name,
		Kind:     KindHook,
		State:    h.state,
		Ready:    h.state == Exited,
		Instance: h.runs,
		Err:      h.lastErr,
		Category: h.spec.Category,
		Priority: h.spec.Priority,
		Command:  h.spec.Startup,
	}
	st.run(h.inst)
	return st
}

// run fills in what the instance tells.
func (st *Status) run(in *instance) {
	if in == nil {
		return
	}
	st.Started = in.started
	st.Exit = in.ending()
	if in.alive() {
		st.PID = in.proc.PID()
		st.Uptime = time.Since(in.started)
	}
}
