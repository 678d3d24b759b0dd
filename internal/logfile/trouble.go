package logfile

import (
	"errors"
	"os"
)

// Trouble says why what a service wrote last is not in its log; nil: it is, or
// nothing was written.
func (s *Set) Trouble(service string) error {
	s.mu.Lock()
	l := s.logs[service]
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trouble
}

// Check opens the log of a service that was configured to be in a file of its
// own, so that one which cannot be opened is known before something is lost.
func (s *Set) Check(service string) {
	l := s.Log(service)
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, _ := l.config.special(s.dir, service); l.state != open || p.File == "" {
		return
	}
	l.verifyLocked()
	if err := l.openLocked(); err != nil {
		l.troubledLocked(err)
	}
}

// troubledLocked takes note of how an attempt to write went, and tells when the
// log has begun to fail or works again.
func (l *Log) troubledLocked(err error) {
	if err != nil && !errors.As(err, new(*os.PathError)) {
		err = &os.PathError{Op: "write", Path: l.config.File, Err: err}
	}
	changed := (err == nil) != (l.trouble == nil)
	l.trouble = err
	if changed && l.set.opts.OnTrouble != nil {
		l.set.opts.OnTrouble(l.service, err)
	}
}
