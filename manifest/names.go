package manifest

import (
	"regexp"
	"slices"
	"strings"
)

// namePattern is what names of images, services, hooks and categories look
// like; their length is MaxNameLength at most.
const namePattern = `^[a-z0-9][a-z0-9_.-]*$`

var nameRE = regexp.MustCompile(namePattern)

const nameRule = "a name is made of a-z, 0-9, _ . and -, starts with a letter or a digit, and has at most 64 characters"

func validName(name string) bool {
	return len(name) <= MaxNameLength && nameRE.MatchString(name)
}

// fallbackName is the name of an image whose folder has none to give.
const fallbackName = "image"

// makeName makes a valid name of a folder's: lower case, what a name cannot
// hold becomes "-".
func makeName(folder string) string {
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && nameRE.MatchString("x"+string(r)) {
			return r
		}
		return '-'
	}, strings.ToLower(folder))
	name = strings.Trim(name, "-._")
	name = strings.TrimRight(name[:min(len(name), MaxNameLength)], "-._")
	if name == "" {
		return fallbackName
	}
	return name
}

// defaultCategories are those that every image has, in the order of the
// start-up list.
func defaultCategories() []string {
	return []string{"system", "network", "gui", "tools", "user"}
}

func isDefaultCategory(name string) bool {
	return slices.Contains(defaultCategories(), name)
}

// isReserved reports whether a handler of this name is seance's own.
func isReserved(name string) bool { return name == "link" || name == "logs" }

// isReservedEnv reports whether seance itself sets this variable.
func isReservedEnv(name string) bool {
	return name == "SEANCE_BOOTING" || name == "SEANCE_QUITTING" || name == varReplica
}

// signalNames are the signals of signal(7) that can end a program, without SIG.
// STOP, TSTP, TTIN, TTOU and CONT are not among them: they stop or continue it.
// Real-time signals have no names in the kernel.
func signalNames() []string {
	return []string{
		"TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2", "ABRT", "ALRM",
		"PIPE", "WINCH", "ILL", "TRAP", "BUS", "FPE", "SEGV", "STKFLT", "CHLD",
		"URG", "XCPU", "XFSZ", "VTALRM", "PROF", "IO", "PWR", "SYS",
	}
}

// closest is the candidate that name is most likely a misspelling of, "" if
// none is near.
func closest(name string, candidates []string) string {
	best, bestDistance := "", min(len(name)/3, 2)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), c, bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, change or swap with their
// neighbour to make a of b; limit or more is not told apart.
func distance(a, b string, limit int) int {
	if diff := len(a) - len(b); diff >= limit || -diff >= limit {
		return limit
	}
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
