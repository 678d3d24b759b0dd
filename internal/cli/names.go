package cli

import (
	"errors"
	"fmt"

	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/manifest"
)

// checkLiveName refuses what cannot name a live image. A live image is named
// in a manifest and saved under its name, so the rules of both are its rule.
func checkLiveName(name string) error {
	ref, err := image.ParseRef(name)
	if err == nil && ref.Name == name && len(name) <= manifest.MaxNameLength {
		return nil
	}
	if err == nil && ref.Name != name {
		return usageError{fmt.Errorf("%q is not a live image's name: a live image has no tag", name)}
	}
	return usageError{fmt.Errorf("%q is not a live image's name: a name is lower-case letters and digits, "+
		"with \".\", \"_\" or \"-\" between them, and has at most %d characters", name, manifest.MaxNameLength)}
}

// nameHere is the image's name in the manifest of the current folder; "" when
// there is none, or none that can be read.
func nameHere() string {
	m, err := manifest.Read(".")
	if err != nil {
		return ""
	}
	return m.Name
}

func isManifestError(err error) bool {
	var all manifest.Errors
	var one *manifest.Error
	return errors.As(err, &all) || errors.As(err, &one)
}

func isImageNotFound(err error) bool { return errors.Is(err, image.ErrNotFound) }
