package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) metricsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "Print the figures of a live image for Prometheus",
		Long: `Print the figures of a live image in the text format of Prometheus. The image's
socket serves the same at /metrics.`,
		Example: `  seance metrics
  seance metrics >/var/lib/node_exporter/shop.prom`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			text, err := t.Metrics(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.stdout, text)
			return err
		},
	}
}
