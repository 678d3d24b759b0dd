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

// Read reads a manifest. path is a file, or a folder with a seance.yaml or a
// seance.yml in it. Relative paths in the manifest are resolved against the
// folder that path names, which is made absolute; symbolic links stay as they
// are.
//
// The error is an Errors when the text is at fault. Else it wraps what the file
// system said; a folder without a manifest is fs.ErrNotExist.
func Read(path string) (*Manifest, error) {
	file, err := find(path)
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest %q: %w", file, err)
	}
	src, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest %q: %w", file, err)
	}
	return parse(file, absolute, src)
}

// find returns the manifest's file.
func find(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("cannot read manifest %q: %w", path, err)
	}
	if !info.IsDir() {
		return path, nil
	}
	var found []string
	for _, name := range fileNames() {
		file := filepath.Join(path, name)
		if _, err := os.Stat(file); err == nil {
			found = append(found, file)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("cannot read manifest %q: %w", file, err)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("cannot find a manifest in folder %q: no %s: %w", path, strings.Join(fileNames(), " or "), fs.ErrNotExist)
	default:
		return "", fmt.Errorf("cannot choose the manifest of folder %q: there are %s; remove one or name the file", path, strings.Join(fileNames(), " and "))
	}
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
// from the file system, so Parse(m.Path, m.Source) gives m again anywhere.
//
// The error is an Errors with all mistakes. Text that is not YAML is one
// mistake, which hides the others.
func Parse(path string, src []byte) (*Manifest, error) {
	return parse(path, path, src)
}

// parse reports mistakes under the name display.
func parse(display, path string, src []byte) (*Manifest, error) {
	s, e := newSource(display, src)
	if e != nil {
		return nil, Errors{e}
	}
	root, e := parseTree(s)
	if e != nil {
		return nil, Errors{e}
	}
	d := &decoder{src: s, at: map[string]pos{"": root.at}, faulty: map[string]bool{}}
	m := &Manifest{Path: path, Source: bytes.Clone(src), Name: fallbackName, OnFailure: GoOn}
	if path != "" {
		s.dir = filepath.Dir(path)
		m.Name = makeName(filepath.Base(s.dir))
	}
	decodeFields(d, place{}, root, exampleHint, manifestFields, m)
	expandNeeds(m.Services)
	d.commonEnv(m)
	check(m, d.report)
	if err := d.mistakes(); err != nil {
		return nil, err
	}
	return m, nil
}
