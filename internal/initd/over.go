package initd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

// started is told that a program was started.
func (r *foreground) started() { r.guard.begin() }

// changed takes note of a change of state in the foreground.
func (r *foreground) changed(e supervise.Event) {
	r.remarks.changed(e)
	if e.Kind != supervise.KindService || !ended(e.State) || supervise.IsLater(e.Err) {
		return
	}
	r.keep(e)
	r.look()
}

// remark says something in its turn among what services write.
func (r *foreground) remark(e supervise.Event) {
	if text := r.Remark(e); text != "" {
		r.tee.Note(e.Name, text, e.Time)
	}
}

// keep keeps how services have ended by themselves.
func (r *foreground) keep(e supervise.Event) {
	if r.quitting() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	how := &failure{e.Name, exitStatus(e.Err)}
	if e.Name == r.Until && r.until == nil {
		r.until = how
	}
	if e.Err != nil && r.first == nil {
		r.first = how
	}
}

// exitStatus is what a shell would make of the end of a program: 1 when it was
// not by its own end that it failed.
func exitStatus(err error) int {
	var program *supervise.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &program):
		return 1
	}
	return shellStatus(program.Exit)
}

func shellStatus(e reap.Exit) int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Code
}

// quitIfOver quits an image in which nothing is left to run. One that boots is
// looked at again when it is up.
func (r *foreground) quitIfOver() {
	r.in.mu.Lock()
	booting := r.in.bootingLocked()
	r.in.mu.Unlock()
	if booting && !r.ExitOnFailure {
		return
	}
	if why := r.over(); why != "" {
		r.quit(why)
	}
}

// over says why the image is, "" if it is not. A service that was stopped may be
// started again.
func (r *foreground) over() string {
	r.mu.Lock()
	first, until := r.first, r.until
	r.mu.Unlock()
	switch {
	case until != nil:
		return fmt.Sprintf("%s has ended: shutting down", until.name)
	case first != nil && r.ExitOnFailure:
		return fmt.Sprintf("%s has failed: shutting down", first.name)
	}
	for _, s := range r.in.services.Status() {
		unused := s.Disabled && s.Instance == 0
		if s.Kind == supervise.KindService && !unused && !ended(s.State) {
			return ""
		}
	}
	return "all services have ended: shutting down"
}

// selected is a manifest with only those services enabled that were asked for,
// and those that they need. One that was asked for and that a reload has taken
// away is left out.
func (r *foreground) selected(m *manifest.Manifest) *manifest.Manifest {
	if len(r.Only) == 0 {
		return m
	}
	chosen := map[string]bool{}
	var choose func(name string)
	choose = func(name string) {
		for _, s := range m.Services {
			if (s.Name == name || s.Of == name) && !chosen[s.Name] {
				chosen[s.Name] = true
				for _, needed := range s.Needs {
					choose(needed)
				}
			}
		}
	}
	for _, name := range r.Only {
		choose(name)
	}
	some := *m
	some.Services = slices.Clone(m.Services)
	for i := range some.Services {
		some.Services[i].Disabled = !chosen[some.Services[i].Name]
	}
	return &some
}

// checkNames refuses names of services that there are not.
func (r *foreground) checkNames(m *manifest.Manifest) error {
	var known []string
	for _, s := range m.Services {
		if s.Of != "" {
			known = append(known, s.Of)
		}
		known = append(known, s.Name)
	}
	asked := slices.Clone(r.Only)
	if r.Until != "" {
		asked = append(asked, r.Until)
	}
	for _, name := range asked {
		if !slices.Contains(known, name) {
			return &api.Error{Code: api.CodeNotFound, Message: fmt.Sprintf(
				"cannot run service %q: there is none; there are %s", name, strings.Join(slices.Compact(known), ", "))}
		}
	}
	return nil
}
