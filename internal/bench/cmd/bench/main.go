// Command bench measures seance against its references.
//
// usage: bench [-runs N] [-json FILE] [-seance FILE] [-criu FILE] [AREA...]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/seancehq/seance/internal/bench"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == bench.OrphansCommand {
		if err := bench.MakeOrphans(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.IntVar(&o.runs, "runs", 5, "how often each figure is measured: the `NUMBER` of runs whose median is shown")
	flag.StringVar(&o.json, "json", "", "the `FILE` that gets the figures as JSON")
	flag.StringVar(&o.programs.Seance, "seance", "build/seance", "the seance `PROGRAM` that is measured")
	flag.StringVar(&o.programs.CRIU, "criu", "", "the criu `PROGRAM` that it uses and is compared with")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	runs     int
	json     string
	programs bench.Programs
}

func run(ctx context.Context, o options, names []string) error {
	if o.runs < 1 {
		return fmt.Errorf("cannot take the median of %d runs", o.runs)
	}
	areas, err := bench.Select(bench.Areas(o.programs), names)
	if err != nil {
		return err
	}
	report := bench.Report{Time: time.Now().UTC(), Machine: bench.ThisMachine()}
	for i, area := range areas {
		if i > 0 {
			fmt.Println()
		}
		figures, err := measure(ctx, area, o.runs)
		if err != nil {
			return err
		}
		report.Figures = append(report.Figures, figures...)
	}
	if o.json == "" {
		return nil
	}
	return report.Write(o.json)
}

// measure measures an area and prints its table, or why there is none.
func measure(ctx context.Context, area bench.Area, runs int) ([]bench.Figure, error) {
	figures, err := area.Measure(ctx, runs)
	var notHere *bench.NotHereError
	if errors.As(err, &notHere) {
		_, err := fmt.Printf("%s: %v\n", area.Name, notHere)
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("cannot measure area %q: %w", area.Name, err)
	}
	return figures, bench.WriteTable(os.Stdout, area.Name, figures)
}
