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

// warnOfLogsNow does so for an image that has just been started. One that does
// not answer at once is not waited for.
func (a *app) warnOfLogsNow(ctx context.Context, image string) {
	home, err := a.homeFolder()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	services, err := api.NewClient(home.Live(image).Socket()).Services(ctx)
	if err == nil {
		a.warnOfLogs(services)
	}
}
