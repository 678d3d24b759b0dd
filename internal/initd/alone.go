package initd

import (
	"context"
	"strconv"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
)

// outside is whoever keeps the image from outside: a monitor, on a
// [link.Server], or nobody.
type outside interface {
	Open()
	Close(*link.Farewell)
	Send(api.Event)
	Await(context.Context) (link.Greeting, error)
}

// alone is an image that nobody keeps: it runs in the foreground.
type alone struct{}

func (alone) Open()                {}
func (alone) Close(*link.Farewell) {}
func (alone) Send(api.Event)       {}

// Await implements outside. Nobody asks for a save, see admit.
func (alone) Await(context.Context) (link.Greeting, error) {
	return link.Greeting{}, errForeground("")
}

// errForeground refuses to save an image that runs in the foreground.
func errForeground(name string) *api.Error {
	return &api.Error{Code: api.CodeCannot, Message: "cannot save image " + strconv.Quote(name) +
		": it runs in the foreground, with seance run; one that is started with seance up can be saved"}
}
