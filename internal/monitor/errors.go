package monitor

import (
	"errors"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/internal/criu"
)

// wireError puts an error into the form that goes over the API.
func wireError(err error) *api.Error {
	e := &api.Error{Code: api.CodeCannot, Message: err.Error()}
	var wire *api.Error
	var refused *criu.Error
	switch {
	case errors.As(err, &refused) && !refused.Known:
		e.Detail = refused.Log
	case errors.As(err, &wire):
		e.Code, e.Detail = wire.Code, wire.Detail
	case errors.Is(err, image.ErrNotFound):
		e.Code = api.CodeNotFound
	}
	return e
}

// detail is what an expert may want to read: CRIU's own words.
func detail(err error) string {
	var refused *criu.Error
	if errors.As(err, &refused) {
		return refused.Log
	}
	return ""
}
