package link

import "github.com/seancehq/seance/api"

// Metrics are the figures of an image.
type Metrics struct {
	Image    api.Image        `json:"image"`
	Services []ServiceMetrics `json:"services"`
	// States are all that a service can be in.
	States    []string          `json:"states"`
	Snapshots []SnapshotMetrics `json:"snapshots"`
}

// ServiceMetrics are the figures of a service.
type ServiceMetrics struct {
	api.Service // with its usage

	// Exits counts the ends that nobody asked for, Failures those among them with
	// another status than 0.
	Exits    uint64 `json:"exits"`
	Failures uint64 `json:"failures"`
	// What it has written, and what of that could not be kept.
	LogLines int64 `json:"log_lines"`
	LogBytes int64 `json:"log_bytes"`
	LogLost  int64 `json:"log_lost"`
}

// SnapshotMetrics sum up the snapshots of one outcome.
type SnapshotMetrics struct {
	Outcome api.Outcome `json:"outcome"`
	Count   uint64      `json:"count"`
	Seconds float64     `json:"seconds"` // that they took
	Frozen  float64     `json:"frozen"`  // seconds of that in which the programs stood still
}
