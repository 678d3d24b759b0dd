package initd

import (
	"errors"
	"testing"

	"github.com/seancehq/seance/internal/supervise"
)

func TestReloadedInWords(t *testing.T) {
	failed := errors.New("cannot start it\nits last lines")
	for _, tc := range []struct {
		steps []supervise.Step
		err   error
		want  string
	}{
		{nil, nil, "the manifest was reloaded in 0 steps"},
		{[]supervise.Step{{Name: "a"}}, nil, "the manifest was reloaded in 1 step"},
		{[]supervise.Step{{Name: "a", Err: failed}}, nil, "the manifest was reloaded in 1 step, of which 1 failed: a"},
		{[]supervise.Step{{Name: "a", Err: failed}, {Name: "b"}, {Name: "c", Err: failed}}, nil, "the manifest was reloaded in 3 steps, of which 2 failed: a, c"},
		{nil, failed, "the manifest was not reloaded: cannot start it"},
	} {
		if got := reloadedInWords(&supervise.Reload{Steps: tc.steps}, tc.err); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
