package cli

import (
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

// The scripts in testdata/script/live boot real images; those in
// testdata/script/criu freeze them too.

func TestScriptLive(t *testing.T) {
	testenv.RequireRoot(t)
	runScripts(t, "testdata/script/live")
}

func TestScriptCRIU(t *testing.T) {
	testenv.RequireCRIU(t)
	runScripts(t, "testdata/script/criu")
}
