package edge_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

const staging = "https://acme-staging-v02.api.letsencrypt.org/directory"

func TestStaticReplacesTheStagingDirectoryOnly(t *testing.T) {
	acme := stack.ACME{Directory: "https://172.20.0.3:14000/dir", Email: "ops@shop.example"}
	file := func(server string) string {
		return "certificatesResolvers:\n  le-staging:\n    acme:\n      email: \"\"\n" + server
	}
	for name, c := range map[string]struct{ text, want, not string }{
		"staging":          {file("      caServer: " + staging + "\n"), acme.Directory, staging},
		"staging odd case": {file("      CASERVER: " + staging + "\n"), acme.Directory, staging},
		"production stays": {file("      caServer: https://acme-v02.api.letsencrypt.org/directory\n"), "acme-v02.api", acme.Directory},
		"none stays none":  {file(""), acme.Email, acme.Directory},
		"other resolver":   {"certificatesResolvers: {prod: {acme: {caServer: " + staging + "}}}\n", staging, acme.Directory},
	} {
		out, err := edge.Static("traefik.yml", []byte(c.text), "le-staging", stack.Target{ACME: acme}, staging)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out), c.want) || strings.Contains(string(out), c.not) {
			t.Errorf("%s: got\n%s", name, out)
		}
	}
}

const routes = `http:
  routers:
    api:
      rule: "Host(` + "`{{ env \"DOMAIN\" }}`" + `) && PathPrefix(` + "`/api/`" + `)"
      entryPoints: [websecure]
      service: api
      tls: {certResolver: le-staging}
    board: {rule: "Host(` + "`t.example`" + `)", service: api@internal}
  services:
    api: {loadBalancer: {servers: [{url: "http://api:8000"}]}}
    db-ui: {loadBalancer: {servers: [{url: "http://pgadmin:80"}]}}
`

func read(t *testing.T, text string, env map[string]string) (stack.EdgeConfig, error) {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{"traefik.yml": "api: {}\n", "dynamic/routes.yml": text} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := stack.Config{Traefik: stack.Traefik{Static: filepath.Join(root, "traefik.yml"), Dynamic: filepath.Join(root, "dynamic"), Resolver: "le-staging"}}
	return edge.Read(c, stack.Target{}, stack.Service{Environment: env}, edge.Behind{})
}

func TestReadRendersAndListsRoutes(t *testing.T) {
	c, err := read(t, routes, map[string]string{"DOMAIN": "shop.example", "TRAEFIK_LOG_LEVEL": "DEBUG"})
	if err != nil {
		t.Fatal(err)
	}
	r := c.Routes[0]
	if r.Name != "api" || r.Hosts[0] != "shop.example" || r.Service != "api" || r.Port != 8000 || r.Resolver != "le-staging" {
		t.Errorf("got %+v", r)
	}
	if c.Routes[1].Service != "" || c.Env["TRAEFIK_LOG_LEVEL"] != "DEBUG" {
		t.Errorf("got %+v and %v", c.Routes[1], c.Env)
	}
}

func TestBadDynamicFilesAreRefusedWithTheirLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"undefined variable": {routes, "routes.yml:4: the variable DOMAIN"},
		"broken template":    {"http: {}\n{{ if }}\n", "routes.yml:2"},
		"broken YAML":        {"http:\n  a: [\n", "routes.yml:"},
	} {
		if _, err := read(t, c.text, nil); err == nil || stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestPointLeadsAppServicesToOneRelease(t *testing.T) {
	c, err := read(t, routes, map[string]string{"DOMAIN": "shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	const id = "0123456789ab"
	files, err := edge.Point(c.Dynamic, id, map[string]string{"api": "api-" + id})
	if err != nil {
		t.Fatal(err)
	}
	up, err := edge.Upstreams(files)
	if err != nil {
		t.Fatal(err)
	}
	if up["api"][0] != "http://api-"+id+":8000" || up["db-ui"][0] != "http://pgadmin:80" {
		t.Errorf("got %v", up)
	}
	if edge.Release(files[0].Content) != id || edge.Release(c.Dynamic[0].Content) != "" {
		t.Error("the release cannot be read back")
	}
}

// TestAServiceThatIsRecreatedIsReachedByALastingName: between its stop and the
// switch the edge must find its successor under the name that it knows.
func TestAServiceThatIsRecreatedIsReachedByALastingName(t *testing.T) {
	r := stack.Release{ID: "0123456789ab", Services: []stack.Service{
		{Name: "api", Layer: stack.LayerApp, Upstream: stack.LastingUpstream("shop", "api")}, {Name: "web", Layer: stack.LayerApp},
		{Name: "migrate", Layer: stack.LayerApp, OneShot: true}, {Name: "db", Layer: stack.LayerData}}}
	c, err := read(t, routes, map[string]string{"DOMAIN": "shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string]bool{}
	for _, id := range []string{r.ID, "ba9876543210"} {
		r.ID = id
		files, err := edge.Point(c.Dynamic, id, r.Upstreams())
		if err != nil {
			t.Fatal(err)
		}
		up, err := edge.Upstreams(files)
		if err != nil {
			t.Fatal(err)
		}
		hosts[up["api"][0]] = true
		if got := edge.Routed(files, id); !slices.Equal(got, []string{"api"}) {
			t.Errorf("the edge leads to %v", got)
		}
	}
	if len(hosts) != 1 || len(r.Upstreams()) != 2 || r.Upstreams()["web"] != "web-ba9876543210" {
		t.Errorf("two releases are reached by %v; upstreams are %v", hosts, r.Upstreams())
	}
	if stack.LastingUpstream("shop", "api") == stack.LastingUpstream("shop-eu", "api") {
		t.Error("two projects on one network share a name")
	}
}

func TestPointLeadsWhateverAsksAContainer(t *testing.T) {
	const id = "0123456789ab"
	files, err := edge.Point([]stack.File{{Path: "r.yml", Content: []byte(`
http:
  middlewares:
    ask: {forwardAuth: {address: "http://api:3000/auth?x=1"}}
    other: {forwardAuth: {address: "https://sso.example/auth"}}
  services:
    api: {loadBalancer: {servers: [{url: "http://API:3000"}, {url: "h2c://api"}]}}
    db: {loadBalancer: {servers: [{url: "http://db:80"}]}}
tcp:
  services:
    mqtt: {loadBalancer: {servers: [{address: "api:1883"}, {address: "db:5432"}]}}
udp:
  services:
    dns: {loadBalancer: {servers: [{address: "api:53"}]}}
`)}}, id, map[string]string{"api": "api-" + id})
	if err != nil {
		t.Fatal(err)
	}
	text := string(files[0].Content)
	for _, want := range []string{"http://api-" + id + ":3000/auth?x=1", "https://sso.example/auth", `"http://api-` + id + `:3000"`, "h2c://api-" + id, "http://db:80",
		`"api-` + id + `:1883"`, "db:5432", `"api-` + id + `:53"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "//api:") || strings.Contains(text, `"api:`) {
		t.Errorf("something still means every release:\n%s", text)
	}
}

func TestFoldersInTheDynamicFolderAreRead(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.yml": "http: {}\n", "sub/b.yaml": "http: {routers: {b: {rule: Host(`b.example`), service: b}}}\n", "sub/deep/c.yml": "http: {}\n",
		".git/d.yml": "no: [\n", "sub/notes.txt": "x", "empty/x.md": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	static := filepath.Join(t.TempDir(), "traefik.yml")
	if err := os.WriteFile(static, []byte("entryPoints: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := stack.Config{Traefik: stack.Traefik{Static: static, Dynamic: dir}}
	c, err := edge.Read(config, stack.Target{}, stack.Service{}, edge.Behind{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range c.Dynamic {
		names = append(names, f.Path)
	}
	if got := strings.Join(names, " "); got != "a.yml sub--b.yaml sub--deep--c.yml" {
		t.Errorf("read %s", got)
	}
	if len(c.Routes) != 1 || c.Routes[0].Hosts[0] != "b.example" {
		t.Errorf("routes are %+v", c.Routes)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub--b.yaml"), []byte("http: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := edge.Read(config, stack.Target{}, stack.Service{}, edge.Behind{}); err == nil || !strings.Contains(err.Error(), "the same name") {
		t.Errorf("two files of one name: %v", err)
	}
}

// traefik answers as Traefik's API does.
func traefik(t *testing.T, url, status string) edge.API {
	t.Helper()
	answer := map[string]any{
		"/api/http/services": []any{map[string]any{"name": "api@file", "status": "enabled", "loadBalancer": map[string]any{"servers": []any{map[string]string{"url": url}}}},
			map[string]any{"name": "api@internal", "status": "enabled"}},
		"/api/http/routers": []any{map[string]any{"name": "api@file", "status": status, "error": []string{"bad rule"}}},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != "staff" || p != "pw" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(answer[r.URL.Path])
	}))
	t.Cleanup(s.Close)
	return edge.API{Address: strings.TrimPrefix(s.URL, "http://"), User: "staff", Password: "pw"}
}

func TestWaitLiveBelievesTraefikAlone(t *testing.T) {
	files := []stack.File{{Path: "r.yml", Content: []byte("http: {services: {api: {loadBalancer: {servers: [{url: \"http://api-1:8000\"}]}}}}\n")}}
	for name, c := range map[string]struct{ url, status, want string }{
		"live":            {"http://api-1:8000", "enabled", ""},
		"old upstream":    {"http://api-0:8000", "enabled", "leads to http://api-0:8000"},
		"disabled router": {"http://api-1:8000", "disabled", "bad rule"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
			defer cancel()
			err := traefik(t, c.url, c.status).WaitLive(ctx, files)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWaitLiveSaysWhatIsWrongAndNotThatALookWasCutOff(t *testing.T) {
	asked := make(chan struct{})
	var once sync.Once
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := false
		once.Do(func() { first = true })
		if first {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		close(asked) // and then falls silent
		<-r.Context().Done()
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-asked; cancel() }()
	err := edge.API{Address: strings.TrimPrefix(s.URL, "http://")}.WaitLive(ctx, []stack.File{{Path: "r.yml", Content: []byte("http: {services: {api: {loadBalancer: {servers: [{url: \"http://api-1:8000\"}]}}}}\n")}})
	if err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("got %v", err)
	}
}

func FuzzPoint(f *testing.F) {
	f.Add([]byte(routes))
	f.Fuzz(func(t *testing.T, raw []byte) {
		files, err := edge.Point([]stack.File{{Path: "r.yml", Content: raw}}, "0123456789ab", map[string]string{"api": "api-0123456789ab"})
		if err == nil && edge.Release(files[0].Content) != "0123456789ab" {
			t.Error("the release cannot be read back")
		}
	})
}

func TestPublicCertificatesHaveAFileOfTheirOwn(t *testing.T) {
	const text = "certificatesResolvers:\n  le-staging:\n    acme:\n      caServer: " + staging + "\n      storage: /acme/acme.json\n"
	for policy, want := range map[string]string{stack.ACMEStaging: "storage: /acme/acme.json\n", stack.ACMEPublic: "storage: /acme/acme-public.json\n"} {
		out, err := edge.Static("traefik.yml", []byte(text), "le-staging", stack.Target{ACME: stack.ACME{Policy: policy, Directory: "https://ca.example/dir"}}, staging)
		if err != nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), "caServer: https://ca.example/dir\n") {
			t.Errorf("%s: %v, got\n%s", policy, err, out)
		}
	}
}

func TestTracesGoWhereTheTargetSays(t *testing.T) {
	const text = "entryPoints: {web: {address: \":80\"}}\n"
	for name, c := range map[string]struct {
		text string
		edge stack.Edge
		want []string
		same bool
	}{
		"nowhere":          {text, stack.Edge{}, nil, true},
		"all":              {text, stack.Edge{Traces: "http://collector:4318/"}, []string{"endpoint: http://collector:4318/v1/traces\n", "sampleRate: 1\n"}, false},
		"some":             {text, stack.Edge{Traces: "https://otlp.example.org/tenant", TraceShare: .25}, []string{"endpoint: https://otlp.example.org/tenant/v1/traces\n", "sampleRate: 0.25\n"}, false},
		"the file says it": {"tracing: {otlp: {grpc: {endpoint: \"here:4317\"}}}\n", stack.Edge{Traces: "http://collector:4318"}, nil, true},
	} {
		out, err := edge.Static("traefik.yml", []byte(c.text), "le-staging", stack.Target{Edge: c.edge}, staging)
		if err != nil || (string(out) == c.text) != c.same {
			t.Errorf("%s: %v, got\n%s", name, err, out)
		}
		for _, want := range c.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: no %s in\n%s", name, want, out)
			}
		}
	}
}
