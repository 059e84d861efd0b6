package release_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// everything is a project whose files name paths of the checkout everywhere.
func everything(t *testing.T) shop {
	return newProject(t, map[string]string{
		"compose.yaml": `include: [queue/compose.yaml]
services:
  api:
    extends: {file: base/common.yaml, service: program}
    build: {context: ., dockerfile: Dockerfile}
    develop: {watch: [{path: ./src, action: rebuild}]}
    env_file: [api.env]
    label_file: [api.labels]
    environment: {WHERE: "${PWD}"}
    volumes: ["./conf:/conf:ro", "./up:/up", "${PWD}/up2:/up2"]
    secrets: [key]
    configs: [plain]
  db:
    image: postgres:16
    x-stackctl: {layer: data}
    env_file: api.env
    volumes: ["./conf:/conf:ro", "./init:/docker-entrypoint-initdb.d"]
    secrets: [key]
configs:
  plain: {file: ./conf/a}
secrets:
  key: {file: ./key}
`,
		"queue/compose.yaml": "services:\n  queue:\n    image: queue:1\n    env_file: queue.env\n    volumes: [\"./c:/c:ro\"]\n", "queue/queue.env": "Q=1\n", "queue/c/x": "x",
		"base/common.yaml": "services:\n  program:\n    build: ./sub\n    env_file: base.env\n    label_file: base.labels\n    volumes: [\"./files:/files\", \"./ro:/ro:ro\"]\n    develop: {watch: [{path: ./src, action: sync, target: /src}]}\n", "base/base.env": "B=1\n", "base/base.labels": "b=1\n", "base/ro/x": "x",
		"api.env": "A=1\n", "api.labels": "a=1\n", "conf/a": "a", "up/one": "1", "init/a.sql": "select 1", "key": "correct horse battery staple", "Dockerfile": "FROM scratch\n",
	})
}

func TestTheSameProjectIsTheSameReleaseAnywhere(t *testing.T) {
	one, two := everything(t), everything(t)
	// Nothing of it decides what runs.
	text, err := os.ReadFile(two.config.Compose.Files[0])
	must(t, err)
	must(t, os.WriteFile(two.config.Compose.Files[0], append([]byte("# a comment moves every line\n"), text...), 0o600))
	must(t, os.MkdirAll(filepath.Join(two.config.Root, "artifacts/run"), 0o700))
	a, err := one.read()
	must(t, err)
	b, err := two.read()
	must(t, err)
	if a.ID != b.ID {
		t.Errorf("%s and %s:\n%s\n%s", a.ID, b.ID, a.App, b.App)
	}
	for i := range a.Services {
		if a.Services[i].Definition != b.Services[i].Definition {
			t.Errorf("%s is defined otherwise", a.Services[i].Name)
		}
	}
	for _, f := range a.Files {
		if bytes.Contains(f.Content, []byte(one.config.Root)) {
			t.Errorf("%s holds the folder of the checkout", f.Path)
		}
	}
}

func TestWhatIsNamedByASecretTellsNothingOfIt(t *testing.T) {
	s := everything(t)
	r, err := s.read()
	must(t, err)
	raw, err := os.ReadFile(filepath.Join(s.config.Root, "key"))
	must(t, err)
	sum := sha256.Sum256(raw)
	other := s
	other.config.Project = "other"
	o, err := other.read()
	must(t, err)
	found := false
	for _, f := range r.Files {
		if strings.Contains(f.Path, hex.EncodeToString(sum[:])[:8]) {
			t.Errorf("%s holds the content's plain hash", f.Path)
		}
		if f.Secret && strings.HasPrefix(f.Path, "secrets/") {
			found = true
			for _, g := range o.Files {
				if g.Path == f.Path {
					t.Errorf("two projects with one secret both name it %s", f.Path)
				}
			}
		}
	}
	if !found {
		t.Error("no secret was shipped for what stays")
	}
	must(t, os.WriteFile(filepath.Join(s.config.Root, "key"), []byte("another"), 0o600))
	if n, err := s.read(); err != nil || n.ID == r.ID {
		t.Errorf("another secret is the same release: %v", err)
	}
}

func TestALinkBecomesANameOnTheNetwork(t *testing.T) {
	text := "services:\n  api:\n    image: a:1\n    links: [\"db:database\", \"cache\", \"other:mate\"]\n  other:\n    image: o:1\n  db:\n    image: d:1\n    x-stackctl: {layer: data}\n  cache:\n    image: c:1\n    x-stackctl: {layer: data}\n"
	r, err := newProject(t, map[string]string{"compose.yaml": text}).read()
	must(t, err)
	if !bytes.Contains(r.Base, []byte("- database")) {
		t.Errorf("db has no such name:\n%s", r.Base)
	}
	if links := started(t, r, "api").Links; len(links) != 1 || links[0] != "other:mate" {
		t.Errorf("links are %q", links)
	}
	for from, want := range map[string]string{"db:database": `service api names the service nowhere, which is not defined`, "cache": "by the name other, which is another service's"} {
		to := map[string]string{"db:database": "nowhere:database", "cache": "cache:other"}[from]
		newProject(t, map[string]string{"compose.yaml": strings.Replace(text, from, to, 1)}).refused(t, "compose.yaml:", want)
	}
	newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    networks: [x]\n    links: [b]\n  b:\n    image: b:1\n    networks: [y]\nnetworks: {x: {}, y: {}}\n"}).refused(t, "compose.yaml:5: ", "shares no network")
}

func TestAPlainNameMeansTheOwnRelease(t *testing.T) {
	text := "services:\n  web:\n    image: w:1\n    networks: [x, y]\n    links: [\"api:backend\"]\n  api:\n    image: a:1\n    networks: {x: {aliases: [v1]}}\n" +
		"  far:\n    image: f:1\n    networks: [z]\n  db:\n    image: d:1\n    networks: [x]\n    x-stackctl: {layer: data}\nnetworks: {x: {}, y: {}, z: {}}\n"
	r, err := newProject(t, map[string]string{"compose.yaml": text}).read()
	must(t, err)
	want := []string{"api-" + r.ID + ":api", "api-" + r.ID + ":v1", "web-" + r.ID + ":web"}
	if got := started(t, r, "web").External; !slices.Equal(got, want) {
		t.Errorf("web reaches %q, want %q", got, want)
	}
	if got := started(t, r, "db").External; len(got) > 0 {
		t.Errorf("what stays reaches %q: its names are one release's", got)
	}
}
