package serve

import (
	"net/http"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
)

// serveMetrics answers with the image's figures in the text format of
// Prometheus. They are taken when they are asked for.
func (s *server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	var m link.Metrics
	if err := s.Caller.Call(r.Context(), link.CallMetrics, nil, &m); err != nil {
		Refuse(w, s.Error(err))
		return
	}
	own, err := readOwn()
	if err != nil {
		Refuse(w, s.Error(err))
		return
	}
	w.Header().Set("Content-Type", string(FormatText))
	_, _ = w.Write(exposition(families(m, own))) // the client may have left
}

// families are all metrics. Each sample bears the image's name, so that those of
// several images can be put together.
func families(m link.Metrics, own own) []family {
	all := &metrics{image: label{"image", m.Image.Name}}
	all.ofImage(m.Image)
	all.ofServices(m)
	all.ofSnapshots(m.Snapshots)
	all.ofOwn(own)
	return all.list
}

// metrics collects families.
type metrics struct {
	image label
	list  []family
}

func (ms *metrics) add(name, kind, help string) {
	ms.list = append(ms.list, family{name, kind, help, nil})
}

// sample adds a sample to the family that was added last.
func (ms *metrics) sample(value float64, labels ...label) { ms.suffixed("", value, labels...) }

func (ms *metrics) suffixed(suffix string, value float64, labels ...label) {
	f := &ms.list[len(ms.list)-1]
	f.samples = append(f.samples, sample{suffix, append([]label{ms.image}, labels...), value})
}

var imageStates = []api.State{
	api.StateBooting, api.StateRunning, api.StateSaving, api.StateReloading, api.StateQuitting,
}

func (ms *metrics) ofImage(img api.Image) {
	ms.add("seance_image_info", gauge, "What the image is; always 1.")
	ms.sample(1, label{"freezer", img.Freezer}, label{"manifest", img.Manifest}, label{"session", img.Session})
	ms.add("seance_image_state", gauge, "Whether the image is in this state.")
	for _, state := range imageStates {
		ms.sample(truth(img.State == state), label{"state", string(state)})
	}
	ms.add("seance_image_start_time_seconds", gauge, "When the session began, in seconds since 1970.")
	ms.sample(seconds(img.Started))
	ms.add("seance_image_services", gauge, "How many services are to run.")
	ms.sample(float64(img.Services))
	ms.add("seance_image_services_ready", gauge, "How many of them are ready, or are done.")
	ms.sample(float64(img.Ready))
}

// ofServices adds one family after the other: all samples of one belong
// together.
func (ms *metrics) ofServices(m link.Metrics) {
	each := func(name, kind, help string, value func(link.ServiceMetrics) float64) {
		ms.add(name, kind, help)
		for _, s := range m.Services {
			ms.sample(value(s), label{"service", s.Name})
		}
	}
	usage := func(f func(api.Usage) float64) func(link.ServiceMetrics) float64 {
		return func(s link.ServiceMetrics) float64 {
			if s.Usage == nil {
				return 0
			}
			return f(*s.Usage)
		}
	}
	each("seance_service_up", gauge, "Whether the service's program runs.", func(s link.ServiceMetrics) float64 { return truth(s.PID != 0) })
	each("seance_service_ready", gauge, "Whether others may count on the service.", func(s link.ServiceMetrics) float64 { return truth(s.Ready) })
	ms.add("seance_service_state", gauge, "Whether the service is in this state.")
	for _, s := range m.Services {
		for _, state := range m.States {
			ms.sample(truth(s.State == state), label{"service", s.Name}, label{"state", state})
		}
	}
	each("seance_service_instance", gauge, "The number of the service's present or last start.", func(s link.ServiceMetrics) float64 { return float64(s.Instance) })
	each("seance_service_restarts_total", counter, "Starts that followed the first.", func(s link.ServiceMetrics) float64 { return float64(s.Restarts) })
	each("seance_service_exits_total", counter, "Ends of the program that nobody asked for.", func(s link.ServiceMetrics) float64 { return float64(s.Exits) })
	each("seance_service_failures_total", counter, "Those among them with another status than 0.", func(s link.ServiceMetrics) float64 { return float64(s.Failures) })
	each("seance_service_start_time_seconds", gauge, "When the program was started, in seconds since 1970; 0 when it does not run.", func(s link.ServiceMetrics) float64 {
		if s.Started == nil {
			return 0
		}
		return seconds(*s.Started)
	})
	each("seance_service_processes", gauge, "Processes of the service.", usage(func(u api.Usage) float64 { return float64(u.Processes) }))
	each("seance_service_threads", gauge, "Threads of the service.", usage(func(u api.Usage) float64 { return float64(u.Threads) }))
	each("seance_service_cpu_seconds", gauge, "Processor time of the processes that live; it falls when one ends.", usage(func(u api.Usage) float64 { return u.CPUSeconds }))
	each("seance_service_resident_memory_bytes", gauge, "Resident memory of the processes; shared pages count for each.", usage(func(u api.Usage) float64 { return float64(u.Memory) }))
	each("seance_service_log_lines_total", counter, "Lines that the service has written.", func(s link.ServiceMetrics) float64 { return float64(s.LogLines) })
	each("seance_service_log_bytes_total", counter, "Bytes of text that the service has written.", func(s link.ServiceMetrics) float64 { return float64(s.LogBytes) })
	each("seance_service_log_lost_total", counter, "Log entries that could not be kept, as on a full disk.", func(s link.ServiceMetrics) float64 { return float64(s.LogLost) })
}

func (ms *metrics) ofSnapshots(all []link.SnapshotMetrics) {
	ms.add("seance_snapshots_total", counter, "Snapshots by their outcome; of the one that this copy was booted from, booting.")
	for _, s := range all {
		ms.sample(float64(s.Count), label{"outcome", string(s.Outcome)})
	}
	ms.add("seance_snapshot_duration_seconds", summary, "How long snapshots took, by their outcome; of booting, the boot.")
	for _, s := range all {
		ms.suffixed("_sum", s.Seconds, label{"outcome", string(s.Outcome)})
		ms.suffixed("_count", float64(s.Count), label{"outcome", string(s.Outcome)})
	}
	ms.add("seance_snapshot_frozen_seconds", summary, "How long the programs stood still for it.")
	for _, s := range all {
		ms.suffixed("_sum", s.Frozen, label{"outcome", string(s.Outcome)})
		ms.suffixed("_count", float64(s.Count), label{"outcome", string(s.Outcome)})
	}
}

func (ms *metrics) ofOwn(o own) {
	each := func(name, kind, help string, value float64) {
		ms.add(name, kind, help)
		ms.sample(value)
	}
	each("seance_server_cpu_seconds_total", counter, "Processor time of the process that answers: the monitor, or init inside the image.", o.cpu.Seconds())
	each("seance_server_resident_memory_bytes", gauge, "Its resident memory.", float64(o.memory))
	each("seance_server_open_fds", gauge, "Its open file descriptors.", float64(o.descriptors))
	each("seance_server_threads", gauge, "Its threads.", float64(o.threads))
	each("seance_server_goroutines", gauge, "Its goroutines.", float64(o.goroutines))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
