package reap

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// Resource is the number of a resource that can be limited, see getrlimit(2).
type Resource int

// Limit is a resource limit. [Unlimited] is one too.
type Limit struct{ Soft, Hard uint64 }

// Unlimited is RLIM_INFINITY.
const Unlimited = ^uint64(0)

// resources are named as prlimit(1) names its options.
var resources = [...]string{
	unix.RLIMIT_AS:         "as",
	unix.RLIMIT_CORE:       "core",
	unix.RLIMIT_CPU:        "cpu",
	unix.RLIMIT_DATA:       "data",
	unix.RLIMIT_FSIZE:      "fsize",
	unix.RLIMIT_LOCKS:      "locks",
	unix.RLIMIT_MEMLOCK:    "memlock",
	unix.RLIMIT_MSGQUEUE:   "msgqueue",
	unix.RLIMIT_NICE:       "nice",
	unix.RLIMIT_NOFILE:     "nofile",
	unix.RLIMIT_NPROC:      "nproc",
	unix.RLIMIT_RSS:        "rss",
	unix.RLIMIT_RTPRIO:     "rtprio",
	unix.RLIMIT_RTTIME:     "rttime",
	unix.RLIMIT_SIGPENDING: "sigpending",
	unix.RLIMIT_STACK:      "stack",
}

// ResourceNamed finds a resource by its name.
func ResourceNamed(name string) (r Resource, ok bool) {
	for n, known := range resources {
		if known == name {
			return Resource(n), true
		}
	}
	return 0, false
}

func (r Resource) String() string {
	if r >= 0 && int(r) < len(resources) {
		return resources[r]
	}
	return "resource " + strconv.Itoa(int(r))
}

func (l Limit) String() string { return limitText(l.Soft) + ":" + limitText(l.Hard) }

func limitText(n uint64) string {
	if n == Unlimited {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}
