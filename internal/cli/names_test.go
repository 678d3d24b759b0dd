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

// What the manifest here names is meant, also when it is not live: nothing is done to
// another image in its place.
func TestAnImageThatIsNotLive(t *testing.T) {
	p := newPlace(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var from string
	asked := false
	bad := with(shop("bad"), "GET /v1/services", answer([]api.Service{{Name: "web", State: "ready"}}))
	bad["GET /v1/image"] = func(w http.ResponseWriter, _ *http.Request) {
		img := shop("bad")
		img.Manifest = from
		_ = json.NewEncoder(w).Encode(img)
	}
	bad["POST /"] = func(http.ResponseWriter, *http.Request) { asked = true }
	live := p.serve("bad", bad)
	p.writeLog(live, "web", "2026-01-02T03:04:05.000000001Z stdout F not yours")
	commands := [][]string{
		{"ps"}, {"logs"}, {"list"}, {"tree"}, {"events"}, {"wait", "web"}, {"stop", "web"}, {"restart", "web"}, {"reload"},
		{"reload", "-f", here}, {"snapshot", "--quit"}, {"quit"}, {"metrics"}, {"handler", "rm", "x"},
	}
	refused := func(status int, why string) {
		t.Helper()
		for _, args := range commands {
			p.run(args...).want(t, status, "", "seance: "+why+"; live are: bad; name one with -i\n")
		}
		if asked {
			t.Error("the other image was asked to do something")
		}
	}

	p.writeManifest("name: proc\nservices: {web: {command: [sleep, \"1\"]}}\n")
	from = filepath.Join(here, "other.yaml")
	refused(exitNotFound, "no such live image: proc, which "+filepath.Join(here, "seance.yaml")+" names")
	if got := p.run("ps", "-i", "bad"); got.status != exitOK || got.stderr != "" {
		t.Errorf("with the name of the other: %+v", got)
	}
	p.writeLog(p.home.Live("proc"), "web", "2026-01-02T03:04:05.000000001Z stdout F yours")
	p.run("logs").want(t, exitOK, "web | yours\n", "seance: proc is not live; these are its last logs\n")

	// It is meant under another name, too.
	from = filepath.Join(here, "seance.yaml")
	if got := p.run("ps"); got.status != exitOK || got.stderr != "" {
		t.Errorf("the one that was started from it: %+v", got)
	}
	p.run("logs").want(t, exitOK, "web | not yours\n", "")

	// A manifest that cannot be read does not say which one it means.
	commands = [][]string{{"ps"}, {"logs"}, {"quit"}}
	p.writeManifest("name: bad\nservices: {web: {command: [\"${NOT_SET?}\"]}}\n")
	if got := p.run("ps"); got.status != exitOK || got.stderr != "" {
		t.Errorf("the one that was started from it: %+v", got)
	}
	from = filepath.Join(here, "other.yaml")
	refused(exitUsage, "cannot tell which image is meant: the manifest here cannot be read, see: seance check")
	from = ""
	refused(exitUsage, "cannot tell which image is meant: the manifest here cannot be read, see: seance check")
}

// Logs are read, and removed, of the same image, and it is said when that is not one
// of those which are live.
func TestTheLogsThatAreMeantHere(t *testing.T) {
	p := newPlace(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	p.writeManifest("name: proc\nservices: {web: {command: [sleep, \"1\"]}}\n")
	p.writeLog(p.home.Live("proc"), "web", "2026-01-02T03:04:05.000000001Z stdout F first")
	started := func(name string) {
		img := shop(name)
		img.Manifest = filepath.Join(here, "seance.yaml")
		answers := with(shop(name), "GET /v1/services", answer([]api.Service{{Name: "web", State: "ready"}}))
		answers["GET /v1/image"] = answer(img)
		p.writeLog(p.serve(name, answers), "web", "2026-01-02T03:04:05.000000001Z stdout F "+name)
	}
	started("one")
	p.run("logs").want(t, exitOK, "web | one\n", "")
	p.run("logs", "--rm").want(t, exitFailed, "", "seance: cannot remove the logs of image \"one\": it is live; first: seance quit -i one\n")

	started("two")
	const remark = "seance: proc is not live; these are its last logs\n"
	p.run("logs").want(t, exitOK, "web | first\n", remark)
	p.run("logs", "-f").want(t, exitOK, "web | first\n", remark)
	p.run("logs", "-q").want(t, exitOK, "web | first\n", "")
	p.run("logs", "--rm").want(t, exitOK, "removed the logs of proc\n", "")
	p.run("logs", "-i", "one").want(t, exitOK, "web | one\n", "")
}
