package examples_test

import (
	"os"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

func TestMain(m *testing.M) {
	if status, done := testenv.OwnMounts(); done {
		os.Exit(status)
	}
	os.Exit(m.Run())
}
