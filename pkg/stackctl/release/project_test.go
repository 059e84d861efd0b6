package release_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// newProject is a team's project without an edge of its own. A name that ends
// in "/" is a folder, one that ends in "*" can be executed, a content "-> x" is
// a link to x.
func newProject(t *testing.T, files map[string]string) shop {
	t.Helper()
	root := filepath.Join(t.TempDir(), "checkout")
	for name, text := range files {
		file := filepath.Join(root, strings.TrimRight(name, "*"))
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		to, link := strings.CutPrefix(text, "-> ")
		mode := fs.FileMode(0o640)
		if strings.HasSuffix(name, "*") {
			mode = 0o750
		}
		switch {
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(file, 0o755))
		case link:
			must(t, os.Symlink(to, file))
		default:
			must(t, os.WriteFile(file, []byte(text), mode))
		}
	}
	c := stack.Config{Project: "shop", Root: root, File: filepath.Join(root, "stackctl.yaml")}
	c.Compose = stack.Compose{Files: []string{filepath.Join(root, "compose.yaml")}, EnvFile: filepath.Join(root, ".env")}
	c.Evidence.Dir = filepath.Join(root, "artifacts")
	return shop{config: c, target: stack.Target{Name: "prod", Domain: "shop.example", Path: "/srv/shop"}, inputs: release.Inputs{Now: time.Unix(1, 0)}}
}

// read reads and freezes a project.
func (s shop) read() (stack.Release, error) {
	d, err := release.Read(context.Background(), s.config, s.target)
	if err != nil {
		return stack.Release{}, err
	}
	return d.Freeze(s.inputs)
}

// refused is the text of the usage error that a project is refused with.
func (s shop) refused(t *testing.T, want ...string) {
	t.Helper()
	_, err := s.read()
	if err == nil {
		t.Fatalf("accepted, want %q", want)
	}
	if stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("no usage error: %v", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("got %q, want %q in it", err, w)
		}
	}
}

type resolvedService struct {
	Image       string
	Environment map[string]string
	Labels      map[string]string
	Volumes     []resolvedVolume
	Links       []string
	Networks    map[string]struct{ Aliases []string }
	External    []string `yaml:"external_links"`
}

type resolvedVolume struct {
	Type, Source, Target string
	ReadOnly             bool `yaml:"read_only"`
}

// started is a service as it is started.
func started(t *testing.T, r stack.Release, name string) resolvedService {
	t.Helper()
	for _, file := range [][]byte{r.Base, r.App} {
		var doc struct{ Services map[string]resolvedService }
		must(t, yaml.Unmarshal(file, &doc))
		if s, ok := doc.Services[name]; ok {
			return s
		}
	}
	t.Fatalf("there is no service %s", name)
	return resolvedService{}
}

// at is where a service mounts something, by its place in the container.
func (s resolvedService) at(target string) string {
	for _, v := range s.Volumes {
		if v.Target == target {
			return v.Source
		}
	}
	return ""
}

// file is a file of the release by its path on the server.
func file(r stack.Release, at string) (stack.File, bool) {
	for _, f := range r.Files {
		if "/srv/shop/"+f.Path == at {
			return f, true
		}
	}
	return stack.File{}, false
}

// TestTheEdgeFindsWhatIsRecreatedByALastingName: what keeps something has one
// name for the edge through all releases, everything else one of its release.
func TestTheEdgeFindsWhatIsRecreatedByALastingName(t *testing.T) {
	r := newProject(t, map[string]string{"compose.yaml": `services:
  web: {image: "web:1"}
  books: {image: "books:1", volumes: ["entries:/data"]}
  db: {image: "postgres:16", volumes: ["pg:/var/lib/postgresql/data"]}
volumes: {entries: {}, pg: {}}
`}).freeze(t)
	for name, want := range map[string][]string{
		"web":   {"web-" + r.ID},
		"books": {"books-" + r.ID, stack.LastingUpstream(r.Project, "books")},
		"db":    nil,
	} {
		if got := started(t, r, name).Networks["default"].Aliases; !slices.Equal(got, want) {
			t.Errorf("%s is called %v, want %v", name, got, want)
		}
	}
	if up := r.Upstreams(); up["books"] != stack.LastingUpstream(r.Project, "books") || up["web"] != "web-"+r.ID || len(up) != 2 {
		t.Errorf("upstreams are %v", up)
	}
}

// The volumes of what runs already are called after the project's name.
func TestAProjectIsCalledAsComposeCallsIt(t *testing.T) {
	for text, want := range map[string]string{
		"name: mailer": "mailer", "name: ${NAME:-mailer}": "mailer", "name: ${GIVEN}": "given", "name: ${COMPOSE_PROJECT_NAME:-mailer}": "mailer", "name: ${NOT_GIVEN}": "", "": "",
	} {
		s := newProject(t, map[string]string{"compose.yaml": text + "\nservices:\n  web: {image: a}\n", ".env": "GIVEN=given\n"})
		if got := s.look(t).Name; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
