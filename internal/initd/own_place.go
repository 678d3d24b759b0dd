package initd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/pidfd"
	livefolder "github.com/seancehq/seance/internal/live"
)

// place is the folder of an image in the foreground, held by its lock. A nil
// place is none: all of its methods do nothing.
type place struct {
	folder api.Live
	lock   *os.File
}

// nowhere is the folder of the logs when there is no place: a path at which
// there can be none.
const nowhere = "/dev/null/seance"

// live is where the image's files are.
func (p *place) live() api.Live {
	if p == nil {
		return api.Live{Dir: nowhere}
	}
	return p.folder
}

// claim takes the folder of the image's name. Where none can be made, on a
// file system that is read-only say, it takes one that will not outlive the
// machine; and it does without when that fails too.
func (r *foreground) claim() (*place, error) {
	p, err := (*place)(nil), errNoHome
	if r.Home.Dir != "" {
		p, err = claimIn(r.Home, r.Name, r.Manifest.Path)
	}
	if err == nil || r.Chosen || !unwritable(err) {
		return p, err
	}
	for _, home := range passing() {
		p, err2 := claimIn(home, r.Name, r.Manifest.Path)
		if err2 == nil {
			r.Say(fmt.Sprintf("%v; other commands find it with --home %s", err, home.Dir))
			return p, nil
		}
		if !unwritable(err2) {
			return nil, err2
		}
	}
	r.Say(fmt.Sprintf("%v; no log is kept, and no other command finds the image", err))
	return nil, nil
}

// claimIn is claim in a home, for the image of the manifest at a path.
func claimIn(home api.Home, name, path string) (*place, error) {
	p := &place{folder: home.Live(name)}
	if err := livefolder.CheckPlace(p.folder); err != nil {
		return nil, err
	}
	lock, err := livefolder.Take(p.folder)
	if errors.Is(err, livefolder.ErrLocked) {
		return nil, errTaken(p.folder, path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot keep image %q in %s: %w", name, home.Dir, err)
	}
	p.lock = lock
	if !p.folder.Recorded() {
		return p, p.link()
	}
	if livefolder.Alive(p.folder) { // its monitor was lost
		lock.Close()
		return nil, errTaken(p.folder, path)
	}
	_ = livefolder.EndStrays(p.folder) // what waits in the kernel for a device is in nobody's way
	if err := livefolder.Sweep(p.folder); err != nil {
		lock.Close()
		return nil, fmt.Errorf("cannot clear away what is left of image %q: %w", name, err)
	}
	return p, p.link()
}

func errTaken(by api.Live, path string) error {
	from := ""
	if r, err := livefolder.ReadRecord(by); err == nil && r.Manifest != "" && r.Manifest != path {
		from = ", from " + r.Manifest
	}
	return &api.Error{Code: api.CodeExists, Message: fmt.Sprintf(
		"cannot run image %q: an image of this name is live already%s; choose another with --name, or: seance quit -i %[1]s", by.Name, from)}
}

// unwritable says whether err is that a folder cannot be written to at all. A link on
// its path that leads nowhere is EEXIST, for it is no folder and none can be made there.
func unwritable(err error) bool {
	for _, no := range []error{fs.ErrPermission, unix.EROFS, unix.ENOTDIR, unix.ENOENT, unix.EEXIST, unix.ELOOP, unix.ENOSPC, unix.EDQUOT, errForeign, errNoHome} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

var errNoHome = errors.New("there is no home folder to keep the image in")

var errForeign = errors.New("it is not a folder of our own")

// passing are the homes to take when the usual one cannot be written. Those that
// others could have made in our stead are left out.
func passing() []api.Home {
	var homes []api.Home
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		homes = append(homes, api.Home{Dir: filepath.Join(dir, "seance")})
	}
	dir := filepath.Join(os.TempDir(), "seance-"+strconv.Itoa(os.Geteuid()))
	if ownFolder(dir) == nil {
		homes = append(homes, api.Home{Dir: dir})
	}
	return homes
}

// ownFolder makes a folder where everybody may make one, or sees that the one
// that is there is ours alone.
func ownFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(owner.Uid) != os.Geteuid() || info.Mode().Perm() != 0o700 {
		return errForeign
	}
	return nil
}

// link places what programs of the image find there: the API's socket under the
// name that it has inside, and seance itself.
func (p *place) link() error {
	if err := os.Symlink(filepath.Base(p.folder.Socket()), p.folder.Inside()); err != nil && !errors.Is(err, fs.ErrExist) {
		p.clear()
		return fmt.Errorf("cannot keep image %q: %w", p.folder.Name, err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil // they do without
	}
	_ = os.Mkdir(filepath.Dir(p.folder.Program()), 0o700)
	_ = os.Symlink(self, p.folder.Program())
	return nil
}

// record puts the image on record, for others to find it. It is not synced:
// nothing of it survives a crash of the machine.
func (p *place) record(r *foreground) error {
	if p == nil {
		return nil
	}
	self, err := pidfd.Identify(os.Getpid())
	if err != nil {
		return fmt.Errorf("cannot record image %q: %w", r.Name, err)
	}
	return livefolder.Record{
		Name: r.Name, Init: self, Freezer: api.FreezerRespawn, WhyCold: "it runs in the foreground, with seance run",
		Manifest: r.Manifest.Path, Source: r.Manifest.Source, Began: time.Now(), Foreground: true, Marks: r.marks, Sockets: r.sockets(),
	}.Write(p.folder)
}

// sockets is the folder for what services speak up on where not all of them get to
// the image's own. It has a name by which it is found when this process was killed.
func (r *foreground) sockets() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("seance-%x", uint64(r.marks)))
}

// clear removes all but the logs, and gives the name free.
func (p *place) clear() {
	if p == nil {
		return
	}
	_ = livefolder.Sweep(p.folder) // the next one of the name tries again
	p.lock.Close()
}
