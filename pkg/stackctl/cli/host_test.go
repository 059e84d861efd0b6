package cli_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/cli"
	"stackctl/pkg/stackctl/digitalocean"
	"stackctl/pkg/stackctl/digitalocean/fake"
	"stackctl/pkg/stackctl/stack"
)

// renting is a project whose server is rented from a fake account.
func renting(t *testing.T, a *fake.API) map[string]string {
	t.Helper()
	t.Setenv("DIGITALOCEAN_TOKEN", fake.Token)
	return map[string]string{
		"id.pub":        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIl9JbIWl5gTdrqg1XPBGHDNVuVJFp3wHyNuKMWyJXqR me\n",
		"stackctl.yaml": "project: shop\ntargets:\n  prod:\n    domain: shop.example.org\n    known_hosts: known\n    ssh_config: none\n    host_from: {digitalocean: {region: fra1, ssh_key: id.pub, api: \"" + a.URL + "\"}}\n",
	}
}

// made is a droplet of the project's, as another machine made it.
func made(a *fake.API) {
	d := digitalocean.Droplet{ID: 7, Name: "shop-prod", Status: "active", Size: "s-1vcpu-1gb", Tags: []string{"stackctl:shop", "stackctl:shop:prod"}, Made: "2026-11-30T12:00:00Z"}
	d.Region.Slug, d.Networks.V4 = "fra1", []digitalocean.Address{{IP: "203.0.113.7", Type: "public"}}
	a.Droplets = append(a.Droplets, d, digitalocean.Droplet{ID: 8, Name: "other", Tags: []string{"stackctl:blog"}})
}

func TestTheServerOfAProjectIsListed(t *testing.T) {
	a := fake.New(t)
	made(a)
	exit, text, _ := run(t, renting(t, a), "host", "list", "--output", "json")
	var list []struct{ Target, Name, Address, Status string }
	if err := json.Unmarshal([]byte(text), &list); exit != 0 || err != nil || len(list) != 1 || list[0].Target != "prod" || list[0].Address != "203.0.113.7" {
		t.Errorf("exit %d, %v:\n%s", exit, err, text)
	}
	if exit, text, _ := run(t, renting(t, a), "host", "list"); exit != 0 || !strings.Contains(text, "prod    shop-prod  active  fra1") || strings.Contains(text, "other") {
		t.Errorf("exit %d:\n%s", exit, text)
	}
}

func TestAServerThatAnotherMachineMadeIsTheTargetsFromThenOn(t *testing.T) {
	a := fake.New(t)
	made(a)
	exit, text, _ := run(t, renting(t, a), "host", "create")
	if exit != 0 || !strings.Contains(text, "nobody here knows its host key") || !strings.Contains(text, "host: 203.0.113.7") || len(a.Orders) != 0 {
		t.Errorf("exit %d:\n%s", exit, text)
	}
	raw, err := os.ReadFile(stack.MadeHostFile(".", "prod"))
	if err != nil || !strings.Contains(string(raw), `"address": "203.0.113.7"`) || strings.Contains(string(raw), fake.Token) {
		t.Errorf("%v: %s", err, raw)
	}
}

func TestHostVerbsRefuseWithTheNextStep(t *testing.T) {
	a := fake.New(t)
	made(a)
	files := renting(t, a)
	with := func(from, to string) map[string]string {
		return map[string]string{"id.pub": files["id.pub"], "stackctl.yaml": strings.Replace(files["stackctl.yaml"], from, to, 1)}
	}
	for name, c := range map[string]struct {
		files  map[string]string
		env    string
		forbid string
		exit   int
		says   string
		args   []string
	}{
		"no token":             {files, "-", "", 2, "set DIGITALOCEAN_TOKEN", []string{"host", "list"}},
		"a wrong token":        {files, "dop_v1_wrong", "", 2, "the token is not valid", []string{"host", "list"}},
		"no right":             {files, fake.Token, "GET /v2/droplets", 2, "give the token the scopes", []string{"host", "list"}},
		"nothing to rent":      {map[string]string{"stackctl.yaml": settings}, fake.Token, "", 2, "no target has host_from", []string{"host", "list"}},
		"no server yet":        {files, fake.Token, "", 2, "stackctl host create --target prod", []string{"status"}},
		"a host of its own":    {with("domain:", "host: 198.51.100.1\n    domain:"), fake.Token, "", 2, "has a host already: 198.51.100.1", []string{"host", "create"}},
		"no region":            {with("region: fra1", "region: \"\""), fake.Token, "", 2, "region", []string{"host", "create"}},
		"a token in clear":     {with("fra1", "fra1, token: x"), fake.Token, "", 2, "unknown key", []string{"host", "create"}},
		"no such secret":       {with("fra1", "fra1, token_secret: do"), fake.Token, "", 2, `no secret "do"`, []string{"host", "create"}},
		"an API in clear":      {with("api: \"http://127.0.0.1", "api: \"http://203.0.113.9"), fake.Token, "", 2, "is no https URL", []string{"host", "create"}},
		"no such key":          {with("id.pub", "none.pub"), fake.Token, "", 2, "ssh-keygen -t ed25519", []string{"host", "create"}},
		"nobody is asked":      {files, fake.Token, "", 2, "say --yes shop-prod", []string{"host", "destroy"}},
		"another name":         {files, fake.Token, "", 2, "--yes names blog, and the droplet is shop-prod", []string{"host", "destroy", "--yes", "blog"}},
		"a secret private key": {map[string]string{"id.pub": "-----BEGIN OPENSSH PRIVATE KEY-----\n", "stackctl.yaml": files["stackctl.yaml"]}, fake.Token, "", 2, "it is the private half", []string{"host", "create"}},
	} {
		t.Run(name, func(t *testing.T) {
			if t.Setenv("DIGITALOCEAN_TOKEN", strings.TrimPrefix(c.env, "-")); c.forbid != "" {
				a.Under(func() { a.Forbidden = []string{c.forbid} })
				defer a.Under(func() { a.Forbidden = nil })
			}
			exit, text, _ := run(t, c.files, c.args...)
			if exit != c.exit || !strings.Contains(text, c.says) || strings.Contains(text, fake.Token) {
				t.Errorf("exit %d:\n%s", exit, text)
			}
		})
	}
	if len(a.Droplets) != 2 {
		t.Errorf("what is left is %+v", a.Droplets)
	}
}

func TestDestroyRemovesTheServerThatIsNamed(t *testing.T) {
	a := fake.New(t)
	made(a)
	files := renting(t, a)
	files[".stackctl/hosts/prod.json"] = `{"name": "shop-prod", "id": 7, "address": "203.0.113.7"}`
	exit, text, _ := run(t, files, "host", "destroy", "--yes", "shop-prod")
	if exit != 0 || !strings.Contains(text, "droplet shop-prod (7, s-1vcpu-1gb) at 203.0.113.7, with its disk") || !strings.Contains(text, "ssh-keygen -R 203.0.113.7") || len(a.Droplets) != 1 {
		t.Errorf("exit %d, %d droplets:\n%s", exit, len(a.Droplets), text)
	}
	if _, err := os.Stat(stack.MadeHostFile(".", "prod")); err == nil {
		t.Error("the server is still known")
	}
	if exit, text, _ := run(t, files, "host", "destroy", "--yes", "shop-prod"); exit != cli.ExitDone || !strings.Contains(text, "nothing of target prod is there") {
		t.Errorf("again: exit %d:\n%s", exit, text)
	}
}
