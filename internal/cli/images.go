package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/image"
)

// imageLine is one line of seance images.
type imageLine struct {
	Name    string    `json:"name"`
	Tag     string    `json:"tag"`
	Digest  string    `json:"digest"`
	Freezer string    `json:"freezer,omitempty"`
	Size    int64     `json:"size"`
	Created time.Time `json:"created"`
	Error   string    `json:"error,omitempty"` // why the rest is not known
}

func (a *app) imagesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "images [NAME]",
		Short: "List the saved images",
		Args:  arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return a.images(cmd.Context(), name)
		},
	}
}

func (a *app) images(ctx context.Context, name string) error {
	lines, err := a.imageLines(ctx, name)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(lines)
	}
	now := time.Now()
	t := newTable("NAME", "TAG", "DIGEST", "FREEZER", "SIZE", "CREATED").alignRight("SIZE").limit(a.width(a.stdout))
	for _, l := range lines {
		if l.Error != "" {
			t.row(l.Name, l.Tag, shortDigest(l.Digest), "damaged", "", "")
			continue
		}
		t.row(l.Name, l.Tag, shortDigest(l.Digest), l.Freezer, size(l.Size), since(l.Created, now)+" ago")
	}
	if err := t.write(a.stdout); err != nil {
		return err
	}
	for _, l := range lines {
		if l.Error != "" {
			a.warn("%s", l.Error)
		}
	}
	return nil
}

// imageLines lists the saved images of a name, or all for "".
func (a *app) imageLines(ctx context.Context, name string) ([]imageLine, error) {
	store, err := a.store()
	if errors.Is(err, errNoStore) {
		return []imageLine{}, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := store.List(ctx)
	if err != nil {
		return nil, err
	}
	lines := []imageLine{}
	for _, s := range all {
		if name != "" && s.Ref.Name != name {
			continue
		}
		l := imageLine{Name: s.Ref.Name, Tag: s.Ref.Tag, Digest: s.Digest.String(),
			Freezer: string(s.Freezer), Size: s.Size, Created: s.Created}
		if s.Err != nil {
			l.Error = s.Err.Error()
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// errNoStore says that nothing was ever saved here.
var errNoStore = errors.New("nothing is saved")

// store opens the image store. A command that only reads makes none.
func (a *app) store() (*image.Store, error) {
	home, err := a.homeFolder()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(home.Store()); errors.Is(err, fs.ErrNotExist) {
		return nil, errNoStore
	}
	return image.Open(home.Store())
}

// savedImage finds a saved image by its NAME[:TAG] or digest.
func (a *app) savedImage(ctx context.Context, ref string) (*image.Image, error) {
	store, err := a.storeFor(ref)
	if err != nil {
		return nil, err
	}
	img, err := store.Get(ctx, ref)
	return img, badRef(err)
}

// storeFor opens the store to look for an image in it. There is none in a
// store that does not exist.
func (a *app) storeFor(ref string) (*image.Store, error) {
	store, err := a.store()
	if errors.Is(err, errNoStore) {
		return nil, &image.NotFoundError{Ref: ref}
	}
	return store, err
}

// badRef makes an error about what was typed a usage error.
func badRef(err error) error {
	if errors.As(err, new(*image.RefError)) || errors.As(err, new(*image.AmbiguousError)) {
		return usageError{err}
	}
	return err
}
