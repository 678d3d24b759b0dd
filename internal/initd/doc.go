// Package initd is init: PID 1 of an image, and its session manager.
//
// It is started three times over, by one command line after the other: by the
// monitor, in new namespaces but still among the host's files (enter.go);
// then, as found inside the image, with nothing from outside left open
// (main.go); and never again, whatever is frozen and revived after that.
//
// What init does is done by handlers of package session. Two are its own,
// first and second in the category system: the link to the monitor, and the
// services' log files (handlers.go). All others come from the manifest,
// by package supervise. A snapshot is the session manager's; its freezer
// (freezer.go) only waits for the monitor to say which copy this is.
//
// What can be asked of a live image is a call by name (calls.go): over the link
// by the monitor, and over HTTP by programs inside (inside.go).
package initd
