// Package version knows which seance this is.
package version

import "runtime/debug"

// String is the version that the go command stamped into the program: a tag,
// or for a commit without one, a pseudo-version with its time and hash.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
