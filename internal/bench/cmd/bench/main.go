// Command bench measures seance against its references.
//
// usage: bench [-runs N] [-json FILE] [AREA...]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/seancehq/seance/internal/bench"
)

func main() {
	runs := flag.Int("runs", 5, "how often each figure is measured; it is the `NUMBER` of runs whose median is shown")
	path := flag.String("json", "", "the `FILE` that gets the figures as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Args(), *runs, *path); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string, runs int, path string) error {
	if runs < 1 {
		return fmt.Errorf("cannot take the median of %d runs", runs)
	}
	areas, err := bench.Select(bench.Areas(), names)
	if err != nil {
		return err
	}
	report := bench.Report{Time: time.Now().UTC(), Machine: bench.ThisMachine()}
	for i, area := range areas {
		figures, err := area.Measure(ctx, runs)
		if err != nil {
			return fmt.Errorf("cannot measure area %q: %w", area.Name, err)
		}
		if i > 0 {
			fmt.Println()
		}
		if err := bench.WriteTable(os.Stdout, area.Name, figures); err != nil {
			return err
		}
		report.Figures = append(report.Figures, figures...)
	}
	if path == "" {
		return nil
	}
	return report.Write(path)
}
