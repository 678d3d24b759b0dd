package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	"github.com/seancehq/seance/process"
)

// Freezer names what made a snapshot.
type Freezer string

const (
	// FreezerCRIU is the hot freezer: memory and all.
	FreezerCRIU Freezer = "criu"
	// FreezerRespawn is the cold one: programs are started again.
	FreezerRespawn Freezer = "respawn"
)

// Config is what an image says of itself, readable without booting it. Its
// JSON is the config blob; docs/image-format.md has the fields.
type Config struct {
	// Version is the format's, FormatVersion. Commit fills it in.
	Version int `json:"version"`
	// Name is the image's name, without a tag. Commit fills it in.
	Name string `json:"name"`
	// Created is the time of the freeze. Commit fills it in when zero.
	Created time.Time `json:"created"`
	// Architecture and OS are GOARCH and GOOS. Commit fills them in.
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	// SnapshotID is given by who saves; two saves never share one.
	SnapshotID string `json:"snapshotId"`
	// Parent is the image this one was booted from, if any. It keeps nothing
	// alive: the parent may have been removed.
	Parent digest.Digest `json:"parent,omitempty"`
	// Freezer says how to boot it.
	Freezer  Freezer        `json:"freezer"`
	Manifest ManifestSource `json:"manifest"`
	// Capture lists the folders that were saved with the memory, sorted. Commit
	// fills it in from the layers.
	Capture []string `json:"capture,omitempty"`
	// Hierarchy is the process table at the freeze, for process.Restore.
	Hierarchy *process.State `json:"hierarchy,omitempty"`
	// StartupList is in order; the shut-down list is its reverse.
	StartupList []StartupEntry `json:"startupList"`
	Versions    Versions       `json:"versions"`
	// CPUFeatures are the CPU features a machine must have to boot the image.
	// Not every flag of /proc/cpuinfo is one: some come and go with the kernel.
	CPUFeatures []string `json:"cpuFeatures,omitempty"`
	// Files are those the image's processes had open or mapped.
	Files []File `json:"files,omitempty"`
	// Listeners are the TCP addresses its programs listened on, ADDRESS:PORT
	// each, an IPv6 address in brackets.
	Listeners []string `json:"listeners,omitempty"`
	// NetworkLock is the nftables table of family inet that keeps the TCP
	// connections of an image that quit alive until it boots: it drops their
	// packets on the machine that the image was saved on.
	NetworkLock string `json:"networkLock,omitempty"`
	// Init is the digest of the init binary, uncompressed: who has that
	// binary already need not extract it. Commit fills it in from the layer.
	Init    digest.Digest `json:"init,omitempty"`
	Session SessionInfo   `json:"session"`
	// Mounts are the mounts of the image's root that a boot must make again:
	// from the mount point inside to what is mounted there.
	Mounts map[string]string `json:"mounts,omitempty"`
	// Annotations are the user's own.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ManifestSource is the manifest the image was booted from, as it was read.
type ManifestSource struct {
	Path   Text `json:"path,omitempty"`
	Source Text `json:"source,omitempty"`
}

// StartupEntry is one handler of the start-up list.
type StartupEntry struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	Priority int    `json:"priority"`
}

// Versions are those of the programs that made the image.
type Versions struct {
	Seance string `json:"seance,omitempty"`
	CRIU   string `json:"criu,omitempty"`
	Kernel string `json:"kernel,omitempty"`
}

// SessionInfo is the session that was live at the freeze.
type SessionInfo struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
}

// Validate says what is wrong with a config, all of it at once.
// An unknown version is a *VersionError.
func (c *Config) Validate() error {
	if c.Version != FormatVersion {
		return &VersionError{c.Version}
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if why := badName(c.Name); why != "" {
		bad("name %q: %s", c.Name, why)
	}
	if c.Created.IsZero() {
		bad("created is missing")
	}
	if c.Architecture == "" || c.OS == "" {
		bad("architecture or os is missing")
	}
	if c.Freezer != FreezerCRIU && c.Freezer != FreezerRespawn {
		bad("freezer %q is not known (%q, %q)", c.Freezer, FreezerCRIU, FreezerRespawn)
	}
	for name, d := range map[string]digest.Digest{"parent": c.Parent, "init": c.Init} {
		if d != "" && !goodDigest(d) {
			bad("%s %q is not a sha256 digest", name, d)
		}
	}
	for _, dir := range c.Capture {
		if !filepath.IsAbs(dir) || !utf8.ValidString(dir) {
			bad("captured folder %q is not an absolute UTF-8 path", dir)
		}
	}
	for _, e := range c.StartupList {
		if e.ID == "" || e.Category == "" {
			bad("start-up list has an entry without id or category")
		}
	}
	for _, l := range c.Listeners {
		if _, err := netip.ParseAddrPort(l); err != nil {
			bad("listener %q is not an address and a port", l)
		}
	}
	for _, f := range c.Files {
		if !filepath.IsAbs(string(f.Path)) || f.Size < 0 {
			bad("file %q: path is not absolute or size is negative", f.Path)
		}
	}
	return errors.Join(errs...)
}

// decodeConfig reads a config blob. Fields it does not know are passed over:
// they may be added within a version.
func decodeConfig(data []byte) (Config, error) {
	// The version is read first, alone: in another version, any other field
	// may have another type.
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return Config{}, err
	}
	if v.Version != FormatVersion {
		return Config{}, &VersionError{v.Version}
	}
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}
