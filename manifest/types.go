package manifest

import "time"

// Manifest is one checked seance.yaml: plain values, every default filled in,
// every relative path resolved against the manifest's folder: absolute after
// Read. It is immutable once read.
type Manifest struct {
	// Path is the absolute path of the file it was read from, what Parse was
	// given as path, or "" when it was made in memory.
	Path string
	// Source is text from which Parse makes this manifest again, anywhere: the
	// file as it was read when it stands by itself, else what it comes to with
	// all files that it needs and all variables. It is kept with every saved
	// image.
	Source []byte
	// Files are the files it was read from, Path first, absolute: those named,
	// those they include, and the environment files.
	Files []string
	// Name is the image's name. Default: the name of the folder that holds
	// the file.
	Name string
	// Categories are the user's own, in the order of the file. The five that
	// every image has (system, network, gui, tools, user) are not among them.
	// One may follow another that stands later: CategoryOrder gives the order
	// in which they are created.
	Categories []Category
	// Services and Hooks stand in the order of the file, replicas in the place of
	// the service that has them. StartOrder is the order in which services are
	// registered; hooks are after them, in theirs.
	Services []Service
	Hooks    []Hook
	// Capture lists the folders whose files are saved with the memory, none
	// inside another.
	Capture []string
	// OnFailure says what to do when a service or hook fails at start-up.
	// Default: GoOn.
	OnFailure OnFailure
}

// OnFailure says what becomes of a start-up in which something failed.
type OnFailure string

const (
	GoOn     OnFailure = "go-on"     // the others are started all the same
	RollBack OnFailure = "roll-back" // what was started is stopped again, and the image ends
)

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
	// Of is the service's name in the file when that has replicas: this is one
	// of them, called NAME-1, NAME-2 and so on. Else "".
	Of string
	// Replica counts the replicas of one service from 1; 0 when it has none.
	Replica int
	// Needs are services of the same category and priority, or of an earlier
	// rank, that are ready before this one is started, and stopped after it. A
	// name of a service with replicas has been replaced by theirs.
	Needs []string
	// User and Group are what it runs as: names or numbers; "" is seance's own.
	// A user without a group has its own groups, as after a login.
	User, Group string
	// Umask is its file mode creation mask, see umask(2); nil: seance's own.
	Umask *uint32
	// Nice is its nice value, -20 to 19; nil: seance's own.
	Nice *int
	// Limits are its resource limits by the names of prlimit(1) in lower case,
	// such as nofile; see getrlimit(2).
	Limits map[string]Limit
	// Stdin is what it reads from: StdinNull, StdinOpen or the absolute path of
	// a file. One with a terminal reads from that, and this is StdinNull.
	Stdin string
	// Detached lets what has left the service's Unix session live when the
	// service is stopped.
	Detached bool
	// Disabled keeps it from being started at start-up. It can be started later.
	Disabled bool
	// Ready says when the service counts as started; nil: as soon as its
	// program runs.
	Ready *Ready
	// Probe says how it is seen to be healthy later on; nil: as long as its
	// program runs.
	Probe *Probe
	// Log says where its output is kept.
	Log Log
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

// What Service.Stdin can be besides a path.
const (
	StdinNull = "null" // /dev/null
	StdinOpen = "open" // a pipe that says nothing and does not end
)

// Limit is a resource limit, see getrlimit(2). Unlimited is one too.
type Limit struct{ Soft, Hard uint64 }

// Unlimited is RLIM_INFINITY.
const Unlimited = ^uint64(0)

// Probe asks a running service at intervals whether it is healthy. Exactly one
// of TCP, HTTP, Command and Notify is set. After Failures that follow each other
// the service is restarted, unless its restart policy is RestartNo: then it is no
// longer ready, and no more.
type Probe struct {
	TCP     string
	HTTP    string
	Status  []int // of HTTP; none: 200 to 399
	Command []string
	// Notify expects WATCHDOG=1 on the socket named in NOTIFY_SOCKET at least
	// once in an Interval, see sd_watchdog_enabled(3). One that does not come is
	// enough: Timeout and Failures mean nothing then.
	Notify   bool
	Interval time.Duration // from one to the next. Default: DefaultProbeInterval
	Timeout  time.Duration // of one. Default: DefaultProbeTimeout
	Failures int           // Default: DefaultProbeFailures
}

// LogFormat is how the lines of a log are written.
type LogFormat string

const (
	LogCRI   LogFormat = "cri"   // TIME STREAM TAG TEXT
	LogJSON  LogFormat = "json"  // one JSON object each
	LogPlain LogFormat = "plain" // as the program wrote them, with no time
)

// Log says where and how a service's output is kept.
type Log struct {
	// File is the absolute path of the file being written; FILE.1, FILE.2 and so
	// on are older ones. "": in the image's own folder.
	File   string
	Size   int64     // in bytes, at which a file is rotated. Default: DefaultLogSize
	Count  int       // of files, the one being written included. Default: DefaultLogCount
	Format LogFormat // Default: LogCRI
}

// Ready is how a service is seen to be ready. Exactly one of TCP, HTTP,
// Command, Log, Notify and Exit is set.
type Ready struct {
	// TCP is host:port; ready when it accepts a connection.
	TCP string
	// HTTP is a URL; ready when it answers with one of Status.
	HTTP string
	// Status are the good ones of HTTP; none: 200 to 399.
	Status []int
	// Notify waits for READY=1 on the socket named in NOTIFY_SOCKET, see
	// sd_notify(3).
	Notify bool
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
	Policy     RestartPolicy // Default: RestartOnFailure; RestartNo for a one-shot
	Delay      time.Duration // Default: DefaultRestartDelay
	MaxDelay   time.Duration // Default: DefaultRestartMaxDelay
	ResetAfter time.Duration // Default: DefaultRestartResetAfter
	// Limit is how many restarts there may be within Within; one more, and the
	// service has failed. 0: any number.
	Limit  int
	Within time.Duration // Default: DefaultRestartWithin
}

// Shutdown is how a service is stopped: Command or Signal, then SIGKILL after
// Grace.
type Shutdown struct {
	// Command is an argument vector that asks the service to end; it is run as
	// the service is. What still runs when it has exited, or has failed, gets
	// Signal.
	Command []string
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
	DefaultRestartWithin     = time.Minute
	DefaultProbeInterval     = 10 * time.Second
	DefaultProbeTimeout      = 5 * time.Second
	DefaultProbeFailures     = 3
	DefaultLogSize           = 50 << 20
	DefaultLogCount          = 4
)

// MaxPriority is the greatest priority; -MaxPriority is the least.
const MaxPriority = 1_000_000
