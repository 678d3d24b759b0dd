package monitor

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
)

// changeRoutes serves what changes the lists of a live image. Init keeps them.
func (m *Monitor) changeRoutes(mux *http.ServeMux) {
	mux.Handle("POST /v1/handlers", m.change(link.CallAddHandler, bodyOf))
	mux.Handle("DELETE /v1/handlers/{name}", m.change(link.CallRemoveHandler, nameIn))
	mux.Handle("POST /v1/categories", m.change(link.CallAddCategory, bodyOf))
	mux.Handle("DELETE /v1/categories/{name}", m.change(link.CallRemoveCategory, nameIn))
}

// change passes a request on to init, and what init answers back.
func (m *Monitor) change(call string, of func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var out json.RawMessage
		in, err := of(r)
		if err == nil {
			err = m.call(r.Context(), call, in, &out)
		}
		if err != nil {
			refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(out)
	})
}

func bodyOf(r *http.Request) (any, error) {
	var body json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, &api.Error{Code: api.CodeBad, Message: fmt.Sprintf("cannot read the request: %v", err)}
	}
	return body, nil
}

func nameIn(r *http.Request) (any, error) { return r.PathValue("name"), nil }
