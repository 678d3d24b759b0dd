package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seancehq/seance/api"
)

// reloads answers requests to reload with the plan or the result, and keeps them.
func reloads(asked *[]api.ReloadRequest, r api.ReloadResult, failed ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		var one api.ReloadRequest
		_ = json.NewDecoder(req.Body).Decode(&one)
		*asked = append(*asked, one)
		result := api.ReloadResult{Steps: append([]api.ReloadStep(nil), r.Steps...), Unchanged: r.Unchanged, Done: !one.DryRun}
		for i := range failed {
			if !one.DryRun {
				result.Steps[i].Error = failed[i]
			}
		}
		answer(api.Event{Type: api.EventStage, Message: "stopping web"}, api.Event{Type: api.EventResult, Reload: &result})(w, req)
	}
}

func somePlan() api.ReloadResult {
	return api.ReloadResult{Unchanged: 1, Steps: []api.ReloadStep{
		{Action: api.ReloadStop, Name: "old", Kind: "service"},
		{Action: api.ReloadChange, Name: "web", Kind: "service", Keys: []string{"command", "env"}},
		{Action: api.ReloadUpdate, Name: "db", Kind: "service", Keys: []string{"restart"}},
		{Action: api.ReloadStart, Name: "mail", Kind: "service"},
	}}
}

const planText = `STEP     NAME  KIND     CHANGED
stop     old   service  -
restart  web   service  command,env
update   db    service  restart
start    mail  service  -
1 other stays as it is
`

const reloadedText = planText + "shop is reloaded: 1 stopped, 1 started, 1 restarted, 1 updated\n"

func TestReload(t *testing.T) {
	p := newPlace(t)
	p.writeManifest("name: shop\nservices: {a: {command: [sleep, \"1\"]}}\n")
	path, err := filepath.Abs("seance.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var asked []api.ReloadRequest
	routes := with(shop("shop"), "POST /v1/reload", reloads(&asked, somePlan()))
	routes["GET /v1/manifest"] = answer(api.Source{Manifest: []byte("services: {}"), ManifestPath: path})
	p.serve("shop", routes)

	p.run("reload", "--dry-run").want(t, exitOK, planText, "")
	if len(asked) != 1 || !asked[0].DryRun || asked[0].ManifestPath != path || !strings.Contains(string(asked[0].Manifest), "sleep") {
		t.Errorf("asked for %+v, want a dry run of %s", asked, path)
	}

	asked = nil
	t.Chdir(t.TempDir()) // the manifest is that of the image, not the one here
	p.run("reload").want(t, exitOK, reloadedText, "")
	if len(asked) != 2 || !asked[0].DryRun || asked[1].DryRun || asked[1].ManifestPath != path {
		t.Errorf("asked for %+v, want a dry run of %s and then a reload", asked, path)
	}
	p.run("reload", "-q").want(t, exitOK, "", "")

	var got api.ReloadResult
	out := p.run("reload", "--json")
	if err := json.Unmarshal([]byte(out.stdout), &got); err != nil || !got.Done || len(got.Steps) != 4 {
		t.Errorf("got %s (%v), want the result", out.stdout, err)
	}
	out = p.run("reload", "--json", "--dry-run")
	if err := json.Unmarshal([]byte(out.stdout), &got); err != nil || got.Done || len(got.Steps) != 4 {
		t.Errorf("got %s (%v), want the plan", out.stdout, err)
	}
}

// A manifest that is named says which image is meant, unless --image does.
func TestReloadOfANamedManifest(t *testing.T) {
	p := newPlace(t)
	p.writeManifest("name: shop\nservices: {a: {command: [sleep, \"1\"]}}\n")
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var shops, trials []api.ReloadRequest
	p.serve("shop", with(shop("shop"), "POST /v1/reload", reloads(&shops, api.ReloadResult{Unchanged: 1})))
	routes := with(shop("trial"), "POST /v1/reload", reloads(&trials, api.ReloadResult{Unchanged: 1}))
	routes["GET /v1/manifest"] = answer(api.Source{Manifest: []byte("services: {}")})
	p.serve("trial", routes)
	t.Chdir(t.TempDir())
	p.run("reload", "-f", folder).want(t, exitOK, "nothing to do: shop is as its manifest says\n", "")
	if len(shops) != 1 || len(trials) != 0 {
		t.Errorf("shop was asked %d times, want 1 (for the plan); trial %d", len(shops), len(trials))
	}
	var got api.ReloadResult
	if out := p.run("reload", "-f", folder, "--json"); json.Unmarshal([]byte(out.stdout), &got) != nil || !got.Done {
		t.Errorf("nothing to do is done, got %s", out.stdout)
	}
	p.run("reload", "-f", folder, "-i", "trial").want(t, exitOK, "nothing to do: trial is as its manifest says\n", "")
	p.run("reload", "-i", "trial").want(t, exitUsage, "", "seance: image \"trial\" was started without a manifest; name one with --file\n")
	p.run("reload", "-f", "nowhere").want(t, exitUsage, "", p.run("check", "-f", "nowhere").stderr)
}

// A live image keeps its name, whatever its manifest says now.
func TestReloadOfAnotherName(t *testing.T) {
	const text = "services: {a: {command: [sleep, \"1\"]}}\n"
	const nothing = "nothing to do: shop is as its manifest says\n"
	for was, remark := range map[string]string{
		"shop": "seance: the manifest's name is mall now; the live image keeps its name shop until it is started again\n",
		"mall": "", // up --name shop
	} {
		t.Run(was, func(t *testing.T) {
			p := newPlace(t)
			p.writeManifest("name: mall\n" + text)
			path, err := filepath.Abs("seance.yaml")
			if err != nil {
				t.Fatal(err)
			}
			var asked []api.ReloadRequest
			routes := with(shop("shop"), "POST /v1/reload", reloads(&asked, api.ReloadResult{Unchanged: 1}))
			routes["GET /v1/manifest"] = answer(api.Source{Manifest: []byte("name: " + was + "\n" + text), ManifestPath: path})
			p.serve("shop", routes)
			p.run("reload", "-i", "shop").want(t, exitOK, nothing, remark)
			p.run("reload", "--dry-run", "-f", path, "-i", "shop").want(t, exitOK, nothing, remark)
		})
	}
}

func TestReloadThatFails(t *testing.T) {
	p := newPlace(t)
	p.writeManifest("name: shop\nservices: {a: {command: [sleep, \"1\"]}}\n")
	var asked []api.ReloadRequest
	p.serve("shop", with(shop("shop"), "POST /v1/reload", reloads(&asked, somePlan(), "", "cannot start service \"web\": not ready within 1s; its last lines:\n  | oh")))
	p.run("reload", "-f", ".").want(t, exitPartly, planText+"shop is reloaded: 1 stopped, 1 started, 1 updated\n",
		"seance: cannot start service \"web\": not ready within 1s; its last lines:\n  | oh\n")

	p.serve("busy", with(shop("busy"), "POST /v1/reload", refuse(409, api.Error{Code: api.CodeBusy, Message: "the image is quitting"})))
	p.run("reload", "-f", ".", "-i", "busy").want(t, exitBusy, "", "seance: the image is quitting\n")
}
