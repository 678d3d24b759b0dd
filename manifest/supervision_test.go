package manifest

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// everything has each key that shop has not.
const everything = `
env: {A: top, B: top}
services:
  db:
    command: [db]
    log: {file: logs/db.log, size: 10 MiB, count: 2, format: json}
  web:
    command: [web]
    user: www-data
    group: 33
    env: {B: own}
    needs: [db]
    disabled: true
    detached: true
    stdin: open
    umask: 027
    nice: -5
    limits: {nofile: 1024, core: unlimited, nproc: {soft: 10, hard: unlimited}}
    ready: {http: "http://localhost", status: [200, 204]}
    probe: {http: "http://localhost/live", status: 204, interval: 1s, timeout: 2s, failures: 4}
    restart: {limit: 5, within: 2m}
    shutdown: {command: ./stop, grace: 1s}
  daemon:
    command: [daemon]
    ready: {notify: true}
    stdin: in.txt
    probe: {tcp: "localhost:80"}
  worker:
    command: [worker]
    replicas: 2
hooks:
  h: {startup: x}
on_failure: roll-back
`

func TestParseTakesSupervision(t *testing.T) {
	m := mustParse(t, "/srv/x/seance.yaml", everything)
	umask, nice := uint32(0o27), -5
	plain := Service{
		Workdir: "/srv/x", Env: map[string]string{"A": "top", "B": "top"}, Category: "user", Priority: 100, Stdin: StdinNull,
		Restart:  Restart{Policy: RestartOnFailure, Delay: DefaultRestartDelay, MaxDelay: DefaultRestartMaxDelay, ResetAfter: DefaultRestartResetAfter, Within: time.Minute},
		Shutdown: Shutdown{Signal: "TERM", Grace: DefaultGrace},
		Log:      Log{Size: DefaultLogSize, Count: DefaultLogCount, Format: LogCRI},
	}
	db, web, daemon, w1, w2 := plain, plain, plain, plain, plain
	db.Name, db.Command = "db", []string{"db"}
	db.Log = Log{File: "/srv/x/logs/db.log", Size: 10 << 20, Count: 2, Format: LogJSON}
	web.Name, web.Command = "web", []string{"web"}
	web.User, web.Group = "www-data", "33"
	web.Env = map[string]string{"A": "top", "B": "own"}
	web.Needs = []string{"db"}
	web.Disabled, web.Detached, web.Stdin, web.Umask, web.Nice = true, true, StdinOpen, &umask, &nice
	web.Limits = map[string]Limit{"nofile": {1024, 1024}, "core": {Unlimited, Unlimited}, "nproc": {10, Unlimited}}
	web.Ready = &Ready{HTTP: "http://localhost", Status: []int{200, 204}, Timeout: DefaultReadyTimeout}
	web.Probe = &Probe{HTTP: "http://localhost/live", Status: []int{204}, Interval: time.Second, Timeout: 2 * time.Second, Failures: 4}
	web.Restart.Limit, web.Restart.Within = 5, 2*time.Minute
	web.Shutdown = Shutdown{Command: []string{"/bin/sh", "-c", "./stop"}, Signal: "TERM", Grace: time.Second}
	daemon.Name, daemon.Command = "daemon", []string{"daemon"}
	daemon.Ready = &Ready{Notify: true, Timeout: DefaultReadyTimeout}
	daemon.Stdin = "/srv/x/in.txt"
	daemon.Probe = &Probe{TCP: "localhost:80", Interval: DefaultProbeInterval, Timeout: DefaultProbeTimeout, Failures: DefaultProbeFailures}
	w1.Name, w1.Command, w1.Of, w1.Replica = "worker-1", []string{"worker"}, "worker", 1
	w2.Name, w2.Command, w2.Of, w2.Replica = "worker-2", []string{"worker"}, "worker", 2
	want := []Service{db, web, daemon, w1, w2}
	for i, s := range m.Services {
		if !reflect.DeepEqual(s, want[i]) {
			t.Errorf("got  %+v\nwant %+v", s, want[i])
		}
	}
	if len(m.Services) != len(want) || m.OnFailure != RollBack || m.Hooks[0].Env["A"] != "top" {
		t.Errorf("%d services, on_failure %q, %+v", len(m.Services), m.OnFailure, m.Hooks)
	}
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
}

// TestUmask: what a person means by it, whatever YAML makes of such a number.
func TestUmask(t *testing.T) {
	for text, want := range map[string]uint32{
		"022": 0o22, "'022'": 0o22, "0022": 0o22, "0o22": 0o22, "0": 0, "000": 0, "0777": 0o777,
	} {
		m := mustParse(t, "", "services: {a: {command: x, umask: "+text+"}}")
		if got := *m.Services[0].Umask; got != want {
			t.Errorf("%s: %#o, want %#o", text, got, want)
		}
	}
}

func TestLogSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "65536": 65536, "10K": 10 << 10, "10KiB": 10 << 10, "10 MiB": 10 << 20, "3G": 3 << 30,
	} {
		m := mustParse(t, "", "services: {a: {command: x, log: {size: "+text+"}}}")
		if got := m.Services[0].Log.Size; got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// TestReplicasNeedReplicas: a name stands for all of them.
func TestReplicasNeedReplicas(t *testing.T) {
	m := mustParse(t, "", `
services:
  web: {command: [web, "${SEANCE_REPLICA}"], replicas: 2, needs: [db, one], ready: {tcp: "127.0.0.1:808${SEANCE_REPLICA}"}}
  db: {command: x, replicas: 3}
  one: {command: x, needs: [db-2]}
`)
	var got []string
	for _, s := range m.Services {
		got = append(got, s.Name+":"+strings.Join(s.Needs, ","))
	}
	if want := "web-1:db-1,db-2,db-3,one web-2:db-1,db-2,db-3,one db-1: db-2: db-3: one:db-2"; strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	if w := m.Services[1]; w.Ready.TCP != "127.0.0.1:8082" || w.Command[1] != "2" {
		t.Errorf("web-2 = %+v", w)
	}
}

func TestStartOrder(t *testing.T) {
	for src, want := range map[string]string{
		"{a: {command: x}, b: {command: x}}":                                                                    "a b",
		"{a: {command: x, needs: [c]}, b: {command: x}, c: {command: x}}":                                       "c a b",
		"{a: {command: x, needs: [b, c]}, b: {command: x, needs: [d]}, c: {command: x}, d: {command: x}}":       "d b c a",
		"{a: {command: x, needs: [b]}, b: {command: x, category: system}, c: {command: x}}":                     "b a c",
		"{a: {command: x, priority: 5, needs: [b]}, b: {command: x, priority: 4}, c: {command: x}}":             "b a c",
		"{a: {command: x, replicas: 2, needs: [b]}, b: {command: x, replicas: 2, needs: [c]}, c: {command: x}}": "c b-1 b-2 a-1 a-2",
	} {
		m := mustParse(t, "", "services: "+src)
		if got := strings.Join(namesOf(m.StartOrder()), " "); got != want {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
	}
}
