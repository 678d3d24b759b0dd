package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/internal/linux/netlock"
)

func (a *app) imageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Look at, check and remove saved images",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	addTo(cmd, "",
		&cobra.Command{
			Use:   "inspect NAME[:TAG]|DIGEST",
			Short: "Say what a saved image holds",
			Args:  arguments(1, 1),
			RunE:  func(cmd *cobra.Command, args []string) error { return a.inspect(cmd.Context(), args[0]) },
		},
		a.imageTreeCommand(),
		&cobra.Command{
			Use:   "rm NAME[:TAG]|DIGEST…",
			Short: "Remove saved images",
			Args:  arguments(1, anyNumber),
			RunE:  func(cmd *cobra.Command, args []string) error { return a.remove(cmd.Context(), args) },
		},
		&cobra.Command{
			Use:   "verify [NAME[:TAG]|DIGEST]",
			Short: "Check that saved images are what was written",
			Long:  `Read every byte of a saved image, or of all of them, and compare it with its digest.`,
			Args:  arguments(0, 1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.verify(cmd.Context(), strings.Join(args, ""))
			},
		},
	)
	return cmd
}

// inspection is what seance image inspect prints as JSON.
type inspection struct {
	Ref    string        `json:"ref,omitempty"`
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
	Layers []image.Layer `json:"layers"`
	Config image.Config  `json:"config"`
}

func (a *app) inspect(ctx context.Context, ref string) error {
	img, err := a.savedImage(ctx, ref)
	if err != nil {
		return err
	}
	if a.json {
		i := inspection{Digest: img.Digest, Size: img.Size(), Layers: orEmpty(img.Layers()), Config: img.Config}
		if img.Ref != (image.Ref{}) {
			i.Ref = img.Ref.String()
		}
		return a.printJSON(i)
	}
	for _, f := range facts(img, time.Now()) {
		if f.what == "" {
			continue
		}
		if _, err := fmt.Fprintf(a.stdout, "%-9s %s\n", f.name, f.what); err != nil {
			return err
		}
	}
	return nil
}

type fact struct{ name, what string }

// facts is the part of a saved image's description that a person looks for.
func facts(img *image.Image, now time.Time) []fact {
	c := img.Config
	return []fact{
		{"image", c.Name},
		{"digest", img.Digest.String()},
		{"created", moment(c.Created, now)},
		{"freezer", string(c.Freezer)},
		{"platform", c.OS + "/" + c.Architecture},
		{"made by", madeBy(c.Versions)},
		{"parent", c.Parent.String()},
		{"session", strings.TrimSpace(c.Session.ID + "  since " + moment(c.Session.Started, now))},
		{"manifest", string(c.Manifest.Path)},
		{"size", size(img.Size()) + layerSizes(img.Layers())},
		{"start-up", startupOf(c.StartupList)},
		{"capture", strings.Join(c.Capture, ", ")},
		{"files", fmt.Sprintf("%d open or mapped", len(c.Files))},
	}
}

func moment(t, now time.Time) string {
	return fmt.Sprintf("%s (%s ago)", t.Local().Format("2006-01-02 15:04:05 MST"), since(t, now))
}

func madeBy(v image.Versions) string {
	var parts []string
	for _, p := range []struct{ name, version string }{{"seance", v.Seance}, {"CRIU", v.CRIU}, {"Linux", v.Kernel}} {
		if p.version != "" {
			parts = append(parts, p.name+" "+p.version)
		}
	}
	return strings.Join(parts, ", ")
}

func layerSizes(layers []image.Layer) string {
	var parts []string
	for _, l := range layers {
		parts = append(parts, fmt.Sprintf("%s %s", l.Kind, size(l.Size)))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func startupOf(entries []image.StartupEntry) string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	return strings.Join(ids, ", ")
}

// removal is what seance image rm prints as JSON, one for each argument.
type removal struct {
	Refs   []string      `json:"refs"` // the tags that are gone
	Digest digest.Digest `json:"digest"`
	Freed  int64         `json:"freed"` // bytes
}

// remove removes every image it can, and reports the others.
func (a *app) remove(ctx context.Context, refs []string) error {
	done := []removal{}
	var errs []error
	for _, ref := range refs {
		r, err := a.removeOne(ctx, ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, r)
		if !a.json && !a.quiet {
			fmt.Fprintf(a.stdout, "removed %s (%s freed)\n", strings.Join(r.Refs, ", "), size(r.Freed))
		}
	}
	if a.json {
		errs = append(errs, a.printJSON(done))
	}
	return errors.Join(errs...)
}

func (a *app) removeOne(ctx context.Context, ref string) (removal, error) {
	store, err := a.storeFor(ref)
	if err != nil {
		return removal{}, err
	}
	img, _ := store.Get(ctx, ref) // one that is damaged can be removed all the same
	r, err := store.Remove(ctx, ref)
	if err != nil {
		return removal{}, badRef(err)
	}
	if img != nil && img.Config.NetworkLock != "" && r.Blobs > 0 {
		if err := netlock.Remove(img.Config.NetworkLock); err != nil {
			a.warn("%v", err)
		}
	}
	if r.Kept != nil {
		a.warn("the space of %s is not freed: %v", ref, r.Kept)
	}
	gone := removal{Refs: make([]string, len(r.Refs)), Digest: r.Digest, Freed: r.Bytes}
	for i, tag := range r.Refs {
		gone.Refs[i] = tag.String()
	}
	return gone, nil
}

// verification is what seance image verify prints as JSON.
type verification struct {
	OK     bool     `json:"ok"`
	Damage []string `json:"damage"`
}

func (a *app) verify(ctx context.Context, ref string) error {
	store, err := a.storeFor(ref)
	if errors.Is(err, image.ErrNotFound) && ref == "" {
		return a.printVerified(ref, nil) // nothing was ever saved
	}
	if err != nil {
		return err
	}
	err = store.Verify(ctx, ref)
	damage := damageIn(err)
	if err != nil && len(damage) == 0 {
		return badRef(err)
	}
	return a.printVerified(ref, damage)
}

// damageIn lists all damage in an error of Verify; none when the error is of
// another kind.
func damageIn(err error) []string {
	if !errors.As(err, new(*image.CorruptError)) {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func (a *app) printVerified(ref string, damage []string) error {
	what := "the image store"
	if ref != "" {
		what = ref
	}
	if a.json {
		if err := a.printJSON(verification{OK: len(damage) == 0, Damage: orEmpty(damage)}); err != nil {
			return err
		}
	}
	for _, d := range damage {
		a.warn("%s", d)
	}
	if len(damage) > 0 {
		return fmt.Errorf("%s is damaged", what)
	}
	if a.json || a.quiet {
		return nil
	}
	_, err := fmt.Fprintf(a.stdout, "%s is whole\n", what)
	return err
}
