package live

import (
	"errors"
	"syscall"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/linux/procfs"
)

// Alive says whether the image that a record speaks of still lives.
func Alive(l api.Live) bool {
	r, err := ReadRecord(l)
	if err != nil {
		return false
	}
	h, err := pidfd.Find(r.Init)
	if err != nil {
		return !errors.Is(err, pidfd.ErrGone)
	}
	h.Close()
	return true
}

// EndStrays ends the programs of an image whose keepers are gone. Those with a
// PID namespace of their own have ended with their init; the others are known
// by their environment.
func EndStrays(l api.Live) {
	fs := procfs.New("/proc")
	pids, err := fs.PIDs()
	if err != nil {
		return
	}
	for _, pid := range pids {
		if socket, ok, err := fs.Getenv(pid, api.EnvSocket); err != nil || !ok || socket != l.Inside() {
			continue
		}
		if h, err := pidfd.Open(pid); err == nil {
			_ = h.Signal(syscall.SIGKILL)
			h.Close()
		}
	}
}
