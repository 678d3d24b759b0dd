package monitor

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

	"github.com/opencontainers/go-digest"

	"github.com/seancehq/seance/api"
)

// programs keeps the binaries that live images run as init, each in a folder
// named by its key. A live image holds a hard link, so that its init survives
// an upgrade of seance and any cleaning up here.
type programs struct{ dir string }

const programName, digestName = "seance", "digest"

func (p programs) path(key string) string { return filepath.Join(p.dir, key, programName) }

// own keeps the program that is running now and returns its key.
func (p programs) own() (key string, err error) {
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
	key = fmt.Sprintf("own-%x-%x-%x", st.Size, info.ModTime().UnixNano(), st.Ino)
	return key, p.keep(key, func(path string) error { return copyTo(path, exe) })
}

// ofImage keeps the program of a saved image and returns its key. extract
// writes it into a folder.
func (p programs) ofImage(d digest.Digest, extract func(dir string) error) (key string, err error) {
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

// keep makes the folder of a key with what fill puts there, whole or not at
// all, unless it is there already.
func (p programs) keep(key string, fill func(path string) error) error {
	if _, err := os.Stat(p.path(key)); err == nil {
		return nil
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(p.dir, ".new-")
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
	err = os.Rename(tmp, filepath.Join(p.dir, key))
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil // somebody else was as quick
	}
	return err
}

// link puts a program into a live image's folder.
func (p programs) link(key string, l api.Live) error {
	if err := os.MkdirAll(filepath.Dir(l.Program()), 0o755); err != nil {
		return err
	}
	return os.Link(p.path(key), l.Program())
}

// digest is the digest of a program, computed once.
func (p programs) digest(key string) (digest.Digest, error) {
	at := filepath.Join(p.dir, key, digestName)
	if raw, err := os.ReadFile(at); err == nil {
		return digest.Parse(strings.TrimSpace(string(raw)))
	}
	f, err := os.Open(p.path(key))
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

// prune removes the programs that no live image uses but the one given.
func (p programs) prune(keep string) {
	entries, _ := os.ReadDir(p.dir)
	for _, e := range entries {
		info, err := os.Stat(p.path(e.Name()))
		if e.Name() != keep && err == nil && info.Sys().(*syscall.Stat_t).Nlink == 1 {
			os.RemoveAll(filepath.Join(p.dir, e.Name()))
		}
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
