package manifest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// procfileName is what such a file is called in a folder.
const procfileName = "Procfile"

// isProcfile tells by its name that a file is no YAML.
func isProcfile(path string) bool {
	base := filepath.Base(path)
	return strings.HasPrefix(base, procfileName) || strings.HasSuffix(strings.ToLower(base), ".procfile")
}

// What the services of a Procfile find in PORT: a number for the first, so much
// more for each one after it. These are the numbers that programs which run such
// files have agreed upon.
const (
	procfilePort     = 5000
	procfilePortStep = 100
)

// A line of a Procfile, and the names that it may have.
var (
	procfileRE     = regexp.MustCompile(`^([^:]*):(.*)$`)
	procfileNameRE = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

// parseProcfile makes of a Procfile the tree that a manifest of the same
// services has. Mistakes go to fail.
func parseProcfile(s *source, port int, fail func(at pos, msg, hint string)) *node {
	services := &node{kind: kindMapping, at: pos{line: 1, column: 1, src: s}, size: 1}
	for i, line := range s.lines {
		text := strings.TrimRight(line, " \t")
		if text == "" || strings.HasPrefix(strings.TrimLeft(text, " \t"), "#") {
			continue
		}
		at := pos{line: i + 1, column: 1, src: s}
		m := procfileRE.FindStringSubmatch(text)
		if m == nil || !procfileNameRE.MatchString(m[1]) {
			fail(at, "this line is not that of a process", `write "name: command"; a name has letters, digits, _ and -`)
			continue
		}
		command := strings.TrimLeft(m[2], " \t")
		at.column = utf8.RuneCountInString(text) - utf8.RuneCountInString(command) + 1
		n := procfileService(at, command, port+len(services.pairs)*procfilePortStep)
		at.column = 1
		services.pairs = append(services.pairs, pair{key: strings.ToLower(m[1]), at: at, value: n})
		services.size += n.size + 1
	}
	root := &node{kind: kindMapping, at: services.at, size: services.size + 2}
	root.pairs = []pair{{key: "services", at: services.at, value: services}}
	return root
}

// procfileService is one line.
func procfileService(at pos, command string, port int) *node {
	text := func(text string) *node { return &node{kind: kindString, at: at, text: text, literal: true, size: 1} }
	n := &node{kind: kindMapping, at: at, size: 9}
	env := &node{kind: kindMapping, at: at, size: 3, pairs: []pair{{"PORT", at, text(strconv.Itoa(port))}}}
	n.pairs = []pair{{"command", at, text(command)}, {"restart", at, text(string(RestartNo))}, {"env", at, env}}
	return n
}

// procfileBase is the port of the first service.
func procfileBase(lookup func(string) (string, bool)) (int, error) {
	text, ok := lookup("PORT")
	if !ok || text == "" {
		return procfilePort, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return procfilePort, fmt.Errorf("the variable PORT is not a port: %q", text)
	}
	return int(port), nil
}
