package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
)

// Exit statuses. They are documented in docs/cli.md and in every help text.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitBusy        = 4
	exitPartly      = 5
	exitTimeout     = 6
	exitInterrupted = 130 // 128 + SIGINT, as a shell reports it
)

const exitHelp = `
Exit status:
  0    done
  1    the operation failed
  2    wrong usage, or a bad manifest
  3    no such live image, or not any more; no such saved image, service, handler or category
  4    the image is busy: with another snapshot, or with booting or quitting
  5    done, but a service is not ready or a handler failed
  6    not done within --timeout
  130  interrupted
`

// usageError says that the command line, or a file it names, is wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// partlyError says that the image is up though something in it failed.
type partlyError struct{ error }

func (e partlyError) Unwrap() error { return e.error }

// timeoutError says that what a command waited for has not come in time.
type timeoutError struct{ error }

func (e timeoutError) Unwrap() error { return e.error }

// interruptedError is what a command returns when its context ended: what
// goes on without it.
type interruptedError struct{ goesOn string }

func (e interruptedError) Error() string {
	if e.goesOn == "" {
		return "interrupted"
	}
	return "interrupted; " + e.goesOn
}

// usageIn makes err, if there is one, a usage error of cmd.
func usageIn(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return usageError{fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())}
}

func unknownCommand(cmd *cobra.Command, name string) error {
	cmd.SuggestionsMinimumDistance = 2 // letters apart
	msg := fmt.Sprintf("no such command: %s %s", cmd.CommandPath(), name)
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		msg += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageIn(cmd, errors.New(msg))
}

// exitStatus decides a command's exit status from its error.
func exitStatus(err error) int {
	var interrupted interruptedError
	var usage usageError
	var partly partlyError
	var program statusError
	var remote *api.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &program):
		return program.status
	case errors.As(err, &interrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage), isManifestError(err):
		return exitUsage
	case errors.As(err, &partly):
		return exitPartly
	case errors.As(err, new(timeoutError)):
		return exitTimeout
	case errors.Is(err, errNoLiveImage), isImageNotFound(err), errors.As(err, new(elsewhereError)):
		return exitNotFound
	case errors.As(err, &remote):
		return remoteStatus(remote.Code)
	}
	return exitFailed
}

func remoteStatus(code string) int {
	switch code {
	case api.CodeBad:
		return exitUsage
	case api.CodeNotFound, api.CodeNotAlive:
		return exitNotFound
	case api.CodeBusy:
		return exitBusy
	}
	return exitFailed
}

// report prints a command's error once and returns its exit status. A
// manifest's error is printed as it is: it begins with file:line:column, and
// shows the line.
func (a *app) report(err error) int {
	status := exitStatus(err)
	switch {
	case err == nil, err == statusError{status: status}:
	case isManifestError(err):
		fmt.Fprintln(a.stderr, strings.TrimRight(err.Error(), "\n"))
	case errors.Is(err, context.Canceled):
		a.printMessages(interruptedError{}.Error())
	default:
		a.printMessages(err.Error())
		a.printDetail(err)
	}
	return status
}

// printMessages prints each message of an error, which may join several, with
// the program's name before it.
func (a *app) printMessages(text string) {
	for _, m := range messages(text) {
		fmt.Fprintln(a.stderr, "seance: "+m)
	}
}

// messages are those in a text of one a line. Lines that are indented, such as
// the last ones of a program, belong to the message above.
func messages(text string) []string {
	var all []string
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		line = strings.TrimRight(line, "\n")
		if last := len(all) - 1; last >= 0 && strings.HasPrefix(line, " ") {
			all[last] += "\n" + line
			continue
		}
		all = append(all, line)
	}
	return all
}

// brief is the first line of a message, for where more has no place.
func brief(message string) string {
	first, rest, _ := strings.Cut(message, "\n")
	if rest != "" {
		first = strings.TrimSuffix(first, "; its last lines:")
	}
	return first
}

// printDetail prints what an expert may want to read below an error.
func (a *app) printDetail(err error) {
	var remote *api.Error
	if a.quiet || !errors.As(err, &remote) || remote.Detail == "" {
		return
	}
	for line := range strings.Lines(strings.TrimRight(remote.Detail, "\n")) {
		fmt.Fprintln(a.stderr, "  "+strings.TrimRight(line, "\n"))
	}
}

// warn prints a remark that is no failure of the command.
func (a *app) warn(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, "seance: "+format+"\n", args...)
	}
}
