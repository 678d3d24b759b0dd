package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// apart marks a test program in a namespace of its own.
const apart = "SEANCE_TEST_APART"

// OwnMounts is for TestMain of tests that bring images up. Run by root, it
// runs the test program again in a mount namespace of its own, and returns its
// exit status and true; in that second run, and without root, false.
//
// An image has what is mounted on the host. Such a test must neither see what
// others mount for a moment, nor show them what it mounts itself.
func OwnMounts() (status int, done bool) {
	return again("--mount", "--propagation", "private")
}

// OwnNetwork is like OwnMounts, with a network namespace, in which loopback is
// yet to be set up.
func OwnNetwork() (status int, done bool) { return again("--net") }

// again runs the test program again by unshare(1).
func again(options ...string) (status int, done bool) {
	if os.Geteuid() != 0 || os.Getenv(apart) != "" {
		return 0, false
	}
	cmd := exec.Command("unshare", append(append(options, os.Args[0]), os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return cmd.ProcessState.ExitCode(), true
}
