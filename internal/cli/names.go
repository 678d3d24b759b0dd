package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

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
	if m, _ := manifestHere(); m != nil {
		return m.Name
	}
	return ""
}

// manifestHere is the manifest of the current folder. Where there is none there is
// no error either; that of one which cannot be read does not say what is wrong.
func manifestHere() (*manifest.Manifest, error) {
	m, err := manifest.Read(".")
	if errors.Is(err, fs.ErrNotExist) && !isManifestError(err) {
		return nil, nil
	}
	return m, err
}

// isManifestHere says whether a path is that of the manifest in the current folder,
// by one of the names that it may have.
func isManifestHere(path string) bool {
	if !slices.Contains([]string{"seance.yaml", "seance.yml", "Procfile"}, filepath.Base(path)) {
		return false
	}
	from, err := os.Stat(filepath.Dir(path))
	here, err2 := os.Stat(".")
	return err == nil && err2 == nil && os.SameFile(from, here)
}

// elsewhereError says that the live image of a manifest's name is that of a manifest
// in another folder.
type elsewhereError struct{ name, from, here string }

func (e elsewhereError) Error() string {
	return fmt.Sprintf("image %q is live, but from %s, and not from %s; to speak of it all the same: -i %[1]s", e.name, e.from, e.here)
}

// checkOurs refuses a live image that has a manifest's name but was started from one
// in another folder: nobody has said that it is meant. Where its folder is not there
// any more, it may have become this one.
func (t *target) checkOurs(m *manifest.Manifest) error {
	from, err := os.Stat(filepath.Dir(t.image.Manifest))
	if err != nil || t.image.Manifest == "" {
		return nil
	}
	here, err := os.Stat(filepath.Dir(m.Path))
	if err != nil || os.SameFile(from, here) {
		return nil
	}
	return elsewhereError{t.image.Name, t.image.Manifest, m.Path}
}

func isManifestError(err error) bool {
	var all manifest.Errors
	var one *manifest.Error
	return errors.As(err, &all) || errors.As(err, &one)
}

func isImageNotFound(err error) bool { return errors.Is(err, image.ErrNotFound) }
