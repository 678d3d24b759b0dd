package supervise

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seancehq/seance/manifest"
)

// Variables that the supervisor sets.
const (
	envService  = "SEANCE_SERVICE"  // name, for a service's processes
	envInstance = "SEANCE_INSTANCE" // counts the starts of a service, from 1
	envHook     = "SEANCE_HOOK"     // name, for a hook's processes
	envBooting  = "SEANCE_BOOTING"  // for a hook at start-up
	envQuitting = "SEANCE_QUITTING" // for a hook at shut-down
	envReplica  = "SEANCE_REPLICA"  // number, for a service that has replicas
	envNotify   = "NOTIFY_SOCKET"   // see sd_notify(3)
	envWatchdog = "WATCHDOG_USEC"   // see sd_watchdog_enabled(3)
)

// noMPTCP keeps Go programs from listening with Multipath TCP, which a program
// that is to be frozen must not use.
const noMPTCP = "multipathtcp=0"

// environment is base, with what comes of the user over it, with own over
// that, with marks over all.
func environment(base, user []string, own map[string]string, marks ...string) []string {
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
	for _, entry := range user {
		add(entry)
	}
	for _, entry := range slices.Backward(base) { // the last of a name counts
		if name, _, _ := strings.Cut(entry, "="); !isMark(name) {
			add(entry)
		}
	}
	return env
}

// isMark says that a variable describes one program of a supervisor's: it is
// not handed on from the supervisor's own environment, when that is itself run
// by another.
func isMark(name string) bool {
	switch name {
	case envService, envInstance, envHook, envBooting, envQuitting, envReplica, envNotify, envWatchdog, "WATCHDOG_PID":
		return true
	}
	return false
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

// serviceMarks are the variables that tell a service's processes which it is.
func serviceMarks(spec *manifest.Service, instance int) []string {
	marks := []string{envService + "=" + spec.Name, envInstance + "=" + strconv.Itoa(instance)}
	if spec.Replica > 0 {
		marks = append(marks, envReplica+"="+strconv.Itoa(spec.Replica))
	}
	return marks
}
