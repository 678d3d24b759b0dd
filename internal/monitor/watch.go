package monitor

import (
	"fmt"
	"net/http"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/serve"
)

// serveHierarchyEvents streams the hierarchy, and then what changes in it.
func (m *Monitor) serveHierarchyEvents(w http.ResponseWriter, r *http.Request) {
	unseen := func(err error) *api.Error { return wireError(m.unseen(err)) }
	serve.HierarchyEvents(m.processes, m.init.Done(), unseen).ServeHTTP(w, r)
}

// unseen says why the image's processes cannot be seen. Their init may be gone a
// moment before that is known.
func (m *Monitor) unseen(err error) error {
	select {
	case <-m.init.Done():
		return m.errGone()
	case <-time.After(time.Second):
		return fmt.Errorf("cannot see the processes of image %q: %w", m.live.Name, err)
	}
}
