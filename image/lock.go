package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lock takes the store's lock. flock(2) locks belong to the open file
// description, so two goroutines that each open the file exclude each other
// as two processes do, and a dead owner's lock is gone.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock image store %q: %w", s.dir, err)
	}
	if err := flockWait(ctx, f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot lock image store %q: %w", s.dir, err)
	}
	return func() { _ = f.Close() }, nil
}

// flockWait asks again and again instead of blocking in flock(2), which could
// not be called off when ctx ends.
func flockWait(ctx context.Context, f *os.File) error {
	const first, most = 200 * time.Microsecond, 10 * time.Millisecond
	for delay := first; ; delay = min(2*delay, most) {
		ok, err := tryFlock(f)
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(delay):
		}
	}
}

func tryFlock(f *os.File) (bool, error) {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		}
		return err == nil, err
	}
}
