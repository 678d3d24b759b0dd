package monitor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/image"
)

// restoreCaptured brings the captured folders of an image back as they were
// when it was saved. What a folder held until now stays beside it under the
// folder's name with a tilde, the way editors keep what they replace.
func restoreCaptured(ctx context.Context, img *image.Image) error {
	for _, dir := range img.Config.Capture {
		if err := restoreFolder(ctx, img, dir); err != nil {
			return fmt.Errorf("cannot bring folder %q back: %w", dir, err)
		}
	}
	return nil
}

func restoreFolder(ctx context.Context, img *image.Image, dir string) error {
	fresh, aside := dir+".seance-new", dir+"~"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := img.ExtractFolder(ctx, dir, fresh); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if errors.Is(err, fs.ErrNotExist) {
		return os.Rename(fresh, dir)
	}
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: fresh, New: dir, Err: err}
	}
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	return os.Rename(fresh, aside)
}
