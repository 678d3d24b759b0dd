package cli

import (
	"slices"
	"testing"
)

// A program is run with the arguments that the shell has made, whatever they
// look like in a manifest.
func TestManifestOfAProgram(t *testing.T) {
	for _, command := range [][]string{
		{"sh", "-c", `echo $$ ${HOME} ${X:-y} $X ${`},
		{"./$$", "${NONE}", "null", "1e3", "a: b # c", "\t\n\"'\\", "é😀"},
	} {
		m, err := manifestOf(command, "/srv/$$x ${y}")
		if err != nil {
			t.Errorf("%q: %v", command, err)
			continue
		}
		if s := m.Services[0]; !slices.Equal(s.Command, command) || s.Workdir != "/srv/$$x ${y}" {
			t.Errorf("%q in %q, want %q", s.Command, s.Workdir, command)
		}
	}
	if _, err := manifestOf([]string{"x", "\xff"}, "/"); err == nil {
		t.Error("an argument that is not UTF-8 was taken")
	}
}
