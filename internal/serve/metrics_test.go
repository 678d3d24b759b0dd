package serve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/serve"
)

// parsed is what a text in the format of Prometheus says.
type parsed struct {
	types   map[string]string
	samples map[string]float64 // by their name and labels, as they are written
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*`)
)

// parse takes the text format, version 0.0.4, by the letter: each family stands
// together and begins with HELP and TYPE, no sample comes twice.
func parse(text string) (parsed, error) {
	p := parsed{types: map[string]string{}, samples: map[string]float64{}}
	if !strings.HasSuffix(text, "\n") {
		return p, fmt.Errorf("the last line does not end")
	}
	family, helped := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		fail := func(why string) error { return fmt.Errorf("%s: %q", why, line) }
		switch fields := strings.SplitN(line, " ", 4); {
		case strings.HasPrefix(line, "# HELP "):
			if len(fields) < 4 || metricName.FindString(fields[2]) != fields[2] || p.types[fields[2]] != "" {
				return p, fail("bad help")
			}
			helped = fields[2]
		case strings.HasPrefix(line, "# TYPE "):
			if len(fields) < 4 || fields[2] != helped || !slices.Contains([]string{"counter", "gauge", "summary"}, fields[3]) {
				return p, fail("bad type")
			}
			family = fields[2]
			p.types[family] = fields[3]
			if (fields[3] == "counter") != strings.HasSuffix(family, "_total") {
				return p, fail("a counter, and no other metric, ends in _total")
			}
		default:
			name := metricName.FindString(line)
			if name == "" || family == "" || !ofFamily(p.types[family], family, name) {
				return p, fail("a sample that belongs to no family")
			}
			rest, err := labels(line[len(name):])
			if err != nil {
				return p, fail(err.Error())
			}
			key := strings.TrimSuffix(line, rest)
			if _, twice := p.samples[key]; twice {
				return p, fail("twice")
			}
			if p.samples[key], err = strconv.ParseFloat(strings.TrimPrefix(rest, " "), 64); err != nil || !strings.HasPrefix(rest, " ") {
				return p, fail("no value")
			}
		}
	}
	return p, nil
}

func ofFamily(kind, family, name string) bool {
	if kind == "summary" {
		return name == family+"_sum" || name == family+"_count"
	}
	return name == family
}

// labels skips the labels of a sample.
func labels(s string) (rest string, err error) {
	if !strings.HasPrefix(s, "{") {
		return s, nil
	}
	for s = s[1:]; ; s = s[1:] {
		name := labelName.FindString(s)
		if name == "" || !strings.HasPrefix(s[len(name):], `="`) {
			return s, fmt.Errorf("no label at %q", s)
		}
		s = s[len(name)+2:]
		for !strings.HasPrefix(s, `"`) {
			switch {
			case s == "":
				return s, fmt.Errorf("a label that does not end")
			case strings.HasPrefix(s, `\`):
				if len(s) < 2 || !strings.Contains(`\n"`, s[1:2]) {
					return s, fmt.Errorf("bad escape at %q", s)
				}
				s = s[2:]
			default:
				s = s[1:]
			}
		}
		s = s[1:]
		if strings.HasPrefix(s, "}") {
			return s[1:], nil
		}
		if !strings.HasPrefix(s, ",") {
			return s, fmt.Errorf("no comma at %q", s)
		}
	}
}

// figures answers the call for metrics.
func figures(m link.Metrics) link.Calls {
	return func(context.Context, string, json.RawMessage) (any, error) { return m, nil }
}

func sampled() link.Metrics {
	began := time.Unix(1_700_000_000, 500_000_000)
	web := api.Service{
		Name: "web", State: "ready", Ready: true, PID: 7, Instance: 3, Restarts: 2, Started: &began,
		Usage: &api.Usage{Processes: 2, Threads: 5, CPUSeconds: 1.25, Memory: 1 << 20},
	}
	return link.Metrics{
		Image: api.Image{
			Name: `od"d\` + "\nname", State: api.StateRunning, Freezer: api.FreezerCRIU, Manifest: "/srv/\xff.yaml", Started: began,
			Services: 2, Ready: 1,
		},
		States: []string{"ready", "failed"},
		Services: []link.ServiceMetrics{
			{Service: web, Exits: 2, Failures: 1, LogLines: 10, LogBytes: 1000, LogLost: 1},
			{Service: api.Service{Name: "db", State: "failed"}},
		},
		Snapshots: []link.SnapshotMetrics{{Outcome: api.Continuing, Count: 2, Seconds: 0.5, Frozen: 0.25}},
	}
}

func TestMetrics(t *testing.T) {
	h := serve.Handler(serve.Config{Caller: figures(sampled())})
	resp, text := ask(t, h, "GET", "/metrics", "")
	if ct := resp.Header.Get("Content-Type"); ct != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("content type %q", ct)
	}
	p, err := parse(text + "\n")
	if err != nil {
		t.Fatal(err)
	}
	image := `image="od\"d\\\nname"`
	for sample, want := range map[string]float64{
		`seance_image_info{` + image + `,freezer="criu",manifest="/srv/` + "\ufffd" + `.yaml",session=""}`: 1,
		`seance_image_state{` + image + `,state="running"}`:                                                1,
		`seance_image_state{` + image + `,state="saving"}`:                                                 0,
		`seance_image_start_time_seconds{` + image + `}`:                                                   1_700_000_000.5,
		`seance_service_up{` + image + `,service="web"}`:                                                   1,
		`seance_service_up{` + image + `,service="db"}`:                                                    0,
		`seance_service_ready{` + image + `,service="web"}`:                                                1,
		`seance_service_state{` + image + `,service="web",state="ready"}`:                                  1,
		`seance_service_state{` + image + `,service="db",state="failed"}`:                                  1,
		`seance_service_state{` + image + `,service="db",state="ready"}`:                                   0,
		`seance_service_instance{` + image + `,service="web"}`:                                             3,
		`seance_service_restarts_total{` + image + `,service="web"}`:                                       2,
		`seance_service_exits_total{` + image + `,service="web"}`:                                          2,
		`seance_service_failures_total{` + image + `,service="web"}`:                                       1,
		`seance_service_cpu_seconds{` + image + `,service="web"}`:                                          1.25,
		`seance_service_resident_memory_bytes{` + image + `,service="web"}`:                                1 << 20,
		`seance_service_resident_memory_bytes{` + image + `,service="db"}`:                                 0,
		`seance_service_log_lines_total{` + image + `,service="web"}`:                                      10,
		`seance_service_log_bytes_total{` + image + `,service="web"}`:                                      1000,
		`seance_service_log_lost_total{` + image + `,service="web"}`:                                       1,
		`seance_snapshots_total{` + image + `,outcome="continuing"}`:                                       2,
		`seance_snapshot_duration_seconds_sum{` + image + `,outcome="continuing"}`:                         0.5,
		`seance_snapshot_frozen_seconds_count{` + image + `,outcome="continuing"}`:                         2,
	} {
		if got, ok := p.samples[sample]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", sample, got, ok, want)
		}
	}
	for _, own := range []string{"cpu_seconds_total", "resident_memory_bytes", "open_fds", "threads", "goroutines"} {
		name := "seance_server_" + own + "{" + image + "}"
		if got, ok := p.samples[name]; !ok || got <= 0 && own != "cpu_seconds_total" {
			t.Errorf("%s is %v (%v)", name, got, ok)
		}
	}
	if t.Failed() {
		for _, name := range slices.Sorted(maps.Keys(p.samples)) {
			t.Log(name)
		}
	}
}

// An image with nothing in it has no family without samples.
func TestMetricsOfAnEmptyImage(t *testing.T) {
	_, text := ask(t, serve.Handler(serve.Config{Caller: figures(link.Metrics{})}), "GET", "/metrics", "")
	p, err := parse(text + "\n")
	if err != nil {
		t.Fatal(err)
	}
	for name := range p.types {
		if !strings.Contains(text, "\n"+name+"{") && !strings.Contains(text, "\n"+name+"_sum{") {
			t.Errorf("metric %s has no sample", name)
		}
	}
}

func TestTheParserOfMetricsIsStrict(t *testing.T) {
	head := "# HELP a_total Help.\n# TYPE a_total counter\n"
	for _, tt := range []struct {
		text string
		good bool
	}{
		{head + "a_total{x=\"1\"} 1\na_total{x=\"2\"} 2\n", true},
		{head + "a_total 1", false},
		{head + "a_total one\n", false},
		{head + "a_total 1\na_total 2\n", false},
		{head + "b_total 1\n", false},
		{head + "a_total{x=\"\\x\"} 1\n", false},
		{head + "a_total{x=\"1\" 1\n", false},
		{head + head + "a_total 1\n", false},
		{"a_total 1\n", false},
		{"# HELP a Help.\n# TYPE a counter\na 1\n", false},
	} {
		if _, err := parse(tt.text); (err == nil) != tt.good {
			t.Errorf("%q: %v", tt.text, err)
		}
	}
}
