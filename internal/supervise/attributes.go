package supervise

import (
	"fmt"

	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/manifest"
)

// reapSpec is what a program of the service's is started with, but for its
// files: its own program, and the commands that are run as it is.
func (s *service) reapSpec(spec *manifest.Service, n int, args []string) (reap.Spec, error) {
	who, err := identify(spec.User, spec.Group)
	if err != nil {
		return reap.Spec{}, err
	}
	limits, err := limitsOf(spec.Limits)
	if err != nil {
		return reap.Spec{}, err
	}
	start := reap.Spec{
		Args:       args,
		Dir:        spec.Workdir,
		Env:        environment(s.sup.env, who.env, spec.Env, serviceMarks(spec, n)...),
		OwnPath:    spec.Env["PATH"] != "",
		Credential: who.credential,
		Umask:      spec.Umask,
		Nice:       spec.Nice,
		Limits:     limits,
	}
	start.Cgroup, start.Mark = s.sup.tracker.place(s.unit)
	if spec.Detached && start.Mark != 0 {
		start.Mark = reap.MayLive(start.Mark)
	}
	if s.sup.withUs {
		start.ParentDeathSignal = s.signals()[0]
	}
	return start, nil
}

func limitsOf(limits map[string]manifest.Limit) (map[reap.Resource]reap.Limit, error) {
	if len(limits) == 0 {
		return nil, nil
	}
	numbered := make(map[reap.Resource]reap.Limit, len(limits))
	for name, l := range limits {
		r, ok := reap.ResourceNamed(name)
		if !ok {
			return nil, fmt.Errorf("there is no limit %q", name)
		}
		numbered[r] = reap.Limit(l)
	}
	return numbered, nil
}

// configureLog says how the log of the service is kept. One that has the
// defaults of a manifest costs nothing.
func (s *service) configureLog() error {
	spec := s.spec()
	usual := manifest.Log{Size: manifest.DefaultLogSize, Count: manifest.DefaultLogCount, Format: manifest.LogCRI}
	s.mu.Lock()
	unusual := s.unusualLog
	s.unusualLog = spec.Log != usual && spec.Log != manifest.Log{}
	if !unusual && !s.unusualLog {
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	return s.sup.logs.Configure(spec.Name, logfile.Config{
		File: spec.Log.File, Size: spec.Log.Size, Count: spec.Log.Count, Format: logfile.Format(spec.Log.Format),
	})
}
