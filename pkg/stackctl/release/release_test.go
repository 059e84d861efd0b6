package release_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

const compose = `services:
  edge:
    image: traefik:v3.6.12
    x-stackctl: {layer: edge}
    ports: ["80:80", "443:443"]
    volumes: ["./traefik.yml:/etc/traefik/traefik.yml:ro", "./dynamic:/etc/traefik/dynamic:ro"]
    networks: [edge]
  db:
    image: postgres:16
    x-stackctl: {layer: data}
    secrets: [password]
    volumes: ["db:/data"]
    networks: [data]
  api:
    image: ${API_IMAGE:-shop/api:dev}
    environment: {RELEASE: "${RELEASE:-dev}", DOMAIN: "${WEBSITE_DOMAIN}"}
    secrets: [password]
    volumes: ["./api.conf:/etc/api.conf:ro"]
    depends_on:
      db: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
    networks: [edge, data]
  migrate:
    image: ${API_IMAGE:-shop/api:dev}
    x-stackctl: {layer: app, run: once}
    networks: [data]
  ui:
    image: ui:1
    profiles: [ops]
    networks: [edge]
networks:
  edge: {}
  data: {internal: true}
volumes:
  db: {}
secrets:
  password: {file: password}
`

type shop struct {
	config stack.Config
	target stack.Target
	inputs release.Inputs
}

func newShop(t *testing.T, files map[string]string) shop {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{"compose.yaml": compose, "traefik.yml": "api: {}\n", "dynamic/routes.yml": "http: {}\n", "api.conf": "a = 1\n", "password": "correct horse\n"}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		if text == "" {
			continue
		}
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := stack.Config{Project: "shop", Root: root, File: filepath.Join(root, "stackctl.yaml")}
	c.Compose = stack.Compose{Files: []string{filepath.Join(root, "compose.yaml")}, EnvFile: filepath.Join(root, ".env")}
	c.Traefik = stack.Traefik{Service: "edge", Static: filepath.Join(root, "traefik.yml"), Dynamic: filepath.Join(root, "dynamic")}
	return shop{
		config: c, target: stack.Target{Name: "prod", Domain: "shop.example", Path: "/srv/shop"},
		inputs: release.Inputs{
			Edge:     stack.EdgeConfig{Static: []byte("api: {}\n"), Dynamic: []stack.File{{Path: "routes.yml", Content: []byte("http: {}\n")}}},
			Archives: map[string]stack.Image{"shop/api:dev": {ID: "sha256:aaaa"}},
			Now:      time.Unix(1, 0),
		},
	}
}

func (s shop) freeze(t *testing.T) stack.Release {
	t.Helper()
	d, err := release.Read(context.Background(), s.config, s.target)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Freeze(s.inputs)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheSameInputsGiveTheSameRelease(t *testing.T) {
	s := newShop(t, nil)
	one := s.freeze(t)
	s.inputs.Now, s.inputs.Commit = time.Unix(99, 0), "other"
	if two := s.freeze(t); one.ID != two.ID {
		t.Errorf("%s and %s", one.ID, two.ID)
	}
}

// A pipeline deploys from a new folder each time.
func TestTheSameFilesInAnotherFolderGiveTheSameRelease(t *testing.T) {
	if one, two := newShop(t, nil).freeze(t), newShop(t, nil).freeze(t); one.ID != two.ID {
		t.Errorf("%s and %s", one.ID, two.ID)
	}
}

func TestAnythingThatRunsChangesTheRelease(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*shop){
		"nothing":  func(*shop) {},
		"image":    func(s *shop) { s.inputs.Archives["shop/api:dev"] = stack.Image{ID: "sha256:bbbb"} },
		"contract": func(s *shop) { s.inputs.Contract = []byte("openapi: 3.0.3") },
		"static":   func(s *shop) { s.inputs.Edge.Static = []byte("api: {dashboard: true}\n") },
		"dynamic":  func(s *shop) { s.inputs.Edge.Dynamic[0].Content = []byte("http: {routers: {}}\n") },
		"domain":   func(s *shop) { s.target.Domain = "other.example" },
		"secret": func(s *shop) {
			must(t, os.WriteFile(filepath.Join(s.config.Root, "password"), []byte("battery staple"), 0o600))
		},
		"file": func(s *shop) { must(t, os.WriteFile(filepath.Join(s.config.Root, "api.conf"), []byte("a = 2"), 0o600)) },
	} {
		s := newShop(t, nil)
		change(&s)
		id := s.freeze(t).ID
		if other, ok := seen[id]; ok {
			t.Errorf("%s gives the same release as %s", name, other)
		}
		seen[id] = name
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheStackIsSplitByLayer(t *testing.T) {
	r := newShop(t, nil).freeze(t)
	for _, want := range []string{"name: shop\n", "  edge:\n", "  db:\n", "internal: true", "/srv/shop/edge/dynamic", "/srv/shop/secrets/"} {
		if !bytes.Contains(r.Base, []byte(want)) {
			t.Errorf("base lacks %q:\n%s", want, r.Base)
		}
	}
	for _, want := range []string{"name: shop-" + r.ID, "  api:\n", "  migrate:\n", "external: true", "name: shop_data",
		"image: sha256:aaaa", `RELEASE: "` + r.ID + `"`, "api-" + r.ID, "/srv/shop/releases/" + r.ID + "/secrets/password"} {
		if !bytes.Contains(r.App, []byte(want)) {
			t.Errorf("app lacks %q:\n%s", want, r.App)
		}
	}
	for _, not := range []string{"depends_on", "  ui:\n", "7305186204917", "correct horse"} {
		if bytes.Contains(r.App, []byte(not)) || bytes.Contains(r.Base, []byte(not)) {
			t.Errorf("%q is in the resolved files", not)
		}
	}
	if _, ok := r.Service("ui"); !ok {
		t.Error("a service behind a profile is not judged")
	}
	if r.Known["password"] != "correct horse" {
		t.Errorf("known secrets: %v", r.Known)
	}
}

// An ID such as 4608712492e8 is a number to YAML: the API would be told another
// name than its own. Contracts differ until the ID is such a one.
func TestAReleaseWhoseIDLooksLikeANumberIsToldItsName(t *testing.T) {
	s := newShop(t, nil)
	d, err := release.Read(context.Background(), s.config, s.target)
	must(t, err)
	for _, number := range []*regexp.Regexp{regexp.MustCompile(`^[0-9]+$`), regexp.MustCompile(`^[0-9]+e[0-9]{1,2}$`)} {
		var r stack.Release
		for i := 0; !number.MatchString(r.ID); i++ {
			s.inputs.Contract = fmt.Append(nil, i)
			r, err = d.Freeze(s.inputs)
			must(t, err)
		}
		var app struct {
			Services map[string]struct{ Environment, Labels map[string]any }
		}
		must(t, yaml.Unmarshal(r.App, &app))
		api := app.Services["api"]
		if got := api.Environment["RELEASE"]; got != r.ID {
			t.Errorf("release %s is told that it is %v", r.ID, got)
		}
		if got := api.Labels[stack.LabelRelease]; got != r.ID {
			t.Errorf("release %s is labelled %v", r.ID, got)
		}
	}
}

func TestWhatStaysIsToldNoRelease(t *testing.T) {
	staying := strings.NewReplacer("    image: postgres:16\n", "    image: postgres:16\n    environment: {RELEASE: \"${RELEASE}\"}\n    labels: {of: \"${RELEASE}\"}\n",
		"  db: {}", "  db: {name: \"db-${RELEASE}\"}", "    networks: [data]\n  ui", "    networks: [data]\n    command: [\"--release=${RELEASE}\"]\n  ui").Replace(compose)
	r := newShop(t, map[string]string{"compose.yaml": staying}).freeze(t)
	for _, want := range []string{"RELEASE: unreleased", "of: unreleased", "name: db-unreleased"} {
		if !bytes.Contains(r.Base, []byte(want)) {
			t.Errorf("base lacks %q:\n%s", want, r.Base)
		}
	}
	for _, f := range r.Files {
		if strings.HasSuffix(f.Path, "/base.yaml") && !bytes.Equal(f.Content, r.Base) {
			t.Errorf("a rollback would read another base than the one that ran:\n%s", f.Content)
		}
	}
	db, _ := r.Service("db")
	migrate, _ := r.Service("migrate")
	if db.Environment["RELEASE"] != "unreleased" || !slices.Equal(migrate.Command, []string{"--release=" + r.ID}) {
		t.Errorf("judged are %v and %v", db.Environment, migrate.Command)
	}
}

func TestBadStacksAreRefusedWithTheirPlace(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"undefined variable": {map[string]string{"compose.yaml": strings.Replace(compose, "image: ui:1", "image: ui:${UI_TAG}", 1)}, "compose.yaml:28: the variable UI_TAG is not defined"},
		"missing secret":     {map[string]string{"password": ""}, "compose.yaml:37: secret password"},
		"empty secret":       {map[string]string{"password": "\n"}, "is empty"},
		"missing mount":      {map[string]string{"api.conf": ""}, "which does not exist"},
		"broken YAML":        {map[string]string{"compose.yaml": "services:\n  a: [\n"}, "compose.yaml:"},
		"unknown key":        {map[string]string{"compose.yaml": strings.Replace(compose, "    networks: [edge]\n  db:", "    netwroks: [edge]\n  db:", 1)}, "netwroks"},
		"no services":        {map[string]string{"compose.yaml": "networks: {}\n"}, "no services"},
		"unknown dependency": {map[string]string{"compose.yaml": strings.Replace(compose, "      migrate: {", "      migrat: {", 1)}, "migrat"},
		"a provider":         {map[string]string{"compose.yaml": strings.Replace(compose, "    image: ui:1\n", "    provider: {type: cloud}\n", 1)}, "compose.yaml:27: service ui is run by the provider cloud"},
		"bad env file":       {map[string]string{".env": "A=1\nB C=2\n"}, ".env"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, c.files)
			d, err := release.Read(context.Background(), s.config, s.target)
			if err == nil {
				_, err = d.Freeze(s.inputs)
			}
			if err == nil {
				t.Fatal("accepted")
			}
			if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in a usage error", err, c.want)
			}
		})
	}
}

func TestWhatADeclaredGateSendsInSecretIsKnown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("Bearer 9f8e7d6c5b4a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := stack.Config{Gates: stack.Gates{Own: []stack.OwnGate{{ID: "U1", HTTP: &stack.OwnHTTP{HeaderFiles: map[string]string{"authorization": file}}}}}}
	known := slices.Collect(maps.Values(release.Known(c, stack.Target{})))
	if !slices.Contains(known, "Bearer 9f8e7d6c5b4a") || !slices.Contains(known, "9f8e7d6c5b4a") {
		t.Errorf("known are %q", known)
	}
}
