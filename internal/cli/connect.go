package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/manifest"
)

// errNoLiveImage says that there is no live image to speak to.
var errNoLiveImage = errors.New("no such live image")

// target is a live image that answered.
type target struct {
	*api.Client
	image  api.Image
	inside bool // this command runs inside the image
}

// connect finds the live image that the command is about and speaks to it. An
// image whose monitor is gone gets a new one.
func (a *app) connect(ctx context.Context) (*target, error) {
	if socket := a.insideSocket(); socket != "" {
		return a.connectInside(ctx, socket)
	}
	return a.connectOutside(ctx)
}

// insideSocket is the socket of the image that this command runs in; "" when
// it runs in none or is asked about another.
func (a *app) insideSocket() string {
	if a.home != "" || a.image != "" && a.image != a.env(api.EnvImage) {
		return ""
	}
	return a.env(api.EnvSocket)
}

func (a *app) connectInside(ctx context.Context, socket string) (*target, error) {
	client := api.NewClient(socket)
	img, err := ask(ctx, client, a.env(api.EnvImage), func() keepers { return keepers{init: listener(socket)} })
	if err != nil {
		return nil, fmt.Errorf("cannot reach the image around this program: %w", err)
	}
	return &target{Client: client, image: img, inside: true}, nil
}

// connectOutside is connect for commands that make no sense inside an image.
func (a *app) connectOutside(ctx context.Context) (*target, error) {
	home, err := a.homeFolder()
	if err != nil {
		return nil, err
	}
	if name := a.imageFlag(); name != "" {
		return a.attachNamed(ctx, home, name)
	}
	return a.attachDefault(ctx, home)
}

// imageFlag is the name of the live image that was asked for, "" for none.
func (a *app) imageFlag() string {
	if a.image != "" {
		return a.image
	}
	return a.env(api.EnvImage)
}

func (a *app) attachNamed(ctx context.Context, home api.Home, name string) (*target, error) {
	if err := checkLiveName(name); err != nil {
		return nil, err
	}
	live := home.Live(name)
	if !live.Recorded() {
		return nil, fmt.Errorf("%w: %s%s", errNoLiveImage, name, a.otherLive(ctx, home))
	}
	return a.attach(ctx, live)
}

// attachDefault speaks to the image of the manifest in the current folder, be it
// live or not. Only where there is no manifest the only live one is meant.
func (a *app) attachDefault(ctx context.Context, home api.Home) (*target, error) {
	m, err := manifestHere()
	if m != nil {
		return a.attachOurs(ctx, home, m)
	}
	all, liveErr := a.liveImages(ctx, home)
	switch {
	case liveErr != nil:
		return nil, liveErr
	case err != nil:
		if t := startedHere(all); t != nil {
			return t, nil
		}
		return nil, usageError{fmt.Errorf("cannot tell which image is meant: the manifest here cannot be read, see: seance check%s", nameOne(all))}
	}
	switch len(all) {
	case 0:
		return nil, fmt.Errorf("%w: nothing is live; start one with: seance up", errNoLiveImage)
	case 1:
		return all[0].target, all[0].err
	}
	return nil, severalError{names(all)}
}

// startedHere is the one of the live images that was started from the manifest in
// the current folder, nil for none and for several.
func startedHere(all []found) (ours *target) {
	for _, f := range all {
		switch {
		case f.err != nil || !isManifestHere(f.target.image.Manifest):
		case ours != nil:
			return nil
		default:
			ours = f.target
		}
	}
	return ours
}

// attachOurs speaks to the live image of a manifest, by the name in that.
func (a *app) attachOurs(ctx context.Context, home api.Home, m *manifest.Manifest) (*target, error) {
	live := home.Live(m.Name)
	if !live.Recorded() {
		return a.attachRenamed(ctx, home, m)
	}
	t, err := a.attach(ctx, live)
	if err == nil {
		err = t.checkOurs(m)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// attachRenamed speaks to the live image of a manifest that has another name than
// that says: it was given one, or is a copy, or the manifest has changed. None is
// taken that comes from elsewhere.
func (a *app) attachRenamed(ctx context.Context, home api.Home, m *manifest.Manifest) (*target, error) {
	all, err := a.liveImages(ctx, home)
	if err != nil {
		return nil, err
	}
	if t := startedHere(all); t != nil {
		return t, nil
	}
	err = fmt.Errorf("%w: %s, which %s names", errNoLiveImage, m.Name, m.Path)
	if len(all) == 0 {
		return nil, fmt.Errorf("%w; start it with: seance up", err)
	}
	return nil, fmt.Errorf("%w%s", err, nameOne(all))
}

// nameOne is the end of a message to who has to choose among the live images.
func nameOne(all []found) string {
	if len(all) == 0 {
		return ""
	}
	return "; live are: " + names(all) + "; name one with -i"
}

// severalError says that it is not clear which live image is meant.
type severalError struct{ names string }

func (e severalError) Error() string {
	return "several images are live, say which with --image: " + e.names
}

func (e severalError) Is(target error) bool { return target == errNoLiveImage }

// otherLive is the part of an error message that names the live images.
func (a *app) otherLive(ctx context.Context, home api.Home) string {
	all, err := a.liveImages(ctx, home)
	if err != nil || len(all) == 0 {
		return ""
	}
	return "; live are: " + names(all)
}

func names(all []found) string {
	list := make([]string, len(all))
	for i, f := range all {
		list[i] = f.live.Name
	}
	return strings.Join(list, ", ")
}

// found is an image on record that is not known to be dead: one that answered,
// or the reason why it did not.
type found struct {
	live   api.Live
	target *target
	err    error
}

// liveImages speaks to every image on record, to all at the same time, so that
// one that hangs does not hold up the others. One that turns out to be dead is
// left out with a remark.
func (a *app) liveImages(ctx context.Context, home api.Home) ([]found, error) {
	for _, word := range home.TakeLastWords() {
		a.warn("%s", word)
	}
	recorded, err := home.LiveImages()
	if err != nil {
		return nil, err
	}
	all := make([]found, len(recorded))
	var asked sync.WaitGroup
	for i, live := range recorded {
		asked.Go(func() {
			t, err := a.attach(ctx, live)
			all[i] = found{live, t, err}
		})
	}
	asked.Wait()
	if ctx.Err() != nil {
		return nil, interruptedError{}
	}
	return slices.DeleteFunc(all, func(f found) bool {
		dead := isNotAlive(f.err)
		if dead {
			a.warn("%v", f.err)
		}
		return dead
	}), nil
}

// isNotAlive says whether err is that an image on record has died. Its monitor
// says how, as far as that is known, and has removed the record.
func isNotAlive(err error) bool {
	var remote *api.Error
	return errors.As(err, &remote) && remote.Code == api.CodeNotAlive
}

// attach speaks to one live image. Without a monitor it gets a new one, which
// finds out whether the image is still alive.
//
// A monitor that was killed may still be about to end, or another command may
// be starting a new one: then this waits for either to be over. So it does for a
// `seance run` that has just begun or is about to end.
func (a *app) attach(ctx context.Context, live api.Live) (*target, error) {
	client := api.NewClient(live.Socket())
	deadline := time.Now().Add(answerTimeout)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		img, err := ask(ctx, client, live.Name, func() keepers { return keepersOf(live) })
		if unanswered(err) {
			img, err = a.adopt(ctx, live)
		}
		if err == nil {
			return &target{Client: client, image: img}, nil
		}
		if !errors.As(err, new(keptError)) || time.Now().After(deadline) {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, interruptedError{}
		}
	}
}

// unanswered says whether err is that of a request which no monitor took, or
// which one took down with it.
func unanswered(err error) bool {
	for _, lost := range []error{api.ErrNoMonitor, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// homeFolder is the folder that holds everything seance keeps.
func (a *app) homeFolder() (api.Home, error) {
	dir := a.home
	if dir == "" {
		dir = a.env(api.EnvHome)
	}
	if dir == "" {
		return api.DefaultHome()
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return api.Home{}, fmt.Errorf("cannot use folder %q: %w", dir, err)
	}
	return api.Home{Dir: abs}, nil
}
