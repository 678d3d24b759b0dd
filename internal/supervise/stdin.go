package supervise

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/manifest"
)

// openStdin opens what a service reads from; nil is /dev/null.
func openStdin(kind string) (*os.File, error) {
	switch kind {
	case "", manifest.StdinNull:
		return nil, nil
	case manifest.StdinOpen:
		return openSilence()
	}
	flags := os.O_RDONLY
	if info, err := os.Stat(kind); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		// A FIFO that is opened to be read waits for a writer, and ends with the
		// last one. This way it does neither, see fifo(7): whoever wants to may
		// write to it at any time.
		flags = os.O_RDWR
	}
	f, err := os.OpenFile(kind, flags, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open its standard input: %w; make the file, or correct stdin", err)
	}
	return f, nil
}

// openSilence makes a pipe that says nothing and does not end. Both its ends are
// one descriptor, which only the program has: that takes none of ours, and there
// is nothing to close when the program ends.
func openSilence() (*os.File, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fds[0]), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open a pipe for its standard input: %w", err)
	}
	return f, nil
}
