package supervise

import (
	"slices"
	"testing"
)

func TestEnvironment(t *testing.T) {
	base := []string{"PATH=/bin", "A=first", "A=last", "SEANCE_SERVICE=outer", "SEANCE_HOOK=outer", "SEANCE_IMAGE=shop"}
	got := environment(base, map[string]string{"B": "2", "PATH": "/opt", "SEANCE_SERVICE": "forged"}, serviceMarks("db", 3)...)
	want := []string{"SEANCE_SERVICE=db", "SEANCE_INSTANCE=3", "GODEBUG=multipathtcp=0", "B=2", "PATH=/opt", "SEANCE_IMAGE=shop", "A=last"}
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
		if got := environment(test.base, test.own); !slices.Contains(got, test.want) {
			t.Errorf("%v over %v: %q", test.own, test.base, got)
		}
	}
}
