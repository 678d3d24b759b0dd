package criu

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// An Error is a freeze or a revival that CRIU refused, in words for people.
type Error struct {
	Cause string // what is in the way, and the way out where one is known
	Log   string // the end of CRIU's own words
	Known bool   // the cause is in words for people, and the log adds nothing to it
	// passing says that the cause may have passed the next moment.
	passing bool
}

// Passing says that the cause of a failure may have passed the next moment.
func Passing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.passing
}

func (e *Error) Error() string { return e.Cause }

// A saying is something CRIU writes, and what it means to a person. $1 and so
// on stand for the pattern's groups.
type saying struct {
	pattern *regexp.Regexp
	meaning string
}

// sayings are in order of preference: one failure often leaves several lines,
// and the first line of this list that occurs is the one that tells most. They
// are made when they are needed: every seance process starts with this package.
var sayings = sync.OnceValue(func() []saying {
	return []saying{
		say(`Unsupported proto 262`, `a program listens with multipath TCP, which cannot be frozen; start it with GODEBUG=multipathtcp=0`),
		say(`anon_inode:\[io_uring\]`, `a program uses io_uring, which cannot be frozen`),
		say(`Can't dump nested (pid|user) namespace`, `a program runs a container or sandbox inside the image: stop it first`),
		say(`Can't dump half of stream unix connection|in-flight socket`, `a program is connected by a unix socket to a process outside the image: close the connection, or move that process inside`),
		say(`skqueue: Control messages in queue`, `a program is passing descriptors between its processes at this moment: try again`),
		say(`Can't get rlimit`, `another user's processes can only be frozen with the capability CAP_SYS_RESOURCE, which is missing here`),
		say(`Unseizable non-zombie (\d+)`, `process $1 (as the host sees it) is under a debugger or strace: detach it first`),
		say(`Can't dump file (\d+) of that type \[[^\]]*\] \(([^)]*)\)`, `a program holds open $2, which cannot be frozen`),
		say(`Can't dump file \d+ of that type`, `a program holds something open that cannot be frozen`),
		say(`Can't restore sub-task in NS`, `a program had a network namespace of its own when the image was saved, which cannot be revived`),
		say(`File /?(\S+) has bad (size|mode)`, `file /$1 has changed since the image was saved, and CRIU takes it only as it was: put it back`),
		say(`Can't open file /?(\S+)`, `file /$1 has gone since the image was saved: put it back`),
		say(`mnt-v2: Can't stat mountpoint /tmp/\.criu\.mntns\.\w+/mnt-\d+(/\S+): No such file`, `$1, where something was mounted, has gone: mount it again`),
		say(`mnt: Can't open \.(/\S+): No such file`, `$1, where something was mounted, has gone in this moment: try again`),
		say(`Can't bind inet socket(?:[^:]*): Address already in use`, `a port of the image is taken by another program: stop that program, or the other copy of the image`),
		say(`Address already in use`, `a port of the image is taken by another program: stop that program, or the other copy of the image`),
		say(`Can't fork for (\d+): File exists`, `process number $1 is taken`),
		say(`No space left on device`, `the disk is full`),
		say(`Ghost file .* is too big|Can't dump ghost file`, `a program holds a deleted file open that is larger than 1 GiB`),
	}
})

func say(pattern, meaning string) saying {
	return saying{regexp.MustCompile(pattern), meaning}
}

// explainLog makes an Error of a failure, from what CRIU left in its log.
func explainLog(log string, err error) error {
	lines := errorLines(log)
	e := &Error{Cause: meaning(lines, err), Log: strings.Join(lines, "\n"), Known: true}
	if e.Cause == "" {
		e.Cause, e.Known = fallback(lines, err), false
	}
	e.passing = slices.ContainsFunc(lines, passing().MatchString)
	return e
}

// passing are lines of what is there for a moment only: messages that are on
// their way, and programs that end or are just starting others.
var passing = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`skqueue: Control messages in queue|si_code=\d+ si_pid=-?\d+ si_status=|Unseizable non-zombie|seems to be dead|No such process`)
})

func meaning(lines []string, err error) string {
	switch {
	case strings.Contains(err.Error(), "signal: killed"):
		return "CRIU was killed before it was done; try again"
	case errors.Is(err, fs.ErrNotExist):
		return "CRIU is no longer there: " + err.Error()
	}
	for _, s := range sayings() {
		for _, line := range lines {
			if m := s.pattern.FindStringSubmatchIndex(line); m != nil {
				return string(s.pattern.ExpandString(nil, s.meaning, line, m))
			}
		}
	}
	return ""
}

func fallback(lines []string, err error) string {
	for _, line := range lines {
		if !harmless.MatchString(line) {
			return "CRIU says: " + strip(line)
		}
	}
	return "CRIU ended without a word: " + err.Error()
}

// harmless lines occur in the logs of runs that succeed.
var harmless = regexp.MustCompile(`rlimit: Can't setup RLIMIT_NOFILE|Could not process rule|iptables-save failed|Dumping FAILED|Restoring FAILED`)

var prefix = regexp.MustCompile(`^\([0-9.]+\) +(\d+: )?Error +(\([^)]*\): )?`)

func strip(line string) string { return prefix.ReplaceAllString(line, "") }

const keepLines = 40

// errorLines are the last lines of a log that CRIU marks as errors.
func errorLines(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var lines []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if !strings.Contains(s.Text(), "Error (") {
			continue
		}
		lines = append(lines, s.Text())
		if len(lines) > keepLines {
			lines = lines[1:]
		}
	}
	return lines
}
