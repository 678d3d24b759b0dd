package live

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/netlock"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/linux/reap"
)

// Record is what a monitor has to know of its image, on disk for the next
// one. It exists while the image is live.
type Record struct {
	Name     string    `json:"name"`
	Init     pidfd.ID  `json:"init"`
	Freezer  string    `json:"freezer"`
	WhyCold  string    `json:"why_cold,omitempty"`
	From     string    `json:"from,omitempty"`     // digest of the saved image
	FromRef  string    `json:"from_ref,omitempty"` // what was asked for
	Manifest string    `json:"manifest"`           // path
	Source   []byte    `json:"source"`             // the manifest as it was read
	Program  string    `json:"program"`            // key of the init binary in Programs
	Began    time.Time `json:"began"`
	// GroupsPath is the folder of its control groups, "" if it has none.
	GroupsPath string `json:"groups,omitempty"`
	// Reviving is set until a revived init has been told that it is one.
	Reviving bool `json:"reviving,omitempty"`
	// Foreground: init is `seance run`, which keeps the image itself.
	Foreground bool `json:"foreground,omitempty"`
	// Marks are those of its programs, as far as they are known outside.
	Marks reap.Marks `json:"marks,omitempty"`
	// Sockets is a folder elsewhere that may have been made for its services, "" if
	// there is none.
	Sockets string `json:"sockets,omitempty"`
	// Saving is set while a save is under way.
	Saving *Saving `json:"saving,omitempty"`
}

// Saving tells a later monitor what became of a save whose monitor was lost:
// it is in the store, or it never happened.
type Saving struct {
	Snapshot string `json:"snapshot"`
	Ref      string `json:"ref"`
	// Locked are the connections that CRIU locks for it.
	Locked []netlock.Connection `json:"locked,omitempty"`
	// CRIU is the process that freezes the image, and Dir where it writes to; none
	// before there is one.
	CRIU pidfd.ID `json:"criu,omitzero"`
	Dir  string   `json:"dir,omitempty"`
}

// ReadRecord reads the record of a live image.
func ReadRecord(l api.Live) (Record, error) {
	var r Record
	raw, err := os.ReadFile(l.Record())
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("cannot read record %q: %w", l.Record(), err)
	}
	return r, nil
}

// Write replaces the record. It is not synced: the image it speaks of does
// not survive a crash of the machine either.
func (r Record) Write(l api.Live) error {
	if err := WriteFile(l.Record(), r); err != nil {
		return fmt.Errorf("cannot record image %q: %w", r.Name, err)
	}
	return nil
}

// WriteFile puts a value as JSON in a file, whole or not at all.
func WriteFile(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		os.Remove(tmp)
		return err
	}
	return os.Rename(tmp, path)
}
