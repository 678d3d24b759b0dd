package cli

import (
	"errors"
	"time"
)

// momentFlag is the flag of a point in time: some time ago, or by date.
type momentFlag struct{ t *time.Time }

func (m momentFlag) Type() string { return "moment" }

// String is "" for no moment, so that help shows none.
func (m momentFlag) String() string {
	if m.t == nil || m.t.IsZero() {
		return ""
	}
	return m.t.Format(time.RFC3339)
}

func (m momentFlag) Set(s string) error {
	t, err := parseMoment(s, time.Now())
	if err == nil {
		*m.t = t
	}
	return err
}

// parseMoment reads a moment as people write it. What has no zone is local, and
// a time of day is that of today.
func parseMoment(s string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), now.Location()), nil
		}
	}
	return time.Time{}, errors.New("not a moment")
}
