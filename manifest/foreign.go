package manifest

import (
	"fmt"
	"slices"
)

// foreignKey explains a key that other supervisors have, or that belongs into
// another mapping, and tells which known key comes nearest to it; both are "" if
// there is nothing to say. known are the keys of the mapping where it was found.
func foreignKey(key string, known []string) (meant, hint string) {
	for _, f := range foreignKeys {
		if slices.Contains(f.theirs, key) && slices.Contains(known, f.where) {
			return f.where, f.hint
		}
	}
	for _, n := range nestedKeys {
		if slices.Contains(n.keys, key) && slices.Contains(known, n.where) {
			return n.parent, fmt.Sprintf("it stands below %q", n.parent)
		}
	}
	return "", ""
}

// foreignKeys are read only. An entry holds where the key named where is known.
var foreignKeys = []struct {
	theirs []string
	where  string
	hint   string
}{
	{[]string{"processes", "programs", "process", "program"}, "services", `in seance.yaml it is "services"`},
	{[]string{"version"}, "services", "a manifest has no version: remove it"},
	{[]string{"cmd", "exec", "run", "entrypoint", "args"}, "command", `in seance.yaml it is "command"`},
	{[]string{"command", "start", "stop"}, "startup", `a hook has "startup" and "shutdown"`},
	{[]string{"environment"}, "env", `in seance.yaml it is "env"`},
	{[]string{"cwd", "dir", "directory", "working_dir", "working_directory"}, "workdir", `in seance.yaml it is "workdir"`},
	{[]string{"tty", "is_tty", "pty"}, "terminal", `in seance.yaml it is "terminal"`},
	{[]string{"healthcheck", "readiness_probe", "readiness"}, "ready", `in seance.yaml it is "ready"`},
	{[]string{"availability", "autorestart", "startretries"}, "restart", `in seance.yaml it is "restart"`},
	{[]string{"stop_signal", "stopsignal", "stop_grace_period", "stopwaitsecs"}, "shutdown", `in seance.yaml it is "shutdown"`},
	{[]string{"depends_on", "after", "requires", "wants"}, "needs", `in seance.yaml it is "needs"`},
	{[]string{"depends_on", "after", "before", "requires"}, "priority", `what starts first has another "category" or a lower "priority"`},
	{[]string{"liveness_probe", "liveness"}, "probe", `in seance.yaml it is "probe"`},
	{[]string{"scale", "numprocs", "instances"}, "replicas", `in seance.yaml it is "replicas"`},
	{[]string{"ulimits", "rlimits", "ulimit"}, "limits", `in seance.yaml it is "limits"`},
	{[]string{"uid"}, "user", `in seance.yaml it is "user"`},
	{[]string{"gid"}, "group", `in seance.yaml it is "group"`},
	{[]string{"log_location", "log_configuration", "logging", "stdout_logfile", "logfile"}, "log", `in seance.yaml it is "log"`},
}

// nestedKeys are read only. An entry holds where the key named where is known
// too: a hook has no such "shutdown".
var nestedKeys = []struct {
	parent, where string
	keys          []string
}{
	{"services", "hooks", []string{"command", "workdir", "user", "group", "category", "priority", "needs", "replicas", "terminal", "limits", "ready", "probe", "restart", "shutdown", "log"}},
	{"ready", "restart", []string{"tcp", "http", "notify", "exit", "timeout"}},
	{"restart", "ready", []string{"policy", "delay", "max_delay", "reset_after", "limit", "within"}},
	{"shutdown", "restart", []string{"signal", "grace"}},
	{"probe", "ready", []string{"interval", "failures"}},
	{"log", "ready", []string{"file", "size", "count", "format"}},
	{"limits", "ready", limitNames()},
}
