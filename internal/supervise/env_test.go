package supervise

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/manifest"
)

func TestEnvironment(t *testing.T) {
	base := []string{"PATH=/bin", "HOME=/root", "NOTIFY_SOCKET=/run/outer", "WATCHDOG_USEC=1", "WATCHDOG_PID=2", "SEANCE_REPLICA=9", "A=first", "A=last", "SEANCE_SERVICE=outer", "SEANCE_HOOK=outer", "SEANCE_IMAGE=shop"}
	own := map[string]string{"B": "2", "PATH": "/opt", "USER": "own", "SEANCE_SERVICE": "forged"}
	marks := serviceMarks(&manifest.Service{Name: "db-2", Of: "db", Replica: 2}, 3)
	got := environment(base, []string{"HOME=/home/me", "USER=me"}, own, marks...)
	want := []string{
		"SEANCE_SERVICE=db-2", "SEANCE_INSTANCE=3", "SEANCE_REPLICA=2", "GODEBUG=multipathtcp=0", "B=2", "PATH=/opt", "USER=own",
		"HOME=/home/me", "SEANCE_IMAGE=shop", "A=last",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestMultipathTCPIsOffUnlessAskedFor(t *testing.T) {
	tests := []struct {
		base []string
		own  map[string]string
		want string
	}{
		{nil, nil, "GODEBUG=multipathtcp=0"},
		{[]string{"GODEBUG=gctrace=1"}, nil, "GODEBUG=gctrace=1,multipathtcp=0"},
		{[]string{"GODEBUG=gctrace=1"}, map[string]string{"GODEBUG": "x=2"}, "GODEBUG=x=2,multipathtcp=0"},
		{nil, map[string]string{"GODEBUG": "multipathtcp=1,x=2"}, "GODEBUG=multipathtcp=1,x=2"},
		{[]string{"GODEBUG=multipathtcp=2"}, nil, "GODEBUG=multipathtcp=2"},
	}
	for _, test := range tests {
		if got := environment(test.base, nil, test.own); !slices.Contains(got, test.want) {
			t.Errorf("%v over %v: %q", test.own, test.base, got)
		}
	}
}

// docs/manifest.md tells of every variable that a program finds.
func TestDocumentedVariables(t *testing.T) {
	text, err := os.ReadFile("../../docs/manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(text), "\n## What a program finds\n")
	part, _, _ = strings.Cut(part, "\n## ")
	for _, name := range []string{envService, envInstance, envHook, envBooting, envQuitting, envReplica, envNotify, envWatchdog, api.EnvImage, api.EnvSocket} {
		if !strings.Contains(part, "\n| `"+name+"` |") {
			t.Errorf("docs/manifest.md does not tell of %s", name)
		}
	}
	who, err := identify("root", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range append(who.env, withTerm(nil)...) {
		if name, _, _ := strings.Cut(entry, "="); !strings.Contains(part, "`"+name+"`") {
			t.Errorf("docs/manifest.md does not tell of %s", name)
		}
	}
}
