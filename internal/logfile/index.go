package logfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Place is where one service's log is, and how it is to be read.
type Place struct {
	File  string `json:"file,omitempty"` // "": SERVICE.log in the folder
	Plain bool   `json:"plain,omitempty"`
}

// indexName is the file that tells readers of the logs in a folder what they
// cannot see: which services have theirs elsewhere, and which are plain. A
// folder without one has none of either.
const indexName = "index.json"

// index is the content of that file.
type index struct {
	Services map[string]Place `json:"services"`
}

func readIndex(dir string) (ix index, raw []byte, err error) {
	raw, err = os.ReadFile(filepath.Join(dir, indexName))
	if errors.Is(err, fs.ErrNotExist) {
		return index{}, nil, nil
	}
	if err != nil {
		return index{}, nil, err
	}
	if err := json.Unmarshal(raw, &ix); err != nil {
		return index{}, raw, fmt.Errorf("cannot read %s: %w", filepath.Join(dir, indexName), err)
	}
	return ix, raw, nil
}

// writeIndexLocked brings the index into step with the logs. Those of services
// that are no longer there stay in it: they can be read still. Nothing is
// written when nothing has changed.
func (s *Set) writeIndexLocked() error {
	ix, old, err := readIndex(s.dir)
	if err != nil {
		ix = index{} // a broken one is written anew
	}
	if ix.Services == nil {
		ix.Services = map[string]Place{}
	}
	for name, l := range s.logs {
		if p, ok := l.place(); ok {
			ix.Services[name] = p
			continue
		}
		delete(ix.Services, name)
	}
	if len(ix.Services) == 0 && old == nil {
		return nil
	}
	text, err := json.MarshalIndent(ix, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if bytes.Equal(text, old) {
		return nil
	}
	if err := replaceFile(filepath.Join(s.dir, indexName), text); err != nil {
		return fmt.Errorf("cannot write where logs are: %w", err)
	}
	return nil
}

// replaceFile makes text the content of a file: after a crash at any moment it
// has all of the old or all of the new.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
