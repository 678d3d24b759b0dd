package manifest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestValidate breaks one value at a time of a manifest made in memory.
func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(m *Manifest)
		want  string
	}{
		{"image's name", func(m *Manifest) { m.Name = "" }, `"name" is not a valid name: ""`},
		{"nothing to run", func(m *Manifest) { m.Services, m.Hooks = nil, nil }, "neither services nor hooks"},
		{"service's name", func(m *Manifest) { m.Services[0].Name = "a b" }, `service "a b" has no valid name`},
		{"long name", func(m *Manifest) { m.Services[0].Name = strings.Repeat("a", 65) }, `has no valid name`},
		{"reserved", func(m *Manifest) { m.Hooks[0].Name = "logs" }, `hook "logs" has the name of a part of seance`},
		{"two services", func(m *Manifest) { m.Services = append(m.Services, m.Services[0]) }, `service "web" has the name of service "web"`},
		{"service and hook", func(m *Manifest) { m.Hooks[0].Name = "web" }, `hook "web" has the name of service "web"`},
		{"no command", func(m *Manifest) { m.Services[0].Command = nil }, `service "web" has no command`},
		{"empty command", func(m *Manifest) { m.Services[0].Command = []string{""} }, `"command" of service "web" is empty`},
		{"blank command", func(m *Manifest) { m.Services[0].Command = []string{"/bin/sh", "-c", " "} }, `"command" of service "web" is empty`},
		{"workdir", func(m *Manifest) { m.Services[0].Workdir = "" }, `"workdir" of service "web" is not a path`},
		{"env", func(m *Manifest) { m.Hooks[0].Env = map[string]string{"A=": "b"} }, `"env" of hook "warm" has no valid name: "A="`},
		{"category", func(m *Manifest) { m.Services[0].Category = "" }, `"category" of service "web" is not a category: ""`},
		{"priority", func(m *Manifest) { m.Services[0].Priority = MaxPriority + 1 }, `must be from -1000000 to 1000000, not 1000001`},
		{"no readiness", func(m *Manifest) { m.Services[0].Ready = &Ready{Timeout: 1} }, `"ready" of service "web" does not say how`},
		{"two kinds", func(m *Manifest) { m.Services[0].Ready = &Ready{Log: "x", Exit: true, Timeout: 1} }, `"ready.exit" of service "web" stands beside "log"`},
		{"ready timeout", func(m *Manifest) { m.Services[0].Ready = &Ready{Exit: true} }, `"ready.timeout" of service "web" must be longer than zero`},
		{"ready command", func(m *Manifest) { m.Services[0].Ready = &Ready{Command: []string{}, Timeout: 1} }, `"ready.command" of service "web" is empty`},
		{"policy", func(m *Manifest) { m.Services[0].Restart.Policy = "" }, `must be no, on-failure or always, not ""`},
		{"delay", func(m *Manifest) { m.Services[0].Restart.Delay = -1 }, `"restart.delay" of service "web" cannot be negative: -1ns`},
		{"delays", func(m *Manifest) { m.Services[0].Restart.Delay = time.Hour }, `"restart.max_delay" of service "web" is shorter than the delay: 30s < 1h0m0s`},
		{"signal", func(m *Manifest) { m.Services[0].Shutdown.Signal = "SIGTERM" }, `"SIGTERM"; write TERM`},
		{"grace", func(m *Manifest) { m.Services[0].Shutdown.Grace = -time.Second }, `"shutdown.grace" of service "web" cannot be negative`},
		{"hook without commands", func(m *Manifest) { m.Hooks[0].Startup = nil }, `hook "warm" has neither`},
		{"hook's empty command", func(m *Manifest) { m.Hooks[0].Shutdown = []string{} }, `"shutdown" of hook "warm" is empty`},
		{"hook's timeout", func(m *Manifest) { m.Hooks[0].Timeout = 0 }, `"timeout" of hook "warm" must be longer than zero`},
		{"category's name", func(m *Manifest) { m.Categories = []Category{{Name: "Ä"}} }, `is not a valid name: "Ä"`},
		{"circle", func(m *Manifest) { m.Categories = []Category{{"a", "b"}, {"b", "a"}} }, `in a circle: a → b → a`},
		{"capture", func(m *Manifest) { m.Capture = []string{"/a", "/a/b"} }, `is inside another: "/a/b" in "/a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mustParse(t, "/srv/shop/seance.yaml", "services: {web: {command: x}}\nhooks: {warm: {startup: x}}")
			c.spoil(m)
			err := m.Validate()
			var list Errors
			if !errors.As(err, &list) || len(list) != 1 || list[0].Line != 0 {
				t.Fatalf("got %v, want one mistake without a line", err)
			}
			if got := err.Error(); !strings.HasPrefix(got, "/srv/shop/seance.yaml: ") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}

// TestSignalNames: the names are those that golang.org/x/sys/unix has numbers
// for, and all of them but those that stop or continue a program.
func TestSignalNames(t *testing.T) {
	names := map[string]bool{}
	for _, name := range signalNames() {
		names["SIG"+name] = true
		if unix.SignalNum("SIG"+name) == 0 {
			t.Errorf("%s is not a signal here", name)
		}
	}
	for n := unix.Signal(1); n < 32; n++ {
		switch name := unix.SignalName(n); name {
		case "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGCONT":
			if names[name] {
				t.Errorf("%s cannot end a program", name)
			}
		default:
			if !names[name] {
				t.Errorf("%s is missing", name)
			}
		}
	}
}

func TestClosest(t *testing.T) {
	known := []string{"command", "env", "ready", "restart", "shutdown"}
	for name, want := range map[string]string{
		"comand": "command", "commnad": "command", "COMMAND": "command", "commands": "command",
		"evn": "env", "redy": "ready", "restrat": "restart", "shutdwon": "shutdown",
		"x": "", "": "", "environment": "", "no": "", "ab": "",
	} {
		if got := closest(name, known); got != want {
			t.Errorf("closest(%q) = %q, want %q", name, got, want)
		}
	}
}
