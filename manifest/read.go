package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// fileNames are what a manifest is called in a folder.
func fileNames() []string { return []string{"seance.yaml", "seance.yml"} }

// Reader reads manifests. Its zero value is ready to use.
type Reader struct {
	// LookupEnv looks up the variables of ${…}; nil: os.LookupEnv.
	LookupEnv func(name string) (string, bool)
}

// Read reads a manifest, with the environment of the process. See Reader.Read.
func Read(paths ...string) (*Manifest, error) { return Reader{}.Read(paths...) }

// Read reads a manifest of one or more files, each a layer over those before
// it, with all that they include and all environment files that they name. A
// path is a file, or a folder with a seance.yaml, a seance.yml or a Procfile in
// it; none is the current folder. Relative paths in a file are resolved against
// its folder, which is made absolute; symbolic links stay as they are.
//
// The error is an Errors when what is in the files is at fault. Else it wraps
// what the file system said; a folder without a manifest is fs.ErrNotExist.
func (r Reader) Read(paths ...string) (*Manifest, error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	files := make([]string, len(paths))
	for i, path := range paths {
		file, err := find(path)
		if err != nil {
			return nil, err
		}
		files[i] = file
	}
	lookup := r.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	return newReading(lookup, readFile).manifest(files)
}

// find returns the manifest's file.
func find(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("cannot read manifest %q: %w", path, reason(err))
	}
	if !info.IsDir() {
		return path, nil
	}
	found, err := findIn(path, fileNames())
	if err == nil && len(found) == 0 {
		found, err = findIn(path, []string{procfileName})
	}
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", noManifestError{path}
	default:
		return "", fmt.Errorf("cannot choose the manifest of folder %q: there are %s; remove one or name the file", path, strings.Join(fileNames(), " and "))
	}
}

// noManifestError says that a folder has no manifest, and is fs.ErrNotExist.
type noManifestError struct{ folder string }

func (e noManifestError) Error() string {
	return fmt.Sprintf("cannot find a manifest in folder %q: no %s or %s; to begin one: seance init",
		e.folder, strings.Join(fileNames(), ", "), procfileName)
}

func (noManifestError) Unwrap() error { return fs.ErrNotExist }

// findIn returns which of the files a folder has.
func findIn(folder string, names []string) ([]string, error) {
	var found []string
	for _, name := range names {
		file := filepath.Join(folder, name)
		if _, err := os.Stat(file); err == nil {
			found = append(found, file)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot read manifest %q: %w", file, reason(err))
		}
	}
	return found, nil
}

// readFile reads one byte more than a manifest may have at most, so that
// /dev/zero does no harm and Parse can tell.
func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxSize+1))
}

// Parse checks the text of a manifest. path is its file, for messages and for
// what is relative in it: paths are resolved against the folder of path as it
// is written, and the image's name is by default that folder's. With path ""
// relative paths stay relative and the default name is "image". Nothing is read
// from the file system, and no variable is set, so Parse(m.Path, m.Source) gives
// m again anywhere, but for m.Files.
//
// The error is an Errors with all mistakes. Text that is not YAML is one
// mistake, which hides the others.
func Parse(path string, src []byte) (*Manifest, error) {
	s, e := newSource(path, src)
	if e != nil {
		return nil, Errors{e}
	}
	root, e := parseTree(s)
	if e != nil {
		return nil, Errors{e}
	}
	if path != "" {
		s.dir = filepath.Dir(path)
	}
	m, err := newDecoder(s).manifest(path, root)
	if err != nil {
		return nil, err
	}
	m.Source = bytes.Clone(src)
	return m, nil
}

// newDecoder starts with a manifest's own file.
func newDecoder(s *source) *decoder {
	return &decoder{src: s, at: map[string]pos{}, faulty: map[string]bool{}}
}

// manifest decodes and checks a tree.
func (d *decoder) manifest(path string, root *node) (*Manifest, error) {
	m := &Manifest{Path: path, Name: fallbackName, OnFailure: GoOn}
	if path != "" {
		m.Name = makeName(filepath.Base(filepath.Dir(path)))
	}
	d.at[""] = root.at
	decodeFields(d, place{}, root, exampleHint, manifestFields, m)
	expandNeeds(m.Services)
	d.commonEnv(m)
	check(m, d.report)
	if err := d.mistakes(); err != nil {
		return nil, err
	}
	return m, nil
}
