package serve

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/seancehq/seance/api"
)

// bodyLimit is how large a request may be. The largest carries a manifest.
const bodyLimit = 16 << 20

// Body reads the request's body.
func Body(r *http.Request, into any) error {
	err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, bodyLimit)).Decode(into)
	var other *json.UnmarshalTypeError
	switch {
	case errors.As(err, &other) && other.Field != "":
		return Bad("cannot read the request: %q cannot be JSON of the kind %s", other.Field, other.Value)
	case errors.As(err, &other):
		return Bad("cannot read the request: it is JSON of the kind %s, and must be an object", other.Value)
	case err == io.EOF:
		return Bad("cannot read the request: it is empty, and must be a JSON object")
	case err != nil:
		return Bad("cannot read the request: %v", err)
	}
	return nil
}

// boolean reads a part of the query that is true or false; it is false when
// it is missing.
func boolean(r *http.Request, name string) (bool, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return false, nil
	}
	v, err := strconv.ParseBool(s)
	if err != nil {
		return false, Bad("cannot read the request: %s is %q, and must be true or false", name, s)
	}
	return v, nil
}

// number reads a part of the query that counts something; it is 0 when it is
// missing.
func number(r *http.Request, name string) (uint64, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return 0, nil
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, Bad("cannot read the request: %s is %q, and must be a number", name, s)
	}
	return v, nil
}

// JSON answers with a value.
func JSON(w http.ResponseWriter, v any) { write(w, http.StatusOK, v) }

// Refuse answers with an error, and the status that goes with it.
func Refuse(w http.ResponseWriter, e *api.Error) { write(w, statusOf(e.Code), e) }

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", string(FormatJSON))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have left
}

// statusOf is the status of an answer with an error of that code.
func statusOf(code string) int {
	switch code {
	case api.CodeBusy, api.CodeExists:
		return http.StatusConflict
	case api.CodeNotFound:
		return http.StatusNotFound
	case api.CodeBad:
		return http.StatusBadRequest
	case api.CodeNotAlive:
		return http.StatusGone
	case api.CodeForbidden:
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}

// Stream answers with values as lines of JSON, each sent at once.
func Stream[T any](w http.ResponseWriter) func(T) {
	w.Header().Set("Content-Type", string(FormatLines))
	out, enc := http.NewResponseController(w), json.NewEncoder(w)
	_ = out.Flush()
	return func(v T) {
		_ = enc.Encode(v)
		_ = out.Flush()
	}
}
