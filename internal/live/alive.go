package live

import (
	"errors"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/pidfd"
)

// Alive says whether the image that a record speaks of still lives.
func Alive(l api.Live) bool {
	r, err := ReadRecord(l)
	if err != nil {
		return false
	}
	h, err := pidfd.Find(r.Init)
	if err != nil {
		return !errors.Is(err, pidfd.ErrGone)
	}
	h.Close()
	return true
}
