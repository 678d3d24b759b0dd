// Command seance is a session manager for Linux: it runs a set of programs as
// one image, and boots, saves, branches and resumes it.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/seancehq/seance/internal/cli"
)

// version is set by the linker.
var version string

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the command at once
	return cli.Main(ctx, cli.Invocation{
		Version: version,
		Args:    os.Args[1:],
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Env:     os.Getenv,
	})
}
