package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// The start of one sleep is that of the supervisor itself, and depends on what has
// run before: minutes of others, or itself a moment ago.
const (
	warmStart = "1 sleep: start, warm" // it has just run
	coldStart = "1 sleep: start, cold" // it has to be read from the disk
)

// How often one round launches it for either; the first ones are not counted.
const (
	warmUps      = 2
	warmLaunches = 5
	coldLaunches = 3
)

// launches measures how long one supervisor takes from its launch until one service
// runs.
func (b *peerBench) launches(s supervisor, f figures) error {
	return launches(f, s.parts, func() (took time.Duration, err error) {
		dir, err := b.prepare(s, []string{"/usr/bin/sleep", "infinity"}, 1, false)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		p, err := b.begin(s, dir)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, p.close()) }()
		err = p.await("sleep", 1, time.Minute)
		return time.Since(began), err
	})
}

// launches calls launch for each kind of start. What has no parts, or not where they
// are looked for, has no cold one.
func launches(f figures, parts func() ([]string, error), launch func() (time.Duration, error)) error {
	for i := range warmUps + warmLaunches {
		took, err := launch()
		if err != nil {
			return err
		}
		if i >= warmUps {
			f.add(warmStart, milliseconds(took))
		}
	}
	if parts == nil {
		return nil
	}
	for range coldLaunches {
		switch err := evict(parts); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		took, err := launch()
		if err != nil {
			return err
		}
		f.add(coldStart, milliseconds(took))
	}
	return nil
}

// partsOf are the files that patterns match, see [filepath.Glob], and all those in
// folders that they match. Each has to match something: else some would stay warm.
func partsOf(patterns ...string) func() ([]string, error) {
	return func() (files []string, err error) {
		for _, pattern := range patterns {
			names, err := filepath.Glob(pattern)
			if err == nil && len(names) == 0 {
				err = fs.ErrNotExist
			}
			if err != nil {
				return nil, fmt.Errorf("cannot find %s: %w", pattern, err)
			}
			for _, name := range names {
				if name, err = filepath.EvalSymlinks(name); err != nil {
					return nil, err
				}
				err := filepath.WalkDir(name, func(path string, e fs.DirEntry, err error) error {
					if err == nil && e.Type().IsRegular() {
						files = append(files, path)
					}
					return err
				})
				if err != nil {
					return nil, err
				}
			}
		}
		return files, nil
	}
}

// evict has the kernel forget the content of files, as far as nobody uses it: they
// are read from the disk the next time.
func evict(parts func() ([]string, error)) error {
	files, err := parts()
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := forget(file); err != nil {
			return fmt.Errorf("cannot evict %s: %w", file, err)
		}
	}
	return nil
}

func forget(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // what is not on the disk yet stays
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
