package manifest

import "time"

// Manifest is one checked seance.yaml: plain values, every default filled in,
// every relative path resolved against the manifest's folder: absolute after
// Read. It is immutable once read.
type Manifest struct {
	// Path is the absolute path of the file it was read from, what Parse was
	// given as path, or "" when it was made in memory.
	Path string
	// Source is the file as it was read. It is kept with every saved image.
	Source []byte
	// Name is the image's name. Default: the name of the folder that holds
	// the file.
	Name string
	// Categories are the user's own, in the order of the file. The five that
	// every image has (system, network, gui, tools, user) are not among them.
	// One may follow another that stands later: CategoryOrder gives the order
	// in which they are created.
	Categories []Category
	// Services and Hooks stand in the order of the file. That order is the
	// order of registration: services first, then hooks.
	Services []Service
	Hooks    []Hook
	// Capture lists the folders whose files are saved with the memory, none
	// inside another.
	Capture []string
}

// Category is a category of the user's own.
type Category struct {
	Name string
	// After is the category this one follows in the start-up list; "" puts it
	// at the end.
	After string
}

// Service is a long-running program.
type Service struct {
	Name string
	// Command is the argument vector, never empty. A string in the file
	// becomes /bin/sh -c STRING.
	Command []string
	// Workdir is the folder it runs in. A relative path to a program in Command
	// is meant from here. Default: the folder of the manifest.
	Workdir string
	// Env is what the service's environment has beyond the image's own.
	Env map[string]string
	// Category names one of the manifest's or the five default categories.
	// Default: "user".
	Category string
	// Priority orders handlers within a category, lower first. Default: 100.
	Priority int
	// Terminal gives the service a pseudo-terminal of its own as controlling
	// terminal.
	Terminal bool
	// Ready says when the service counts as started; nil: as soon as its
	// program runs.
	Ready *Ready
	// Restart says what happens when the program ends by itself.
	Restart Restart
	// Shutdown says how the service is stopped.
	Shutdown Shutdown
}

// Hook is a pair of commands that run at start-up and shut-down. One of them
// may be missing.
type Hook struct {
	Name     string
	Startup  []string
	Shutdown []string
	Workdir  string
	Env      map[string]string
	Category string
	Priority int
	// Timeout ends a command that runs longer. Default: DefaultHookTimeout.
	Timeout time.Duration
}

// Ready is how a service is seen to be ready. Exactly one of TCP, HTTP,
// Command, Log and Exit is set.
type Ready struct {
	// TCP is host:port; ready when it accepts a connection.
	TCP string
	// HTTP is a URL; ready when it answers with a status from 200 to 399.
	HTTP string
	// Command is an argument vector; ready when it exits 0.
	Command []string
	// Log is a regular expression (RE2); ready when a line of output matches.
	Log string
	// Exit makes the service a one-shot: ready when its program exits 0.
	Exit bool
	// Timeout is how long readiness may take. Default: DefaultReadyTimeout.
	Timeout time.Duration
}

// RestartPolicy says when a program that ended by itself is started again.
type RestartPolicy string

const (
	RestartNo        RestartPolicy = "no"
	RestartOnFailure RestartPolicy = "on-failure"
	RestartAlways    RestartPolicy = "always"
)

// Restart is a service's restart policy. The delay starts at Delay, doubles
// with each restart up to MaxDelay, and starts afresh after the program ran
// for ResetAfter.
type Restart struct {
	Policy     RestartPolicy // Default: RestartOnFailure
	Delay      time.Duration // Default: DefaultRestartDelay
	MaxDelay   time.Duration // Default: DefaultRestartMaxDelay
	ResetAfter time.Duration // Default: DefaultRestartResetAfter
}

// Shutdown is how a service is stopped: Signal, then SIGKILL after Grace.
type Shutdown struct {
	// Signal is a name without SIG, as in signal(7). Default: TERM.
	Signal string
	// Grace is how long the service may take. Default: DefaultGrace.
	Grace time.Duration
}

// Defaults of the manifest's values.
const (
	DefaultCategory          = "user"
	DefaultPriority          = 100
	DefaultReadyTimeout      = 30 * time.Second
	DefaultHookTimeout       = 30 * time.Second
	DefaultGrace             = 10 * time.Second
	DefaultRestartDelay      = 500 * time.Millisecond
	DefaultRestartMaxDelay   = 30 * time.Second
	DefaultRestartResetAfter = 10 * time.Second
)

// MaxPriority is the greatest priority; -MaxPriority is the least.
const MaxPriority = 1_000_000
