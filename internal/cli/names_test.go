package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/seancehq/seance/api"
)

// Two folders may have manifests of one name. What is live is that of one of them.
func TestAnImageOfAnotherFolder(t *testing.T) {
	p := newPlace(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(here, alias); err != nil {
		t.Fatal(err)
	}
	const services = "services: {web: {command: [sleep, \"1\"]}}\n"
	p.writeManifest("name: shop\n" + services)
	var from string
	routes := with(shop("shop"), "GET /v1/services", answer([]api.Service{{Name: "web", State: "ready"}}))
	routes["GET /v1/image"] = func(w http.ResponseWriter, _ *http.Request) {
		img := shop("shop")
		img.Manifest = from
		_ = json.NewEncoder(w).Encode(img)
	}
	live := p.serve("shop", routes)
	p.writeLog(live, "web", "2026-01-02T03:04:05.000000001Z stdout F not yours")

	from = filepath.Join(other, "seance.yaml")
	refusal := "seance: image \"shop\" is live, but from " + from + ", and not from " + filepath.Join(here, "seance.yaml") +
		"; to speak of it all the same: -i shop\n"
	for _, args := range [][]string{
		{"ps"}, {"logs"}, {"list"}, {"tree"}, {"events"}, {"wait", "web"}, {"stop", "web"}, {"restart", "web"}, {"reload"},
		{"reload", "-f", here}, {"snapshot"}, {"quit"}, {"metrics"},
	} {
		p.run(args...).want(t, exitNotFound, "", refusal)
	}
	if got := p.run("ps", "-i", "shop"); got.status != exitOK || got.stderr != "" {
		t.Errorf("with its name: %+v", got)
	}
	p.env[api.EnvImage] = "shop"
	if got := p.run("ps"); got.status != exitOK || got.stderr != "" {
		t.Errorf("with its name in the environment: %+v", got)
	}
	delete(p.env, api.EnvImage)

	for what, path := range map[string]string{
		"the folder by another name":   filepath.Join(alias, "seance.yaml"),
		"another file of the folder":   filepath.Join(here, "production.yaml"),
		"a folder that is not there":   filepath.Join(other, "gone", "seance.yaml"),
		"no manifest, but a program's": "",
	} {
		from = path
		if got := p.run("ps"); got.status != exitOK || got.stderr != "" {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
