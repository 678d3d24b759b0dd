package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
)

func (a *app) psCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ps",
		Short: "List the services of a live image",
		Long: `List the services of a live image in start-up order, with what their processes
use. CPU is the processor time they have used in proportion to the uptime, as in
ps(1); seance top shows what they use now.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ps(cmd.Context()) },
	}
}

func (a *app) ps(ctx context.Context) error {
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	services, err := t.servicesWithUsage(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(orEmpty(services))
	}
	return a.printServices(services)
}

func (a *app) printServices(services []api.Service) error {
	t := newTable("SERVICE", "STATE", "RESTARTS", "PID", "CPU", "MEMORY", "UPTIME", "PORTS", "LAST EXIT", "COMMAND").
		alignRight("RESTARTS", "PID", "CPU", "MEMORY", "UPTIME").limit(a.width(a.stdout))
	for _, s := range services {
		t.row(s.Name, serviceState(s), strconv.Itoa(s.Restarts), number(s.PID), cpuSinceStart(s), memory(s), uptime(s),
			ports(s), s.Exit, commandLine(s.Command))
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
