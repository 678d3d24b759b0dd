package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/seancehq/seance/api"
)

// errNoLiveImage says that there is no live image to speak to.
var errNoLiveImage = errors.New("no such live image")

// answerTimeout is how long a monitor may take to say what its image does.
const answerTimeout = 10 * time.Second

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
	img, err := firstAnswer(ctx, client)
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

// attachDefault speaks to the image of the manifest in the current folder, or
// else to the only one there is.
func (a *app) attachDefault(ctx context.Context, home api.Home) (*target, error) {
	all, err := a.liveImages(ctx, home)
	if err != nil {
		return nil, err
	}
	here := nameHere()
	for _, t := range all {
		if t.image.Name == here {
			return t, nil
		}
	}
	switch len(all) {
	case 0:
		return nil, fmt.Errorf("%w: nothing is live; start one with: seance up", errNoLiveImage)
	case 1:
		return all[0], nil
	}
	return nil, fmt.Errorf("%w: several are live, say which with --image: %s", errNoLiveImage, names(all))
}

// otherLive is the part of an error message that names the live images.
func (a *app) otherLive(ctx context.Context, home api.Home) string {
	all, err := a.liveImages(ctx, home)
	if err != nil || len(all) == 0 {
		return ""
	}
	return "; live: " + names(all)
}

func names(all []*target) string {
	list := make([]string, len(all))
	for i, t := range all {
		list[i] = t.image.Name
	}
	return strings.Join(list, ", ")
}

// liveImages speaks to every live image. One that turns out to be dead, or
// cannot be spoken to, is left out with a remark.
func (a *app) liveImages(ctx context.Context, home api.Home) ([]*target, error) {
	recorded, err := home.LiveImages()
	if err != nil {
		return nil, err
	}
	var all []*target
	for _, live := range recorded {
		t, err := a.attach(ctx, live)
		switch {
		case err == nil:
			all = append(all, t)
		case ctx.Err() != nil:
			return nil, interruptedError{}
		default:
			a.warn("%v", err)
		}
	}
	return all, nil
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
// be starting a new one: then this waits for either to be over.
func (a *app) attach(ctx context.Context, live api.Live) (*target, error) {
	client := api.NewClient(live.Socket())
	deadline := time.Now().Add(answerTimeout)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		img, err := firstAnswer(ctx, client)
		if unanswered(err) {
			img, err = a.adopt(ctx, live)
		}
		if err == nil {
			return &target{Client: client, image: img}, nil
		}
		if !errors.Is(err, errMonitored) || time.Now().After(deadline) {
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

// errMonitored says that an image cannot be adopted: it has a monitor.
var errMonitored = errors.New("it has a monitor that does not answer")

// adopt starts a monitor for an image that has lost its own.
func (a *app) adopt(ctx context.Context, live api.Live) (api.Image, error) {
	img, err := a.launch(ctx, api.Launch{Action: api.ActionAdopt, Name: live.Name}, nil)
	var remote *api.Error
	switch {
	case err == nil:
		return *img, nil
	case isNotAlive(err), errors.As(err, new(interruptedError)):
		return api.Image{}, err
	case errors.As(err, &remote) && remote.Code == api.CodeBusy:
		err = errMonitored
	}
	return api.Image{}, fmt.Errorf("cannot adopt image %q: %w", live.Name, err)
}

func firstAnswer(ctx context.Context, client *api.Client) (api.Image, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	img, err := client.Image(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return img, fmt.Errorf("the image's monitor does not answer within %s", answerTimeout)
	}
	return img, err
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
