package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// HandlerRequest adds a handler to a live image: a pair of commands, as a hook
// of a manifest is.
type HandlerRequest struct {
	// ID is its name. A hook of the same name is replaced, wherever it stood.
	ID string `json:"id"`
	// Startup and Shutdown are argument vectors. One of them may be missing.
	Startup  []string `json:"startup,omitempty"`
	Shutdown []string `json:"shutdown,omitempty"`
	// Workdir is the absolute path of the folder that the commands run in.
	// Default: the folder of the manifest.
	Workdir string `json:"workdir,omitempty"`
	// Category is the category it stands in. Default: user.
	Category string `json:"category,omitempty"`
	// Priority is its place within the category, lower first. Default: 100.
	Priority *int `json:"priority,omitempty"`
	// TimeoutMS ends a command that runs longer. Default: 30,000.
	TimeoutMS float64 `json:"timeout_ms,omitempty"`
}

// CategoryRequest adds a category to a live image.
type CategoryRequest struct {
	Name string `json:"name"`
	// After is the category that it follows. Default: the last one.
	After string `json:"after,omitempty"`
}

// AddHandler registers a handler with a live image, and returns its place. It
// is run by the next lists; nothing is run now.
func (c *Client) AddHandler(ctx context.Context, req HandlerRequest) (h Handler, err error) {
	err = c.change(ctx, http.MethodPost, "/v1/handlers", req, &h)
	return h, err
}

// RemoveHandler takes a hook off the lists, and runs neither of its commands.
func (c *Client) RemoveHandler(ctx context.Context, id string) error {
	return c.change(ctx, http.MethodDelete, "/v1/handlers/"+url.PathEscape(id), nil, nil)
}

// AddCategory creates a category.
func (c *Client) AddCategory(ctx context.Context, req CategoryRequest) error {
	return c.change(ctx, http.MethodPost, "/v1/categories", req, nil)
}

// RemoveCategory removes a category in which no handler stands.
func (c *Client) RemoveCategory(ctx context.Context, name string) error {
	return c.change(ctx, http.MethodDelete, "/v1/categories/"+url.PathEscape(name), nil, nil)
}

func (c *Client) change(ctx context.Context, method, path string, in, into any) error {
	body, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, body)
	} else {
		err = json.NewDecoder(body).Decode(into)
	}
	if err != nil {
		return fmt.Errorf("cannot read the answer to %s %s: %w", method, path, err)
	}
	return nil
}
