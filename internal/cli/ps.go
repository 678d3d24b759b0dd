package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
)

func (a *app) psCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ps [SERVICE…]",
		Short: "List the services of a live image",
		Long: `List the services of a live image in start-up order, or those that are named,
with what their processes use. CPU is the processor time they have used in
proportion to the uptime, as in ps(1); seance top shows what they use now.`,
		Example: `  seance ps
  seance ps web db`,
		Args: arguments(0, anyNumber),
		RunE: func(cmd *cobra.Command, args []string) error { return a.ps(cmd.Context(), args) },
	}
}

func (a *app) ps(ctx context.Context, names []string) error {
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	services, err := t.servicesWithUsage(ctx)
	if err == nil {
		services, err = a.chosen(services, names)
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(orEmpty(services))
	}
	return a.printServices(services)
}

// chosen are the services of those names, or all when there are none. The name of
// replicas stands for all of them.
func (a *app) chosen(services []api.Service, names []string) ([]api.Service, error) {
	if len(names) == 0 {
		return services, nil
	}
	var some []api.Service
	missing := slices.Clone(names)
	for _, s := range services {
		is := func(name string) bool { return name == s.Name || s.Of != "" && name == s.Of }
		if slices.ContainsFunc(names, is) {
			some = append(some, s)
			missing = slices.DeleteFunc(missing, is)
		}
	}
	if len(missing) > 0 {
		return nil, a.noService(missing[0], services)
	}
	return some, nil
}

// noService is the error of a name that is no service's, and may be an image's.
func (a *app) noService(name string, services []api.Service) error {
	hint := "; there are " + strings.Join(serviceNames(services), ", ")
	if home, err := a.homeFolder(); err == nil && checkLiveName(name) == nil && home.Live(name).Recorded() {
		hint = "; a live image is named with -i: seance ps -i " + name
	}
	return &api.Error{Code: api.CodeNotFound, Message: fmt.Sprintf("cannot list service %q: no such service%s", name, hint)}
}

func (a *app) printServices(services []api.Service) error {
	told := slices.ContainsFunc(services, func(s api.Service) bool { return s.Status != "" })
	heads := []string{"SERVICE", "STATE", "RESTARTS", "PID", "CPU", "MEMORY", "UPTIME", "PORTS", "LAST EXIT", "STATUS", "COMMAND"}
	t := newTable(withoutStatus(heads, told)...).alignRight("RESTARTS", "PID", "CPU", "MEMORY", "UPTIME").limit(a.width(a.stdout))
	for _, s := range services {
		row := []string{s.Name, serviceState(s), strconv.Itoa(s.Restarts), number(s.PID), cpuSinceStart(s), memory(s), uptime(s),
			ports(s), s.Exit, cut(s.Status, statusWidth), briefCommand(s.Command)}
		t.row(withoutStatus(row, told)...)
	}
	if err := t.write(a.stdout); err != nil {
		return err
	}
	for _, s := range services {
		if s.Error != "" {
			a.warn("%s: %s", s.Name, brief(s.Error))
		}
	}
	a.warnOfLogs(services)
	return nil
}

// statusWidth is how much of what a program says of itself is shown.
const statusWidth = 40

// withoutStatus leaves the last column but one out where no service has said anything.
func withoutStatus(row []string, told bool) []string {
	if told {
		return row
	}
	return slices.Delete(row, len(row)-2, len(row)-1)
}

// serviceState tells a service that runs from one that is ready too, and one that
// is not to be started from one that is not yet.
func serviceState(s api.Service) string {
	switch {
	case s.Ready && s.State == "running":
		return "ready"
	case s.Disabled && s.State == "pending":
		return "disabled"
	}
	return s.State
}

func uptime(s api.Service) string {
	if s.PID == 0 {
		return ""
	}
	return age(time.Duration(s.UptimeMS * float64(time.Millisecond)))
}

// orEmpty is all, but never nil: an empty list is [] in JSON.
func orEmpty[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
