// Package program keeps the binaries that live images run.
//
// An image runs its init from a binary of its own, which no upgrade of seance
// touches: a saved image boots with the init it was frozen with. Monitors run
// from here too, so that a monitor and its image's init share their pages.
package program

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"time"

	"github.com/opencontainers/go-digest"
)

// Folder keeps binaries, each in a folder named by its key. A live image holds
// a hard link, so that its init survives any cleaning up here.
type Folder string

const programName, digestName = "seance", "digest"

// Path is where the binary of a key is.
func (p Folder) Path(key string) string { return filepath.Join(string(p), key, programName) }

// Own keeps the program that is running now and returns its key.
func (p Folder) Own() (key string, err error) {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer exe.Close()
	info, err := exe.Stat()
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	if key, ok := p.running(st); ok {
		return key, nil
	}
	key = fmt.Sprintf("own-%x-%x-%x", st.Size, info.ModTime().UnixNano(), st.Ino)
	return key, p.keep(key, func(path string) error { return copyTo(path, exe) })
}

// running is the key of the program that is running now, if it was started
// from here.
func (p Folder) running(st *syscall.Stat_t) (key string, ok bool) {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil || filepath.Base(path) != programName {
		return "", false
	}
	key = filepath.Base(filepath.Dir(path))
	var kept syscall.Stat_t
	err = syscall.Stat(p.Path(key), &kept)
	return key, err == nil && kept.Dev == st.Dev && kept.Ino == st.Ino
}

// OfImage keeps the program of a saved image and returns its key. extract
// writes it into a folder.
func (p Folder) OfImage(d digest.Digest, extract func(dir string) error) (key string, err error) {
	if own, err := p.Own(); err == nil && p.is(own, d) {
		return own, nil // and the monitor that runs it shares its pages
	}
	key = "image-" + d.Encoded()
	return key, p.keep(key, func(path string) error {
		dir := filepath.Dir(path)
		if err := extract(dir); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, digestName), []byte(d), 0o600); err != nil {
			return err
		}
		return os.Chmod(path, 0o755)
	})
}

// is says whether the program of a key has a digest.
func (p Folder) is(key string, d digest.Digest) bool {
	own, err := p.Digest(key)
	return err == nil && own == d
}

// keep makes the folder of a key with what fill puts there, whole or not at
// all, unless it is there already.
func (p Folder) keep(key string, fill func(path string) error) error {
	if _, err := os.Stat(p.Path(key)); err == nil {
		return nil
	}
	if err := os.MkdirAll(string(p), 0o755); err != nil {
		return err
	}
	p.prune()
	tmp, err := os.MkdirTemp(string(p), ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(filepath.Join(tmp, programName)); err != nil {
		return err
	}
	err = os.Rename(tmp, filepath.Join(string(p), key))
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil // somebody else was as quick
	}
	return err
}

// Link makes a program appear at a path too.
func (p Folder) Link(key, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Link(p.Path(key), path)
}

// Digest is the digest of a program, computed once.
func (p Folder) Digest(key string) (digest.Digest, error) {
	at := filepath.Join(string(p), key, digestName)
	if raw, err := os.ReadFile(at); err == nil {
		return digest.Parse(strings.TrimSpace(string(raw)))
	}
	f, err := os.Open(p.Path(key))
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	d := digest.NewDigest(digest.SHA256, h)
	return d, writeWhole(at, []byte(d))
}

// unusedFor is how long a program is kept that no live image links to.
const unusedFor = 24 * time.Hour

// prune removes the programs that nobody has used for long, so that upgrades
// do not pile up.
func (p Folder) prune() {
	entries, _ := os.ReadDir(string(p))
	for _, e := range entries {
		info, err := os.Stat(p.Path(e.Name()))
		if err != nil || time.Since(info.ModTime()) < unusedFor || info.Sys().(*syscall.Stat_t).Nlink > 1 {
			continue
		}
		os.RemoveAll(filepath.Join(string(p), e.Name()))
	}
}

func copyTo(path string, from io.Reader) error {
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

func writeWhole(path string, content []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, content, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
