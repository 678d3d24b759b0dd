package api

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// EnvHome names the folder that holds everything seance keeps.
const EnvHome = "SEANCE_HOME"

// Home is the folder that holds everything seance keeps: the image store, and
// a folder for each image that is or was live.
type Home struct{ Dir string }

// DefaultHome is $SEANCE_HOME; without it /var/lib/seance for root, and
// $XDG_STATE_HOME/seance (~/.local/state/seance) for everybody else.
func DefaultHome() (Home, error) {
	if dir := os.Getenv(EnvHome); dir != "" {
		return absHome(dir)
	}
	if os.Geteuid() == 0 {
		return Home{"/var/lib/seance"}, nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return Home{filepath.Join(dir, "seance")}, nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return Home{}, fmt.Errorf("cannot find a folder to keep images in: %w; set %s", err, EnvHome)
	}
	return Home{filepath.Join(user, ".local", "state", "seance")}, nil
}

func absHome(dir string) (Home, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, fmt.Errorf("cannot use folder %q: %w", dir, err)
	}
	return Home{abs}, nil
}

// Store is the folder of the image store.
func (h Home) Store() string { return filepath.Join(h.Dir, "store") }

// Programs is the folder of the init binaries that live images run, one
// folder a digest.
func (h Home) Programs() string { return filepath.Join(h.Dir, "bin") }

// Live is the folder of the image that lives under a name.
func (h Home) Live(name string) Live {
	return Live{Name: name, Dir: filepath.Join(h.Dir, "live", name)}
}

// LiveImages lists the images that have a record of being live, by name. The
// image of a record may have died since; its monitor, or a new one, knows.
func (h Home) LiveImages() ([]Live, error) {
	entries, err := os.ReadDir(filepath.Join(h.Dir, "live"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list live images: %w", err)
	}
	var all []Live
	for _, e := range entries {
		if l := h.Live(e.Name()); l.Recorded() {
			all = append(all, l)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all, nil
}

// TakeLastWords returns what monitors have left to say of images that ended
// without being asked to, and removes it: it is told once.
func (h Home) TakeLastWords() []string {
	paths, _ := filepath.Glob(h.Live("*").LastWord())
	var words []string
	for _, path := range paths {
		word, err := os.ReadFile(path)
		if err == nil && os.Remove(path) == nil {
			words = append(words, string(word))
		}
	}
	return words
}

// Live is the folder of one live image. Inside the image it is mounted as
// [InsideDir].
type Live struct {
	Name string
	Dir  string
}

// InsideDir is where programs inside an image find the image's own folder.
const InsideDir = "/run/seance"

// Socket is where the monitor serves the API.
func (l Live) Socket() string { return filepath.Join(l.Dir, "api.sock") }

// Link is where init waits for its monitor.
func (l Live) Link() string { return filepath.Join(l.Dir, "link.sock") }

// Inside is where init serves the API to programs inside the image.
func (l Live) Inside() string { return filepath.Join(l.Dir, "inside.sock") }

// Logs is the folder of the services' log files. It outlives the image.
func (l Live) Logs() string { return filepath.Join(l.Dir, "log") }

// MonitorLog is where the monitor writes what it has to say.
func (l Live) MonitorLog() string { return filepath.Join(l.Dir, "monitor.log") }

// InitLog is where init writes why it crashed.
func (l Live) InitLog() string { return filepath.Join(l.Dir, "init.log") }

// Program is the binary that runs as init, and as `seance` inside.
func (l Live) Program() string { return filepath.Join(l.Dir, "bin", "seance") }

// Record is the file whose presence says that an image lives here.
func (l Live) Record() string { return filepath.Join(l.Dir, "live.json") }

// LastWord is the file in which a monitor says how an image ended that nobody
// asked to. See [Home.TakeLastWords].
func (l Live) LastWord() string { return filepath.Join(l.Dir, "ended") }

// Lock is the file that a monitor holds locked for as long as it runs.
func (l Live) Lock() string { return filepath.Join(l.Dir, "lock") }

// Recorded says whether an image was left running here.
func (l Live) Recorded() bool {
	_, err := os.Stat(l.Record())
	return err == nil
}
