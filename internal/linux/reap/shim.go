package reap

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// startByShim starts a program by way of the shim, and waits until that has
// become the program or has failed.
func (r *Reaper) startByShim(p *Process, spec *Spec, path string) error {
	// A pipe that the poller watches: no thread waits in the read.
	report, told, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()
	defer told.Close()
	p.becoming = true
	err = r.forkShim(p, spec, path, told)
	if err != nil {
		return err
	}
	told.Close()
	var failure [failureSize]byte
	_, err = io.ReadFull(report, failure[:])
	if err == nil {
		return shimError(spec, path, failure)
	}
	// The exec closed the pipe: the shim has become the program. Or somebody
	// killed it before that, which is an exit like any other.
	r.became(p)
	return nil
}

func (r *Reaper) forkShim(p *Process, spec *Spec, path string, told *os.File) error {
	// Inside an image too this is a file of the image's own mounts, for there
	// its init was executed by its path inside; and it is the same program even
	// when another has been installed in its place.
	shim := filepath.Join(r.proc, "self/exe")
	files := max(3, len(spec.Files))
	args, err := errandFor(spec, path, files).args(spec.Args)
	if err != nil {
		return err
	}
	direct := *spec
	direct.Dir, direct.Credential = "", nil // left to the shim, which needs the privileges
	return r.fork(p, &direct, shim, args, told)
}

// became says that p is the program now. If that has ended already, its end is
// told now, on the reaper's goroutine as always.
func (r *Reaper) became(p *Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.becoming = false
	if _, ended := p.Exit(); ended {
		r.late = append(r.late, p)
		r.wakeLocked()
	}
}

// explainFork puts the error of fork and exec into words.
func explainFork(spec *Spec, path string, err error) error {
	if err == ErrClosed || err == nil {
		return err
	}
	if _, ok := err.(*StartError); ok {
		return err
	}
	if _, ok := err.(syscall.Errno); !ok {
		return err
	}
	return explain(*spec, path, err)
}
