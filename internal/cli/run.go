package cli

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/guard"
	"github.com/seancehq/seance/internal/initd"
	"github.com/seancehq/seance/internal/linux/pid1"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/manifest"
)

// runFlags are what the flags of run say.
type runFlags struct {
	files         []string
	name          string
	until         string
	exitOnFailure bool
	timestamps    bool

	// Of a program after --.
	group bool
	grace time.Duration
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] [SERVICE…] | run [flags] -- PROGRAM [ARGUMENT]...",
		Short: "Run a manifest's services in the foreground, or one program as a container's first process",
		Long: `Run the image that a manifest describes in the foreground, by this process
alone: without namespaces, without root, and without a way to save it. What its
services write is shown with their names before it, and kept in their logs.
Other commands see the image as any other: ps, logs, stop, reload, quit.

With SERVICES it runs those, and what they need.

It ends when every service has ended for good, with the exit status of the first
that failed (128+N when signal N killed it), or 0. Ctrl-C and SIGTERM shut it
down in the reverse of the order in which it was started; once more, or
SIGQUIT, kills what is left at once. SIGHUP reads the manifest again, or shuts
down where there was a terminal: that has hung up.

With a program after "--" it does what the first process of a container has to,
or does it as an ordinary process: the program has this command's own input,
output and terminal, gets the signals that this command gets, and its orphans
are reaped. The exit status is the program's, 128+N when signal N killed it, 127
when there is no such program and 126 when it cannot be executed. What it leaves
behind is ended: SIGTERM, then SIGKILL. No file is read or written.`,
		Example: `  seance run
  seance run -f examples/shop --exit-on-failure
  seance run web
  seance run -- ./server --port 8080
  ENTRYPOINT ["seance", "run", "--"]`,
		Args: servicesOrProgram,
		RunE: func(cmd *cobra.Command, args []string) error {
			program := cmd.ArgsLenAtDash() == 0
			if err := f.check(cmd, program); err != nil {
				return usageIn(cmd, err)
			}
			if program {
				return runProgram(args, f)
			}
			if err := notServices(cmd, f.files, args); err != nil {
				return usageIn(cmd, err)
			}
			return a.run(f, args)
		},
	}
	f.register(cmd)
	cmd.SetHelpTemplate(ownHelpTemplate + runExitHelp)
	return cmd
}

// runExitHelp ends the help text of run, whose exit statuses are mostly those of
// what it runs.
const runExitHelp = `
Exit status of services:
  0      all ended well, or were shut down in order, and nothing had failed
  N      that of the first service that failed for good
  128+N  signal N killed that service, or asked for an end at once
  1      something else failed: a service could not be started, a hook failed
  2      wrong usage, or a bad manifest
  3      no such service

Exit status of a program:
  N      the program's
  128+N  signal N killed it
  127    there is no such program
  126    it cannot be executed
  2      wrong usage
`

func (f *runFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	fileFlag(cmd, &f.files, hereFallback)
	flags.StringVar(&f.name, "name", "", "the live image's `NAME` (default: the manifest's)")
	flags.BoolVar(&f.exitOnFailure, "exit-on-failure", false, "end when a service has failed for good, not when all have ended")
	flags.StringVar(&f.until, "exit-with", "", "end when `SERVICE` has ended, with its exit status")
	flags.BoolVar(&f.timestamps, "timestamps", false, "begin each line with its time")
	flags.BoolVarP(&f.group, "group", "g", false, "with a program: send signals to its process group, not to it alone")
	flags.DurationVar(&f.grace, "grace", time.Second, "with a program: `TIME` that what it leaves behind has to end")
}

// check refuses flags of the one use of the command in the other.
func (f *runFlags) check(cmd *cobra.Command, program bool) error {
	others := []string{"group", "grace"}
	why := "--%s is for a program after --"
	if program {
		others = []string{"file", "name", "exit-on-failure", "exit-with", "timestamps"}
		why = "--%s is for a manifest's services, not for a program"
	}
	for _, name := range others {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf(why, name)
		}
	}
	return nil
}

// servicesOrProgram lets services stand alone, and a program after "--".
func servicesOrProgram(cmd *cobra.Command, args []string) error {
	switch dash := cmd.ArgsLenAtDash(); {
	case dash > 0:
		return fmt.Errorf("unexpected %q before --: either services or a program can be run", args[0])
	case dash == 0 && len(args) == 0:
		return errors.New("no program after --")
	}
	return nil
}

// notServices refuses the name of a manifest or a program in the place of a
// service's. That it is none, and what services there are, is found out later.
func notServices(cmd *cobra.Command, files, args []string) error {
	for _, arg := range args {
		manifestLike := namesManifest(arg)
		if !manifestLike && !namesProgram(arg) || isService(files, arg) {
			continue
		}
		if manifestLike {
			return manifestMeant(cmd, arg)
		}
		return programMeant(cmd, arg)
	}
	return nil
}

func isService(files []string, name string) bool {
	m, err := manifest.Read(files...)
	return err == nil && slices.ContainsFunc(m.Services, func(s manifest.Service) bool { return s.Name == name || s.Of == name })
}

// run runs a manifest's services.
func (a *app) run(f runFlags, services []string) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	// Caught, SIGPIPE is an error of the write: that of the output, or that to
	// somebody else who has left, which is nothing to end for.
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	defer signal.Stop(pipes)
	initd.HurryUp()
	m, err := readManifest(f.files...)
	if err != nil {
		return err
	}
	if f.name == "" {
		f.name = m.Name
	}
	if err := checkLiveName(f.name); err != nil {
		return err
	}
	home, _ := a.homeFolder() // without one it does with less
	p := a.newRunPrinter(m, f.timestamps)
	p.unread = func() { signals <- syscall.SIGPIPE }
	status, err := initd.Foreground{
		Manifest: m, Name: f.name, Home: home, Chosen: a.home != "" || a.env(api.EnvHome) != "",
		Only: services, Until: f.until, ExitOnFailure: f.exitOnFailure,
		Reread:  func() (*manifest.Manifest, error) { return readManifest(f.files...) },
		Written: p.written, Remark: p.remark, Say: p.say,
	}.Run(signals)
	p.end()
	if err != nil && status == 0 {
		return err
	}
	if status != 0 {
		return statusError{status, err}
	}
	return nil
}

// runProgram runs one program in the place of a manifest.
func runProgram(args []string, f runFlags) error {
	marks := reap.NewMarks()
	status, err := pid1.Run(pid1.Options{
		Args: args, Group: f.group, Grace: f.grace,
		Mark: marks.First(),
		Guard: func() (pid int, err error) {
			w := guard.Ward{Marks: marks, Grace: f.grace}
			if w.Keeper, err = pidfd.Identify(os.Getpid()); err != nil {
				return 0, err
			}
			return w.Start()
		},
	})
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
