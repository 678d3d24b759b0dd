package supervise

import (
	"slices"
	"strconv"
	"strings"
)

// Variables that the supervisor sets.
const (
	envService  = "SEANCE_SERVICE"  // name, for a service's processes
	envInstance = "SEANCE_INSTANCE" // counts the starts of a service, from 1
	envHook     = "SEANCE_HOOK"     // name, for a hook's processes
	envBooting  = "SEANCE_BOOTING"  // for a hook at start-up
	envQuitting = "SEANCE_QUITTING" // for a hook at shut-down
)

// noMPTCP keeps Go programs from listening with Multipath TCP, which a program
// that is to be frozen must not use.
const noMPTCP = "multipathtcp=0"

// environment is base, with own over it, with marks over that.
func environment(base []string, own map[string]string, marks ...string) []string {
	set := make(map[string]bool, len(own)+len(marks)+1)
	env := make([]string, 0, len(base)+len(own)+len(marks)+1)
	add := func(entry string) {
		name, _, _ := strings.Cut(entry, "=")
		if !set[name] {
			set[name] = true
			env = append(env, entry)
		}
	}
	for _, mark := range marks {
		add(mark)
	}
	add("GODEBUG=" + withoutMPTCP(value(base, own, "GODEBUG")))
	for _, name := range sortedKeys(own) {
		add(name + "=" + own[name])
	}
	for _, entry := range slices.Backward(base) { // the last of a name counts
		if name, _, _ := strings.Cut(entry, "="); !isMark(name) {
			add(entry)
		}
	}
	return env
}

// isMark says that a variable describes one program of the supervisor's: it is
// not handed on from the supervisor's own environment, when that is itself run
// by another.
func isMark(name string) bool {
	return name == envService || name == envInstance || name == envHook || name == envBooting || name == envQuitting
}

// value is what a variable has in own or else in base.
func value(base []string, own map[string]string, name string) string {
	if v, ok := own[name]; ok {
		return v
	}
	for _, entry := range slices.Backward(base) {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			return v
		}
	}
	return ""
}

// withoutMPTCP adds noMPTCP to a value of GODEBUG that does not settle it.
func withoutMPTCP(godebug string) string {
	for setting := range strings.SplitSeq(godebug, ",") {
		if strings.HasPrefix(setting, "multipathtcp=") {
			return godebug
		}
	}
	return strings.TrimPrefix(godebug+","+noMPTCP, ",")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func serviceMarks(name string, instance int) []string {
	return []string{envService + "=" + name, envInstance + "=" + strconv.Itoa(instance)}
}
