package initd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/supervise"
)

// listUsage lists the services with what they use.
func (in *Init) listUsage(ctx context.Context) ([]api.Service, error) {
	used, err := in.services.Usage(ctx)
	if err != nil {
		return nil, err
	}
	all := in.listServices()
	for i := range all {
		u := used[all[i].Name]
		all[i].Usage = &api.Usage{
			Processes: u.Processes, Threads: u.Threads, CPUSeconds: u.CPU.Seconds(), Memory: u.Memory, Ports: u.Ports,
		}
	}
	return all, nil
}

// changeServices starts, stops or restarts services. What has begun goes on
// when ctx ends.
func (in *Init) changeServices(ctx context.Context, req api.ServicesRequest) (any, error) {
	if len(req.Services) == 0 {
		return nil, refused(api.CodeBad, "cannot %s services: none is named", req.Action)
	}
	if in.quits() && req.Action != api.ActionStop {
		return nil, refused(api.CodeBusy, "cannot %s %s: image %q is quitting", req.Action, strings.Join(req.Services, ", "), in.imageName())
	}
	changes, err := in.services.Change(ctx, string(req.Action), req.Services, req.Wait)
	if err != nil {
		return nil, in.inWire(err)
	}
	result := api.ServicesResult{Services: []api.ServiceChange{}}
	for _, c := range changes {
		change := api.ServiceChange{Name: c.Name, State: string(c.State), Changed: c.Changed, Survivors: c.Survivors}
		if c.Err != nil {
			change.Error = c.Err.Error()
		}
		result.Services = append(result.Services, change)
	}
	return result, nil
}

// quits says whether the image is being quit without a save: what is started now
// would only be in the way.
func (in *Init) quits() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.asked != nil && in.asked.state == api.StateQuitting
}

// waitService waits until services are as asked. It ends with ctx.
func (in *Init) waitService(ctx context.Context, req link.WaitRequest) (any, error) {
	list, err := in.services.Await(ctx, req.Name, string(req.For))
	if err != nil {
		return nil, in.inWire(err)
	}
	all := []api.Service{}
	for _, s := range list {
		all = append(all, in.service(s))
	}
	return all, nil
}

// listNotices tells what has happened after a notice, and waits for something
// when it is to.
func (in *Init) listNotices(ctx context.Context, q api.NoticeQuery) (any, error) {
	in.noteFollower(q)
	limited, cancel := context.WithTimeout(ctx, time.Duration(q.WaitMS)*time.Millisecond)
	defer cancel()
	list, err := in.services.Notices(limited, q.After, q.Max)
	if err != nil {
		return nil, in.inWire(err)
	}
	if len(list) == 0 && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return notices(list), nil
}

// inWire puts a supervisor's refusal into the form that goes over the API.
func (in *Init) inWire(err error) error {
	switch {
	case errors.Is(err, supervise.ErrNotFound):
		return refused(api.CodeNotFound, "%v", err)
	case errors.Is(err, supervise.ErrAction):
		return refused(api.CodeBad, "%v", err)
	case errors.Is(err, supervise.ErrQuitting):
		return refused(api.CodeBusy, "%v", err)
	case errors.Is(err, supervise.ErrClosed):
		return refused(api.CodeNotAlive, "image %q is no longer alive", in.imageName())
	}
	return err
}

// survivors are the processes of detached services that live on when init ends.
// In a PID namespace of its own nothing does.
func (in *Init) survivors() (all []string) {
	if in.spec.Own {
		return nil
	}
	for _, s := range in.services.Status() {
		all = append(all, s.Survivors...)
	}
	return all
}
