package netlock

import (
	"os"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

// The tests make and remove tables of nftables, which other tests look at too.
func TestMain(m *testing.M) {
	if status, done := testenv.OwnNetwork(); done {
		os.Exit(status)
	}
	os.Exit(m.Run())
}
