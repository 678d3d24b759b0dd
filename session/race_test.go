//go:build race

package session_test

// raceEnabled: the race detector is on, which allocates memory of its own.
const raceEnabled = true
