// Command seance is a session manager for Linux: it runs a set of programs as
// one image, and boots, saves, branches and resumes it.

// The same binary runs as init of an image, which CRIU freezes: it can take
// neither a multipath TCP socket nor the cgroup files that the runtime would
// keep open to follow its CPU limit.
//
//go:debug multipathtcp=0
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/seancehq/seance/internal/cli"
	"github.com/seancehq/seance/internal/guard"
	"github.com/seancehq/seance/internal/initd"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/monitor"
	"github.com/seancehq/seance/internal/version"
)

func main() { os.Exit(run(os.Args[1:])) }

// run becomes what the first argument says: init, a monitor, or a command.
func run(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "_init":
			return initd.Main(args[1:])
		case reap.ShimCommand:
			return reap.Exec(args[1:], os.Stderr)
		case guard.Command:
			return guard.Main(args[1:], os.Stderr)
		case monitor.Command:
			return monitor.Main(args[1:])
		}
	}
	return command(args)
}

func command(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the command at once
	return cli.Main(ctx, cli.Invocation{
		Version: version.String(),
		Args:    args,
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Env:     os.Getenv,
	})
}
