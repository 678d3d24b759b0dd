package logfile

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// watch waits for something to happen to files and folders, with inotify(7). It is
// good for one time: then they are looked at, and watched anew.
type watch struct {
	file  *os.File
	woken chan struct{} // closed when something has happened
}

// What may happen to a folder that matters, and what to a file: lines are written,
// files are made, moved or removed, or emptied.
const (
	folderEvents = unix.IN_CREATE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
	fileEvents   = unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
)

// errRemote says that others may write where no event tells of it.
var errRemote = errors.New("the file system may be another machine's")

// startWatch watches folders and files. It fails when a folder is not there, or there
// are no more watches to be had, see inotify(7) for the limits.
func startWatch(folders []string, files []part) (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	w := &watch{os.NewFile(uintptr(fd), "inotify"), make(chan struct{})}
	if err := addWatches(fd, folders, files); err != nil {
		w.file.Close()
		return nil, err
	}
	go func() {
		defer close(w.woken)
		var events [4096]byte
		_, _ = w.file.Read(events[:]) // whatever it is, or the end of the watch
	}()
	return w, nil
}

func addWatches(fd int, folders []string, files []part) error {
	for _, folder := range folders {
		if isRemote(folder) {
			return errRemote
		}
		if _, err := unix.InotifyAddWatch(fd, folder, folderEvents); err != nil {
			return os.NewSyscallError("inotify_add_watch", err)
		}
	}
	for _, file := range files {
		if err := addFile(fd, file); err != nil {
			return err
		}
	}
	return nil
}

// addFile watches a file that is open, and no name: that may lead elsewhere, through a
// symbolic link or what is mounted on it, or be gone while somebody writes.
func addFile(fd int, file part) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	closed := raw.Control(func(open uintptr) {
		_, err = unix.InotifyAddWatch(fd, fmt.Sprintf("/proc/self/fd/%d", open), fileEvents)
	})
	return errors.Join(closed, os.NewSyscallError("inotify_add_watch", err))
}

// isRemote says whether others can write to a folder's files without this kernel
// knowing.
func isRemote(folder string) bool {
	var st unix.Statfs_t
	if unix.Statfs(folder, &st) != nil {
		return false // it cannot be watched either
	}
	const gfs2 = 0x01161970
	switch st.Type {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.V9FS_MAGIC, unix.FUSE_SUPER_MAGIC,
		unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC, gfs2:
		return true
	}
	return false
}

// end ends a watch, nil too.
func (w *watch) end() {
	if w != nil {
		w.file.Close()
		<-w.woken
	}
}

// watch watches all that a new line can come from: the logs that there are, and the
// folders in which there may be others, or other files of these.
func (r *reader) watch() (*watch, error) {
	ix, _, err := readIndex(r.query.Dir)
	if err != nil {
		return nil, err
	}
	folders := map[string]bool{r.query.Dir: true}
	var files []part
	for _, p := range ix.Services {
		if p.File != "" {
			folders[filepath.Dir(p.File)] = true
		}
	}
	for _, c := range r.order {
		folders[filepath.Dir(c.file)] = true
		files = append(files, c.parts...)
	}
	return startWatch(slices.Collect(maps.Keys(folders)), files)
}
