package cli

import (
	"context"

	"github.com/seancehq/seance/api"
)

// warnOfLogs tells which services write what is not kept.
func (a *app) warnOfLogs(services []api.Service) {
	for _, s := range services {
		if s.LogError != "" {
			a.warn("cannot write the log of %s: %s; what it writes is not kept", s.Name, brief(s.LogError))
		}
	}
}

// warnOfLogsNow does so for an image that has just been started.
func (a *app) warnOfLogsNow(ctx context.Context, image string) {
	a.warnOfLogs(a.servicesNow(ctx, image))
}

// servicesNow are the services of an image that has just been started; none when
// it does not answer at once.
func (a *app) servicesNow(ctx context.Context, image string) []api.Service {
	home, err := a.homeFolder()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	services, _ := api.NewClient(home.Live(image).Socket()).Services(ctx)
	return services
}
