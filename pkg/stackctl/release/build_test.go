package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

const buildCompose = `services:
  edge:
    image: traefik:v3.6.12
    x-stackctl: {layer: edge}
    volumes: ["./traefik.yml:/etc/traefik/traefik.yml:ro", "./dynamic:/etc/traefik/dynamic:ro"]
  web:
    build:
      context: ./web
      target: run
      args: {VERSION: "${VERSION:-1}", RELEASE: "${RELEASE:-dev}", UNSET:}
      secrets: [password]
      extra_hosts: ["db.local:10.0.0.1"]
  api:
    build: .
    image: acme/api:1.2
  worker:
    image: acme/api:1.2
secrets:
  password: {file: password}
`

func newBuilt(t *testing.T, more map[string]string) shop {
	t.Helper()
	files := map[string]string{"compose.yaml": buildCompose, "Dockerfile": "FROM scratch\nCOPY web /\n", "web/Dockerfile": "FROM scratch AS run\nCOPY . /\n", "web/page": "1",
		".dockerignore": "*\n!web\n"}
	for name, content := range more {
		files[name] = content
	}
	return newShop(t, files)
}

func imageOf(t *testing.T, r stack.Release, service string) stack.Image {
	t.Helper()
	s, _ := r.Service(service)
	for _, i := range r.Images {
		if i.Reference == s.Image {
			return i
		}
	}
	t.Fatalf("no image of %s", service)
	return stack.Image{}
}

func TestABuiltImageIsNamedByItsInputs(t *testing.T) {
	first := newBuilt(t, nil).freeze(t)
	web, api, worker := imageOf(t, first, "web"), imageOf(t, first, "api"), imageOf(t, first, "worker")
	if !strings.HasPrefix(web.Reference, "shop-web:") || !strings.HasPrefix(api.Reference, "acme/api:") || worker.Reference != api.Reference || api.Build == nil {
		t.Fatalf("%s %s %s", web.Reference, api.Reference, worker.Reference)
	}
	if strings.Join(api.Build.Tags, " ") != "acme/api:1.2" || len(web.Build.Tags) > 0 {
		t.Errorf("tags %q and %q", api.Build.Tags, web.Build.Tags)
	}
	b := web.Build
	if b.Args["VERSION"] != "1" || b.Args["RELEASE"] != "unreleased" || len(b.Args) != 2 || string(b.Secrets["password"]) != "correct horse\n" || strings.Join(b.ExtraHosts, "") != "db.local=10.0.0.1" || b.Target != "run" {
		t.Errorf("%+v", b)
	}
	if !strings.Contains(string(first.App), web.Reference) {
		t.Errorf("the release does not run %s", web.Reference)
	}
	again := newBuilt(t, nil).freeze(t)
	if again.ID != first.ID {
		t.Errorf("the same inputs in another folder make %s, at first %s", again.ID, first.ID)
	}
	other := newBuilt(t, map[string]string{"web/page": "2"}).freeze(t)
	if other.ID == first.ID || imageOf(t, other, "web").Reference == web.Reference {
		t.Error("another file makes the same image")
	}
	if ignored := newBuilt(t, map[string]string{"notes": "2"}).freeze(t); ignored.ID != first.ID {
		t.Error("a file that .dockerignore leaves out makes another release")
	}
}

func TestAnArchiveIsNotBuilt(t *testing.T) {
	s := newBuilt(t, nil)
	s.inputs.Archives["acme/api:1.2"] = stack.Image{ID: "sha256:cccc", Archive: "api.tar"}
	if i := imageOf(t, s.freeze(t), "api"); i.Build != nil || i.Archive != "api.tar" {
		t.Errorf("%+v", i)
	}
}

// TestWhatCannotBeBuiltIsTold holds that check goes on, and names file and line.
func TestWhatCannotBeBuiltIsTold(t *testing.T) {
	s := newBuilt(t, nil)
	if err := os.Remove(filepath.Join(s.config.Root, "web", "Dockerfile")); err != nil {
		t.Fatal(err)
	}
	r := s.freeze(t)
	i := imageOf(t, r, "web")
	if i.Build.Problem == nil || stack.CauseOf(i.Build.Problem) != stack.CauseUsage || !strings.Contains(strings.Join(r.Warnings, "\n"), "compose.yaml:7: service web cannot be built: there is no Dockerfile") {
		t.Errorf("%v\n%q", i.Build.Problem, r.Warnings)
	}
}

// A volume is filled by the first image alone: a deploy would be good, and serve what
// was there before.
func TestAVolumeOverWhatAnImageBringsIsTold(t *testing.T) {
	for volumes, told := range map[string]bool{
		`["code:/srv/app"]`: true, `["code:/srv"]`: true, `["code:/srv/app/:ro"]`: true, `["code:/srv/app/uploads"]`: false, `["code:/srv/application"]`: false,
		`["/srv/app"]`: false, `["./src:/srv/app:ro"]`: false, `[{type: tmpfs, target: /srv/app}]`: false,
	} {
		s := newProject(t, map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n    volumes: " + volumes + "\nvolumes:\n  code:\n", "Dockerfile": "FROM scratch\nWORKDIR /srv/app\nCOPY src/ .\n", "src/page": "1"})
		r, err := s.read()
		must(t, err)
		warned := strings.Join(r.Warnings, "\n")
		if got := strings.Contains(warned, "compose.yaml:2: service web: volume "); got != told {
			t.Errorf("%s: %s", volumes, warned)
		}
	}
}
