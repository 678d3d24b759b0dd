package reap

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// StartError says why a program could not be started.
type StartError struct {
	// Program is Args[0] as it was given.
	Program string
	// Reason is for people: what is wrong, and what to do where that is known.
	Reason string
	// Err is the cause, for errors.Is.
	Err error
}

func (e *StartError) Error() string { return e.Reason }
func (e *StartError) Unwrap() error { return e.Err }

var errNoArgs = &StartError{Reason: "no program given", Err: syscall.EINVAL}

// defaultPath is searched when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Find says whether there is a program for Args[0] that may be executed, and why not:
// what [Reaper.Start] would say of it.
func Find(spec Spec) error {
	path, err := lookPath(spec)
	if err != nil {
		return err
	}
	file := within(spec.Dir, path)
	err = unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS)
	if info, statErr := os.Stat(file); statErr == nil && info.IsDir() {
		err = unix.EACCES // as execve(2) has it
	}
	if err == nil {
		return nil
	}
	return explain(spec, path, err)
}

// lookPath finds the file to execute as execvp(3) does, with the PATH and the
// working directory that the program will have.
func lookPath(spec Spec) (string, error) {
	if len(spec.Args) == 0 || spec.Args[0] == "" {
		return "", errNoArgs
	}
	if spec.Path != "" {
		return spec.Path, nil
	}
	program := spec.Args[0]
	if strings.Contains(program, "/") {
		return program, nil
	}
	path := pathOf(spec.Env)
	denied := ""
	for _, dir := range filepath.SplitList(path) {
		file := within(spec.Dir, filepath.Join(dir, program))
		info, err := os.Stat(file)
		if err != nil || info.IsDir() {
			continue
		}
		if info.Mode()&0o111 == 0 {
			denied = file
			continue
		}
		return file, nil
	}
	if denied != "" {
		return "", &StartError{program, fmt.Sprintf("program %q is not executable: chmod +x %s", program, denied), fs.ErrPermission}
	}
	return "", &StartError{program, notFound(spec, path), fs.ErrNotExist}
}

// shortPath is how long a PATH may be that is shown though nobody has set it for
// the program: what most systems begin with.
const shortPath = 79

// notFound tells that a program is in no folder of PATH, and what may be meant.
func notFound(spec Spec, path string) string {
	program := spec.Args[0]
	shown := ""
	if spec.OwnPath || len(path) <= shortPath {
		shown = fmt.Sprintf(" (%s)", path)
	}
	hint := "install it, correct the command, or add its folder to PATH"
	if info, err := os.Stat(within(spec.Dir, program)); err == nil && info.Mode().IsRegular() {
		hint = fmt.Sprintf("that of its working directory is called ./%s", program)
	} else if strings.ContainsAny(program, " \t") {
		hint = "arguments stand apart in a list, as in [program, argument]; a string is run by a shell"
	}
	return fmt.Sprintf("program %q is in no folder of PATH%s; %s", program, shown, hint)
}

func pathOf(env []string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], "PATH="); ok {
			return value
		}
	}
	return defaultPath
}

// within makes path what it will be after a change to dir.
func within(dir, path string) string {
	if dir == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// explain turns the errno of fork, chdir or exec into words. The kernel says
// ENOENT for three things: no working directory, no program, no interpreter.
func explain(spec Spec, path string, err error) error {
	program := spec.Args[0]
	file := within(spec.Dir, path)
	failed := func(format string, args ...any) error {
		return &StartError{program, fmt.Sprintf(format, args...), err}
	}
	if spec.Dir != "" {
		info, statErr := os.Stat(spec.Dir)
		switch {
		case errors.Is(statErr, fs.ErrNotExist):
			return failed("working directory %s does not exist; make it, or correct workdir", spec.Dir)
		case statErr == nil && !info.IsDir():
			return failed("working directory %s is not a folder", spec.Dir)
		}
	}
	info, statErr := os.Stat(file)
	switch {
	case errors.Is(statErr, fs.ErrNotExist):
		return failed("program %s does not exist; make it, or correct the command", file)
	case statErr == nil && info.IsDir():
		return failed("program %s is a folder; correct the command", file)
	case errors.Is(err, syscall.EACCES) && statErr == nil && info.Mode()&0o111 == 0:
		return failed("program %q is not executable: chmod +x %s", program, file)
	case errors.Is(err, syscall.ENOENT):
		return failed("program %s cannot run: its interpreter %s does not exist", file, interpreter(file))
	case errors.Is(err, syscall.ENOEXEC):
		return failed("program %s is neither a program of this machine nor a script that begins with #!", file)
	case errors.Is(err, syscall.EAGAIN):
		return failed("program %q: no more processes may be started (ulimit -u, or the cgroup's pids.max)", program)
	case errors.Is(err, syscall.EPERM) && spec.Credential != nil:
		return failed("program %q cannot run as another user: not enough privilege", program)
	}
	return failed("program %q: %v", program, err)
}

// interpreter names what the first line of a script asks for, or the loader of
// a program in general.
func interpreter(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return "or loader"
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadString('\n')
	fields := strings.Fields(strings.TrimPrefix(line, "#!"))
	if !strings.HasPrefix(line, "#!") || len(fields) == 0 {
		return "or loader"
	}
	return fields[0]
}
