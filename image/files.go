package image

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// File is one file that the image's processes had open or mapped at the
// freeze. Files already unlinked then are in CRIU's own files, not here.
type File struct {
	Path Text `json:"path"`
	FileState
	// Writable: open for writing, or mapped shared and writable.
	Writable bool `json:"writable,omitempty"`
	// Mapped: some process has it in its address space.
	Mapped bool `json:"mapped,omitempty"`
	// Processes are the PIDs inside the image that held it.
	Processes []int `json:"processes,omitempty"`
}

// FileState is what tells a file that has changed from one that has not.
type FileState struct {
	Size int64 `json:"size"`
	// ModTime is the time of last modification, in nanoseconds since the
	// epoch.
	ModTime int64  `json:"mtimeNs"`
	Inode   uint64 `json:"inode"`
	Device  uint64 `json:"device"`
}

// ChangeKind says how a file changed.
type ChangeKind string

// The kinds of change, worst first.
const (
	ChangeMissing    ChangeKind = "missing"
	ChangeUnreadable ChangeKind = "unreadable"
	ChangeSize       ChangeKind = "size"
	ChangeModTime    ChangeKind = "mtime"
)

// Changed is one file that is not as it was at the freeze.
type Changed struct {
	File File       `json:"file"`
	Kind ChangeKind `json:"kind"`
	// Now is what was found; zero when missing or unreadable.
	Now FileState `json:"now"`
	// Err is the cause of ChangeUnreadable.
	Err error `json:"-"`
}

// Harmful reports whether memory and file must agree: the image writes the
// file, or has it in its memory. Other files it has open only to read.
func (c Changed) Harmful() bool { return c.File.Writable || c.File.Mapped }

func (c Changed) String() string {
	switch c.Kind {
	case ChangeMissing:
		return string(c.File.Path) + ": is gone"
	case ChangeSize:
		return fmt.Sprintf("%s: had %d bytes, has %d", c.File.Path, c.File.Size, c.Now.Size)
	case ChangeModTime:
		return fmt.Sprintf("%s: was modified at %s", c.File.Path, time.Unix(0, c.Now.ModTime).Format(time.RFC3339))
	}
	return fmt.Sprintf("%s: %v", c.File.Path, c.Err)
}

// StatFunc finds the present state of a file. A missing file is an error for
// which errors.Is(err, fs.ErrNotExist) holds.
type StatFunc func(path string) (FileState, error)

// CheckFiles compares files with their present state and returns those that
// changed, in the order given. Size and time of modification decide. Inode
// and device do not: a copy that keeps times, as of a backup or to another
// machine, has new ones and the same content.
func CheckFiles(files []File, stat StatFunc) []Changed {
	var changed []Changed
	for _, f := range files {
		if c, ok := checkFile(f, stat); ok {
			changed = append(changed, c)
		}
	}
	return changed
}

func checkFile(f File, stat StatFunc) (Changed, bool) {
	now, err := stat(string(f.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Changed{File: f, Kind: ChangeMissing}, true
	case err != nil:
		return Changed{File: f, Kind: ChangeUnreadable, Err: err}, true
	case now.Size != f.Size:
		return Changed{File: f, Kind: ChangeSize, Now: now}, true
	case now.ModTime != f.ModTime:
		return Changed{File: f, Kind: ChangeModTime, Now: now}, true
	}
	return Changed{}, false
}

// CheckFiles is CheckFiles of the config's files, but those in captured
// folders: these come back with the image.
func (c *Config) CheckFiles(stat StatFunc) []Changed {
	var files []File
	for _, f := range c.Files {
		if !c.captured(string(f.Path)) {
			files = append(files, f)
		}
	}
	return CheckFiles(files, stat)
}

func (c *Config) captured(path string) bool {
	for _, dir := range c.Capture {
		dir = strings.TrimSuffix(filepath.Clean(dir), "/")
		if strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

// StatFile is the StatFunc of the file system. It follows symbolic links, as
// open(2) does.
func StatFile(path string) (FileState, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return FileState{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return FileState{Size: st.Size, ModTime: st.Mtim.Nano(), Inode: st.Ino, Device: uint64(st.Dev)}, nil
}
