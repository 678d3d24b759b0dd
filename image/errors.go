package image

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
)

// ErrNotFound is what errors.Is finds in the error of a reference that names
// no image of the store. The error itself is a *NotFoundError.
var ErrNotFound = errors.New("no such image")

// ErrClosed is returned by a Writer after Commit or Abort.
var ErrClosed = errors.New("the writer is closed")

// ErrNotStore is what errors.Is finds when a directory holds something else
// than an image store.
var ErrNotStore = errors.New("not an image store")

// NotFoundError says which reference names no image, and which are alike.
type NotFoundError struct {
	Ref string
	// Near lists references of the store that look alike, best first.
	Near []string
}

func (e *NotFoundError) Error() string {
	msg := fmt.Sprintf("no image %q", e.Ref)
	if len(e.Near) == 0 {
		return msg + ": see \"seance images\""
	}
	return fmt.Sprintf("%s: did you mean %s?", msg, strings.Join(e.Near, " or "))
}

// Is reports whether target is ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// AmbiguousError says that a digest prefix names several images.
type AmbiguousError struct {
	Prefix  string
	Digests []digest.Digest
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("digest prefix %q names %d images: give more digits", e.Prefix, len(e.Digests))
}

// CorruptError says that something in the store is not what was written.
type CorruptError struct {
	// Image is the image it belongs to, as a reference or digest; "" when it
	// is the store's own.
	Image string
	// What is the part that is damaged: "index.json", "memory layer
	// sha256:…".
	What string
	// Cause says what was found.
	Cause error
}

func (e *CorruptError) Error() string {
	if e.Image == "" {
		return fmt.Sprintf("image store is damaged: %s: %v", e.What, e.Cause)
	}
	return fmt.Sprintf("image %q is damaged: %s: %v", e.Image, e.What, e.Cause)
}

func (e *CorruptError) Unwrap() error { return e.Cause }

// VersionError says that an image was written in a version of the format
// that this seance does not know.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	if e.Version > FormatVersion {
		return fmt.Sprintf("image format version %d is newer than this seance knows (%d): upgrade seance", e.Version, FormatVersion)
	}
	return fmt.Sprintf("image format version %d is not known (this seance knows %d)", e.Version, FormatVersion)
}
