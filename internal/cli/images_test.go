package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/image"
)

// save puts an image into the store, with a memory that is text.
func (p *place) save(ref, memory string) *image.Image {
	p.t.Helper()
	store, err := image.Open(p.home.Store())
	if err != nil {
		p.t.Fatal(err)
	}
	w, err := store.Create(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer w.Abort() //nolint:errcheck // no effect after Commit
	dump := p.t.TempDir()
	if err := os.WriteFile(filepath.Join(dump, "pages-1.img"), []byte(memory), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if _, err := w.AddTree(p.t.Context(), image.LayerMemory, dump, image.IsMemoryFile); err != nil {
		p.t.Fatal(err)
	}
	parsed, err := image.ParseRef(ref)
	if err != nil {
		p.t.Fatal(err)
	}
	img, err := w.Commit(p.t.Context(), parsed, image.Config{
		SnapshotID:  "snapshot of " + ref,
		Created:     time.Now().Add(-2 * time.Hour),
		Freezer:     image.FreezerCRIU,
		Manifest:    image.ManifestSource{Path: "/srv/shop/seance.yaml"},
		StartupList: []image.StartupEntry{{ID: "link", Category: "system"}, {ID: "db", Category: "user", Priority: 100}},
		Versions:    image.Versions{CRIU: "4.2.1"},
		Session:     image.SessionInfo{ID: "s1", Started: time.Now().Add(-3 * time.Hour)},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return img
}

func (got printed) match(t *testing.T, status int, stdout, stderr string) {
	t.Helper()
	for _, s := range []struct{ what, text, pattern string }{{"stdout", got.stdout, stdout}, {"stderr", got.stderr, stderr}} {
		if !regexp.MustCompile("^(?s:" + s.pattern + ")$").MatchString(s.text) {
			t.Errorf("%s is\n%swant a match of\n%s", s.what, s.text, s.pattern)
		}
	}
	if got.status != status {
		t.Errorf("exit status %d, want %d\n%s", got.status, status, got.stderr)
	}
}

func TestImages(t *testing.T) {
	p := newPlace(t)
	p.save("shop:before", "one")
	p.save("shop", "two")
	p.save("trial", "three")
	p.run("images").match(t, exitOK, `NAME   TAG     DIGEST               FREEZER +SIZE  CREATED
shop   latest  sha256:[0-9a-f]{12}  criu +[\d.]+ K?i?B  2h ago
shop   before  sha256:[0-9a-f]{12}  criu +[\d.]+ K?i?B  2h ago
trial  latest  sha256:[0-9a-f]{12}  criu +[\d.]+ K?i?B  2h ago
`, "")
	if got := p.run("images", "trial").stdout; strings.Contains(got, "shop") || !strings.Contains(got, "trial") {
		t.Errorf("images trial prints\n%s", got)
	}
	var lines []imageLine
	out := p.run("images", "--json").stdout
	if err := json.Unmarshal([]byte(out), &lines); err != nil || len(lines) != 3 || lines[0].Tag != "latest" || lines[0].Size == 0 {
		t.Errorf("images --json prints %s (%v)", out, err)
	}
}

func TestImageInspect(t *testing.T) {
	p := newPlace(t)
	img := p.save("shop:x", "one")
	want := `image     shop
digest    ` + img.Digest.String() + `
created   \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ \(2h ago\)
freezer   criu
platform  linux/\w+
made by   CRIU 4.2.1
session   s1  since .* \(3h ago\)
manifest  /srv/shop/seance.yaml
size      [\d.]+ K?i?B \(memory \d+ B\)
start-up  link, db
files     0 open or mapped
`
	p.run("image", "inspect", "shop:x").match(t, exitOK, want, "")
	p.run("image", "inspect", img.Digest.String()).match(t, exitOK, want, "")
	p.run("image", "inspect", img.Digest.Encoded()[:12]).match(t, exitOK, want, "")

	var got inspection
	out := p.run("image", "inspect", "--json", "shop:x").stdout
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Ref != "shop:x" || got.Config.SnapshotID != "snapshot of shop:x" || len(got.Layers) != 1 {
		t.Errorf("inspect --json prints %s (%v)", out, err)
	}
}

func TestImageNotFound(t *testing.T) {
	p := newPlace(t)
	p.save("shop:x", "one")
	for _, args := range []string{"image inspect shop:y", "image rm shop:y", "image verify shop:y", "image tree shop:y", "boot shop:y"} {
		p.run(strings.Fields(args)...).match(t, exitNotFound, "", `seance: no image "shop:y": did you mean shop:x\?\n`)
	}
	p.run("image", "inspect", "Shop").match(t, exitUsage, "", "seance: \"Shop\" .*\n")
}

func TestImageRm(t *testing.T) {
	p := newPlace(t)
	p.save("shop:a", "one")
	p.save("shop:b", "two")
	p.run("image", "rm", "shop:a", "nope", "shop:b").match(t, exitNotFound,
		`removed shop:a \([\d.]+ K?i?B freed\)\nremoved shop:b \([\d.]+ K?i?B freed\)\n`, "seance: .*\"nope\".*\n")
	if got := p.run("images", "--json").stdout; got != "[]\n" {
		t.Errorf("left: %s", got)
	}
}

func TestImageVerifyFindsDamage(t *testing.T) {
	p := newPlace(t)
	img := p.save("shop", "one")
	p.run("image", "verify").match(t, exitOK, "the image store is whole\n", "")
	p.run("image", "verify", "shop").match(t, exitOK, "shop is whole\n", "")

	layer := img.Layers()[0].Digest
	blob := filepath.Join(p.home.Store(), "blobs", layer.Algorithm().String(), layer.Encoded())
	if err := os.Truncate(blob, img.Layers()[0].Size-1); err != nil {
		t.Fatal(err)
	}
	p.run("image", "verify", "shop").match(t, exitFailed, "", "seance: image \"shop:latest\" is damaged: .*\nseance: shop is damaged\n")
	var got verification
	out := p.run("image", "verify", "--json", "-q")
	if err := json.Unmarshal([]byte(out.stdout), &got); err != nil || got.OK || len(got.Damage) == 0 || out.status != exitFailed {
		t.Errorf("verify --json prints %s (%v), status %d", out.stdout, err, out.status)
	}
}
