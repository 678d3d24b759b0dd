package logfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// Line is one entry of a log.
type Line struct {
	Service string
	// Time is when it was written; zero when the log has no times.
	Time time.Time
	// Stream is stdout, stderr, pty or seance; "" when the entry could not be
	// parsed, or is plain, and then Text is all of it.
	Stream string
	// Instance is the start of the service that wrote it, from 1; 0: unknown.
	Instance int
	// Partial says that the line goes on in the next entry of the stream.
	Partial bool
	// Text has no newline at its end.
	Text string
	// Mark is where it ends, in what Read gives: see Query.After.
	Mark Mark
}

// ErrFormat is the error of an entry that is not in a log's format.
var ErrFormat = errors.New("not an entry of a log")

// Parse parses one entry, without its newline, in either of the formats CRI
// and JSON: they cannot be mistaken for each other. Service is left empty.
func Parse(entry []byte) (Line, error) {
	if len(entry) > 0 && entry[0] == '{' {
		return parseJSON(entry)
	}
	return parseCRI(entry)
}

func parseCRI(entry []byte) (Line, error) {
	stamp, rest, ok := bytes.Cut(entry, []byte{' '})
	if !ok {
		return Line{}, ErrFormat
	}
	at, ok := parseTime(stamp)
	if !ok {
		return Line{}, ErrFormat
	}
	stream, rest, ok := bytes.Cut(rest, []byte{' '})
	if !ok || len(stream) == 0 {
		return Line{}, ErrFormat
	}
	tags, text, _ := bytes.Cut(rest, []byte{' '})
	tag, more, _ := bytes.Cut(tags, []byte{':'})
	if len(tag) != 1 || tag[0] != 'F' && tag[0] != 'P' {
		return Line{}, ErrFormat
	}
	return Line{
		Time:     at,
		Stream:   streamName(stream),
		Instance: instanceTag(more),
		Partial:  tag[0] == 'P',
		Text:     string(text),
	}, nil
}

// instanceTag finds the instance among the tags after the first, which are
// separated by colons. Other tags are for later.
func instanceTag(tags []byte) int {
	for len(tags) > 0 {
		var tag []byte
		tag, tags, _ = bytes.Cut(tags, []byte{':'})
		if n, ok := number(tag, maxInstance); ok && n > 0 {
			return n
		}
	}
	return 0
}

const maxInstance = 1<<31 - 1

// jsonEntry is an entry in the format JSON.
type jsonEntry struct {
	Time     *time.Time `json:"time"`
	Stream   string     `json:"stream"`
	Instance int        `json:"instance"`
	Partial  bool       `json:"partial"`
	Text     *string    `json:"text"`
	Bytes    []byte     `json:"bytes"`
}

func parseJSON(entry []byte) (Line, error) {
	var e jsonEntry
	if json.Unmarshal(entry, &e) != nil || e.Time == nil || e.Stream == "" || e.Text == nil {
		return Line{}, ErrFormat
	}
	if e.Instance < 0 || e.Instance > maxInstance {
		return Line{}, ErrFormat
	}
	l := Line{Time: e.Time.UTC(), Stream: e.Stream, Instance: e.Instance, Partial: e.Partial, Text: *e.Text}
	if e.Bytes != nil {
		l.Text = string(e.Bytes)
	}
	return l, nil
}

// streamName saves a copy for each line.
func streamName(b []byte) string {
	for _, name := range []string{StreamStdout, StreamStderr, StreamPTY, StreamSeance} {
		if string(b) == name {
			return name
		}
	}
	return string(b)
}

// parseTime parses what timeLayout formats, at a tenth of the cost of
// time.Parse, and leaves every other form of RFC 3339 to that.
func parseTime(b []byte) (time.Time, bool) {
	if len(b) != len(timeLayout) || b[len(b)-1] != 'Z' {
		at, err := time.Parse(time.RFC3339Nano, string(b))
		return at.UTC(), err == nil
	}
	for i, c := range timeLayout {
		if (c < '0' || c > '9') && b[i] != byte(c) {
			return time.Time{}, false
		}
	}
	year, ok1 := number(b[0:4], 9999)
	month, ok2 := number(b[5:7], 12)
	day, ok3 := number(b[8:10], 31)
	hour, ok4 := number(b[11:13], 23)
	minute, ok5 := number(b[14:16], 59)
	second, ok6 := number(b[17:19], 59)
	nano, ok7 := number(b[20:29], 999999999)
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) || month == 0 || day == 0 {
		return time.Time{}, false
	}
	at := time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC)
	return at, at.Day() == day // the 31st of April is none
}

func number(b []byte, most int) (int, bool) {
	n, err := strconv.ParseUint(string(b), 10, 32)
	return int(n), err == nil && n <= uint64(most)
}
