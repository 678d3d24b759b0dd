package initd

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// addHandler makes a hook of a request and registers it.
func (in *Init) addHandler(req api.HandlerRequest) (any, error) {
	if in.kinds()[req.ID] == kindOwn {
		return nil, refused(api.CodeExists, "cannot add handler %q: seance's own is called so; choose another name", req.ID)
	}
	hook := in.hookOf(req)
	if err := checkHook(hook); err != nil {
		return nil, refused(api.CodeBad, "cannot add handler %q: %v", req.ID, err)
	}
	err := in.services.AddHook(in.manager, hook)
	switch {
	case errors.Is(err, supervise.ErrService):
		return nil, refused(api.CodeExists, "cannot add handler %q: a service is called so; choose another name", req.ID)
	case errors.Is(err, session.ErrNotFound):
		return nil, refused(api.CodeNotFound, "cannot add handler %q: %s", req.ID, in.noCategory(hook.Category))
	case err != nil:
		return nil, err
	}
	return api.Handler{ID: hook.Name, Kind: string(supervise.KindHook), Category: hook.Category, Priority: hook.Priority}, nil
}

// hookOf is a request with the defaults of a manifest.
func (in *Init) hookOf(req api.HandlerRequest) manifest.Hook {
	h := manifest.Hook{
		Name: req.ID, Startup: req.Startup, Shutdown: req.Shutdown, Workdir: req.Workdir,
		Category: req.Category, Priority: manifest.DefaultPriority,
		Timeout: time.Duration(req.TimeoutMS * float64(time.Millisecond)),
	}
	if h.Workdir == "" {
		h.Workdir = filepath.Dir("/" + in.services.Manifest().Path)
	}
	if h.Category == "" {
		h.Category = manifest.DefaultCategory
	}
	if req.Priority != nil {
		h.Priority = *req.Priority
	}
	if req.TimeoutMS == 0 {
		h.Timeout = manifest.DefaultHookTimeout
	}
	return h
}

// checkHook applies the rules of a manifest, but for that of the category: the
// session manager knows those there are.
func checkHook(h manifest.Hook) error {
	if !filepath.IsAbs(h.Workdir) {
		return fmt.Errorf("the working directory %q is not an absolute path", h.Workdir)
	}
	h.Category = manifest.DefaultCategory
	return inWords((&manifest.Manifest{Name: "image", Hooks: []manifest.Hook{h}, OnFailure: manifest.GoOn}).Validate())
}

// checkCategory applies a manifest's rules to the name of a category.
func checkCategory(name string) error {
	h := manifest.Hook{
		Name: "hook", Startup: []string{"true"}, Workdir: "/", Category: manifest.DefaultCategory,
		Priority: manifest.DefaultPriority, Timeout: manifest.DefaultHookTimeout,
	}
	return inWords((&manifest.Manifest{
		Name: "image", Hooks: []manifest.Hook{h}, Categories: []manifest.Category{{Name: name}},
		OnFailure: manifest.GoOn,
	}).Validate())
}

// inWords puts the mistakes of a manifest that has no text into one line.
func inWords(err error) error {
	var mistakes manifest.Errors
	if !errors.As(err, &mistakes) {
		return err
	}
	var words []string
	for _, m := range mistakes {
		words = append(words, m.Msg)
		if m.Hint != "" {
			words = append(words, m.Hint)
		}
	}
	return errors.New(strings.Join(words, "; "))
}

// removeHandler takes a hook off the lists.
func (in *Init) removeHandler(id string) (any, error) {
	if in.kinds()[id] == kindOwn {
		return nil, refused(api.CodeCannot, "cannot remove handler %q: it is seance's own", id)
	}
	err := in.services.RemoveHook(in.manager, id)
	switch {
	case errors.Is(err, supervise.ErrService):
		return nil, refused(api.CodeCannot, "cannot remove handler %q: it is a service, and only hooks can be removed", id)
	case errors.Is(err, supervise.ErrNoHook):
		return nil, refused(api.CodeNotFound, "cannot remove handler %q: there is no such hook%s", id, in.knownHooks())
	}
	return struct{}{}, err
}

func (in *Init) knownHooks() string {
	var names []string
	for _, s := range in.services.Status() {
		if s.Kind == supervise.KindHook {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; there are " + strings.Join(names, ", ")
}

// addCategory creates a category after another, or after all.
func (in *Init) addCategory(req api.CategoryRequest) (any, error) {
	err := in.createCategory(req)
	switch {
	case errors.Is(err, session.ErrExists):
		return nil, refused(api.CodeExists, "cannot add category %q: it is there already", req.Name)
	case errors.Is(err, session.ErrNotFound):
		return nil, refused(api.CodeNotFound, "cannot add category %q after %q: %s", req.Name, req.After, in.noCategory(req.After))
	case err != nil:
		return nil, refused(api.CodeBad, "cannot add category %q: %v", req.Name, err)
	}
	return struct{}{}, nil
}

func (in *Init) createCategory(req api.CategoryRequest) error {
	if _, err := in.manager.Category(req.Name); err == nil {
		return session.ErrExists
	}
	if err := checkCategory(req.Name); err != nil {
		return err
	}
	if req.After == "" {
		_, err := in.manager.CreateCategory(req.Name)
		return err
	}
	_, err := in.manager.CreateCategoryAfter(req.Name, req.After)
	return err
}

// removeCategory removes a category of the user's own that is empty.
func (in *Init) removeCategory(name string) (any, error) {
	if _, err := session.New().Category(name); err == nil {
		return nil, refused(api.CodeCannot, "cannot remove category %q: every image has it", name)
	}
	err := in.manager.RemoveCategory(name)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return nil, refused(api.CodeNotFound, "cannot remove category %q: %s", name, in.noCategory(name))
	case errors.Is(err, session.ErrInUse):
		return nil, refused(api.CodeCannot, "%v; see: seance list", err)
	}
	return struct{}{}, err
}

// noCategory says that there is no such category, and which there are.
func (in *Init) noCategory(name string) string {
	var names []string
	for _, c := range in.manager.Categories() {
		names = append(names, c.Name())
	}
	return fmt.Sprintf("there is no category %q; there are %s", name, strings.Join(names, ", "))
}
