package logfile

import (
	"path/filepath"
)

// Format is how the entries of a log are written.
type Format string

const (
	// CRI is TIME STREAM TAGS TEXT, see the package's documentation.
	CRI Format = "cri"
	// JSON is one object a line.
	JSON Format = "json"
	// Plain is what the program wrote and nothing else.
	Plain Format = "plain"
)

// Config says where and how one service's log is kept. A zero value means what
// the Set does by default.
type Config struct {
	// File is the absolute path of the file being written; FILE.1, FILE.2 and so
	// on are older ones. "": SERVICE.log in the Set's folder.
	File string
	// Size is how large a file grows, in bytes, before it is rotated.
	Size int64
	// Count is how many files there are, the one being written included.
	Count int
	// Format is that of what is written from now on. Default: CRI.
	Format Format
}

func (c Config) withDefaults(s *Set, service string) Config {
	if c.File == "" {
		c.File = path(s.dir, service)
	}
	if c.Size <= 0 {
		c.Size = s.opts.MaxSize
	}
	if c.Count <= 0 {
		c.Count = s.opts.MaxFiles
	}
	if c.Format == "" {
		c.Format = CRI
	}
	return c
}

// Configure says how the log of a service is kept: before its first line, or
// while it is written, as when a manifest is reloaded. It does not touch what
// has been written before.
func (s *Set) Configure(service string, c Config) error {
	l := s.Log(service)
	l.configure(c.withDefaults(s, service))

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != open {
		return nil // Open does it, for all of them
	}
	return s.writeIndexLocked()
}

// special says what a reader has to know of a log that is not where and how it
// expects it; ok is false for one that is.
func (c Config) special(dir, service string) (p Place, ok bool) {
	p = Place{File: c.File, Plain: c.Format == Plain}
	if filepath.Clean(c.File) == path(dir, service) {
		p.File = ""
	}
	return p, p != Place{}
}
