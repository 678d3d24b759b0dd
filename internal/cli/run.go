package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/internal/linux/pid1"
)

// runFlags are what the flags of run say.
type runFlags struct {
	group bool
	grace time.Duration
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run -- PROGRAM [ARGUMENT]...",
		Short: "Run a program in the foreground, as the first process of a container does",
		Long: `Run one program as the first process of a container has to, or as an ordinary
process: it has this command's own input, output and terminal, gets the signals
that this command gets, and its orphans are reaped. The exit status is the
program's, 128+N when signal N killed it, 127 when there is no such program and
126 when it cannot be executed. What it leaves behind is ended: SIGTERM, then
SIGKILL. No file is written.`,
		Example: `  seance run -- ./server --port 8080
  ENTRYPOINT ["seance", "run", "--"]`,
		Args: programAfterDash,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageIn(cmd, errors.New("no program to run"))
			}
			return runProgram(args, f)
		},
	}
	cmd.Flags().BoolVarP(&f.group, "group", "g", false, "send signals to the program's process group, not to it alone")
	cmd.Flags().DurationVar(&f.grace, "grace", time.Second, "`TIME` that what the program leaves behind has to end")
	return cmd
}

// runProgram runs one program in the place of a manifest.
func runProgram(args []string, f runFlags) error {
	status, err := pid1.Run(pid1.Options{Args: args, Group: f.group, Grace: f.grace})
	var start *pid1.StartError
	switch {
	case errors.As(err, &start):
		return statusError{start.Status, err}
	case err != nil && status == 0:
		return err
	}
	return statusError{status, err}
}

// statusError ends the command with a status that is not its own but that of a
// program which it has run. Without an error there is nothing to say.
type statusError struct {
	status int
	err    error
}

func (e statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e statusError) Unwrap() error { return e.err }
