package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/stack"
)

const good = `project: shop
compose:
  files: [compose.yaml]
target: prod
targets:
  prod:
    host: 203.0.113.7
    domain: example.org
    env: {APP_ENV: production}
gates:
  health:
    - {path: /health, p95: 2s}
exceptions:
  - {rule: compose/read-only, subject: service pgadmin, owner: ops, reason: upstream image, expires: 2027-01-31}
`

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stackctl.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadGivesAbsolutePathsAndDefaults(t *testing.T) {
	file := write(t, good)
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(file)
	t.Setenv("HOME", root) // nobody's ~/.ssh/config
	p, err := config.Target(c, "prod")
	if err != nil {
		t.Fatal(err)
	}
	for _, have := range [][2]any{
		{c.Compose.Files[0], filepath.Join(root, "compose.yaml")},
		{c.Evidence.Dir, filepath.Join(root, "artifacts")},
		{p.Name, "prod"}, {p.Port, 22}, {p.User, "deploy"}, {p.Path, "/srv/shop"},
		{p.Edge.Address, "203.0.113.7"}, {p.ACME.Directory, config.StagingDirectory},
		{p.Env["APP_ENV"], "production"},
		{c.Gates.Health[0].P95, 2 * time.Second}, {c.Gates.Health[0].Samples, 30},
	} {
		if have[0] != have[1] {
			t.Errorf("got %v, want %v", have[0], have[1])
		}
	}
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	t.Setenv("STACKCTL_EVIDENCE_DIR", "/var/evidence")
	t.Setenv("STACKCTL_RETENTION_RELEASES", "5")
	c, err := config.Load(write(t, good))
	if err != nil {
		t.Fatal(err)
	}
	if c.Evidence.Dir != "/var/evidence" || c.Retention.Releases != 5 {
		t.Errorf("got %q and %d", c.Evidence.Dir, c.Retention.Releases)
	}
}

func TestABadVariableIsNamedAndNotALineOfTheFile(t *testing.T) {
	file := write(t, good+"retention: {releases: 4}\n")
	for _, value := range []string{"x", "-1", "1.5"} {
		t.Setenv("STACKCTL_RETENTION_RELEASES", value)
		if _, err := config.Load(file); err == nil || stack.CauseOf(err) != stack.CauseUsage || !strings.HasPrefix(err.Error(), "STACKCTL_RETENTION_RELEASES: ") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestBadFilesAreRefusedWithTheirPlace(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a redirect to a path":        {"project: shop\nroutes:\n  - {host: www, redirect: /new}\n", "stackctl.yaml:3: routes: redirect \"/new\" is no address"},
		"a redirect by template":      {"project: shop\nroutes:\n  - {host: www, redirect: \"https://{{ env }}\"}\n", "is no address"},
		"a redirect to a service":     {"project: shop\nroutes:\n  - {host: www, service: web, port: 80, redirect: https://shop.example}\n", "leads to no service"},
		"a redirect at no rate":       {"project: shop\nroutes:\n  - {host: www, rate: -1, redirect: https://shop.example}\n", "stackctl.yaml:3: routes: a rate of -1"},
		"a redirect of bodies":        {"project: shop\nroutes:\n  - {host: www, body: 1m, redirect: https://shop.example}\n", "a route that redirects has no"},
		"a size without number":       {"project: shop\nroutes:\n  - {service: web, port: 80, body: much}\n", "stackctl.yaml:3: routes: body \"much\" is no size"},
		"a network that is a name":    {"project: shop\nroutes:\n  - {service: web, port: 80, allow: [office]}\n", "stackctl.yaml:3: routes: \"office\" is no network"},
		"an error page of itself":     {"project: shop\nroutes:\n  - {service: web, port: 80, errors: {service: web, port: 80, path: /e}}\n", "stackctl.yaml:3: routes: errors needs a service beside the one that may be away"},
		"an error page nowhere":       {"project: shop\nroutes:\n  - {service: web, port: 80, errors: {service: pages, path: /e}}\n", "stackctl.yaml:3: routes: errors: port 0 is no port"},
		"an error page, no path":      {"project: shop\nroutes:\n  - {service: web, port: 80, errors: {service: pages, port: 80, path: \"{status}\"}}\n", "stackctl.yaml:3: routes: errors: path \"{status}\" is no path"},
		"a redirect with errors":      {"project: shop\nroutes:\n  - {host: www, redirect: \"https://shop.example\", errors: {service: pages, port: 80, path: /e}}\n", "stackctl.yaml:3: routes: a route that redirects has no errors"},
		"a rate below nothing":        {"project: shop\nroutes:\n  - {service: web, port: 80, rate: -1}\n", "stackctl.yaml:3: routes: a rate of -1"},
		"a header over two lines":     {"project: shop\nroutes:\n  - {service: web, port: 80, headers: {x-a: \"a\\nb\"}}\n", "is no header"},
		"a header by template":        {"project: shop\nroutes:\n  - {service: web, port: 80, headers: {x-a: \"{{ env }}\"}}\n", "is no header"},
		"a route to nothing":          {"project: shop\nroutes:\n  - {port: 80}\n", "stackctl.yaml:3: routes: a route needs a service"},
		"the ingress's own folder":    {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, shared: true, path: /srv/stackctl-ingress}\n", "stackctl.yaml:3: target prod: path /srv/stackctl-ingress is the folder of the server's ingress"},
		"a policy that is none":       {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, acme: {policy: production}}\n", "stackctl.yaml:3: target prod: acme.policy \"production\" is no policy"},
		"traces to a word":            {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, edge: {traces: \"collector:4318\"}}\n", "is no address of an OTLP receiver"},
		"traces with a password":      {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, edge: {traces: \"https://me:hunter2@collector\"}}\n", "\"…@collector\""},
		"more than all traces":        {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, edge: {trace_share: 2}}\n", "is no share"},
		"public at staging":           {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, acme: {policy: public, directory: \"" + config.StagingDirectory + "\"}}\n", "is Let's Encrypt's staging directory"},
		"a rehearsal at staging":      {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, acme: {rehearsal: {directory: \"https://ca.example.net/dir\"}}}\n", "acme.rehearsal is for acme.policy public"},
		"a rehearsal nowhere":         {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, acme: {policy: public, directory: \"https://ca.example.net/dir\", rehearsal: {roots: r.pem}}}\n", "names no directory"},
		"a rehearsal in the clear":    {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, acme: {policy: public, rehearsal: {directory: \"http://ca.example.net/dir\"}}}\n", "is no https URL"},
		"a rehearsal in public":       {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: shop.dev, acme: {policy: public, rehearsal: {directory: \"" + config.PublicDirectory + "\"}}}\n", "nothing would be rehearsed"},
		"public on a local name":      {"project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: stack.localhost, acme: {policy: public}}\n", "no public authority certifies \"stack.localhost\""},
		"a route to port 0":           {"project: shop\nroutes:\n  - {service: web}\n", "stackctl.yaml:3: routes: port 0 is no port"},
		"a port too high":             {"project: shop\nroutes:\n  - service: web\n    port: 70000\n", "stackctl.yaml:4: routes: port 70000 is no port"},
		"one route twice":             {"project: shop\nroutes:\n  - {service: web, port: 80}\n  - {service: api, port: 80}\n", `stackctl.yaml:4: routes: host "" and path "" stand at line 3 already`},
		"a route's host":              {"project: shop\nroutes:\n  - {host: 'a b', service: web, port: 80}\n", "is no part of a host name"},
		"a route's path":              {"project: shop\nroutes:\n  - {path: api, service: web, port: 80}\n", "is no prefix of a path"},
		"strip of nothing":            {"project: shop\nroutes:\n  - {service: web, port: 80, strip: true}\n", "strip takes the path away"},
		"an unknown guard":            {"project: shop\nroutes:\n  - {service: web, port: 80, guard: oidc}\n", `there is no guard "oidc"; write staff, or leave it out`},
		"an unknown scheme":           {"project: shop\nroutes:\n  - {service: web, port: 80, scheme: ftp}\n", `there is no scheme "ftp"; write https or h2c`},
		"routes of no edge":           {"project: shop\ntraefik: {service: traefik}\nroutes:\n  - {service: web, port: 80}\n", "stackctl.yaml:3: routes are those of stackctl's own edge"},
		"requiring G10":               {"project: shop\ngates:\n  require: [G2, g10]\n", "gates.require: G10 judges the evidence of every run"},
		"empty":                       {"", "holds no settings"},
		"only a comment":              {"# nothing\n", "holds no settings"},
		"a list":                      {"- a\n", "holds no settings"},
		"malformed":                   {"project: shop\n  compose: [", "stackctl.yaml:2"},
		"tab":                         {"project: shop\n\tcompose: x\n", "stackctl.yaml:2: the line is indented with a tab, and YAML takes spaces alone"},
		"unknown key":                 {"project: shop\nserivces: 1\n", `stackctl.yaml:2: unknown key "serivces"`},
		"a near key":                  {"project: shop\nroute: []\n", `stackctl.yaml:2: unknown key "route"; did you mean routes?`},
		"letters that changed places": {"project: shop\ntargets:\n  prod:\n    host: a\n    domian: b\n", `stackctl.yaml:5: unknown key "domian" under prod; did you mean domain?`},
		"no near key":                 {"project: shop\ncompose:\n  folder: x\n", `stackctl.yaml:3: unknown key "folder" under compose; there are env_example, env_file, files, profiles`},
		"an indent of three":          {"project: shop\ntargets:\n  prod:\n    host: a\n   domain: b\n", "a line is indented as no other"},

		"unknown empty key":  {"project: shop\nserivces: {}\n", `stackctl.yaml:2: unknown key "serivces"`},
		"no duration":        {"project: shop\ntimeouts: {drain: soon}\n", "stackctl.yaml:2: timeouts.drain is soon, which is no duration: write 10s"},
		"a unit is missing":  {"project: shop\ntimeouts: {drain: 10}\n", "timeouts.drain is 10, which is no duration"},
		"part of a release":  {"project: shop\nretention: {releases: 3.5}\n", "retention.releases is 3.5; it must be a whole number"},
		"words for a number": {"project: shop\nretention: {releases: many}\n", "retention.releases is text; it must be a whole number"},
		"a list for text":    {"project: [shop]\n", "stackctl.yaml:1: project is a list; it must be text"},
		"a number for keys":  {"project: shop\ntimeouts: 5\n", "stackctl.yaml:2: timeouts must be keys with values"},
		"keys for a list":    {"project: shop\nexceptions: {a: b}\n", "stackctl.yaml:2: exceptions must be a list"},
		"unknown in a list":  {"project: shop\ngates:\n  health:\n    - {path: /, p59: 1s}\n", `stackctl.yaml:4: unknown key "p59"`},
		"unknown nested key": {"project: shop\ncompose:\n  files: [a]\n  fiels: [b]\n", `stackctl.yaml:4: unknown key "fiels" under compose`},
		"unknown target key": {good + "evidence: {}\nretention: {releases: 3, relases: 1}\n", `unknown key "relases"`},
		"wrong type":         {"project: shop\ncompose:\n  files: {a: b}\n", "stackctl.yaml:3"},
		"bad duration":       {"project: shop\ngates:\n  health:\n    - {path: /, p95: soon}\n", "stackctl.yaml:4"},
		"no time to start":   {"project: shop\ntimeouts:\n  start: 0s\n", "stackctl.yaml:3: timeouts.start is 0s"},
		"no time to drain":   {"project: shop\ntimeouts:\n  drain: 0s\n", "stackctl.yaml:3: timeouts.drain is 0s"},
		"a week to migrate":  {"project: shop\ntimeouts:\n  migrate: 168h\n", "stackctl.yaml:3: timeouts.migrate"},
		"few samples":        {"project: shop\ngates:\n  health:\n    - {path: /, samples: 3}\n", "stackctl.yaml:4: gates.health: 3 samples"},
		"negative duration":  {"project: shop\ngates:\n  health:\n    - {path: /, p95: -1s}\n", "stackctl.yaml:4: gates.health: p95"},
		"no path":            {"project: shop\ngates:\n  health:\n    - {path: health}\n", "begin it with /"},
		"bad project":        {"project: My Shop\n", "stackctl.yaml:1"},
		"no project":         {"compose: {files: [a]}\n", "project"},
		"unknown default":    {strings.Replace(good, "target: prod", "target: prdo", 1), "stackctl.yaml:4"},
		"no host":            {strings.Replace(good, "    host: 203.0.113.7\n", "", 1), "host is missing"},
		"host with a port":   {strings.Replace(good, "host: 203.0.113.7", `host: "[2001:db8::7]:22"`, 1), "stackctl.yaml:7"},
		"host with a user":   {strings.Replace(good, "host: 203.0.113.7", "host: root@203.0.113.7", 1), "no name or address"},
		"edge with brackets": {strings.Replace(good, "    domain:", `    edge: {address: "[2001:db8::7]"}`+"\n    domain:", 1), "edge.address"},
		"domain is a URL":    {strings.Replace(good, "domain: example.org", "domain: https://example.org", 1), "stackctl.yaml:8"},
		"path is root":       {strings.Replace(good, "    domain:", "    path: /\n    domain:", 1), "folder of its own"},
		"bad expiry":         {strings.Replace(good, "2027-01-31", "someday", 1), "no date"},
		"duplicate key":      {"project: a\nproject: b\n", "already"},
		"duplicate by case":  {"project: a\nProject: b\n", `stackctl.yaml:2: key "Project" stands at line 1 already`},
		"target by case":     {"project: a\ntargets:\n  prod: {host: a}\n  Prod: {host: b}\n", `stackctl.yaml:4: key "Prod" under targets`},
		"second document":    {"project: a\n---\nproject: b\n", "stackctl.yaml:2: a second document"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(write(t, c.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if stack.CauseOf(err) != stack.CauseUsage {
				t.Errorf("cause %s, want usage", stack.CauseOf(err))
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestMissingFileSaysHowToMakeOne(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "stackctl.yaml"))
	var e *stack.Error
	if !errors.As(err, &e) || !strings.Contains(e.Fix, "stackctl init") {
		t.Fatalf("got %v", err)
	}
}

func TestSandboxIsTheTargetWhereNoneIsNamed(t *testing.T) {
	file := write(t, "project: shop\n")
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Target(c, ""); err == nil || !strings.Contains(err.Error(), "sandbox up") {
		t.Fatalf("without a sandbox: %v", err)
	}
	path := filepath.Join(filepath.Dir(file), config.SandboxFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("host: 172.20.0.2\ndomain: shop.localhost\nenv: {APP_ENV: development}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	target, err := config.Target(c, "")
	if err != nil || target.Host != "172.20.0.2" || target.Name != config.SandboxTarget || target.Env["APP_ENV"] != "development" {
		t.Fatalf("got %+v, %v", target, err)
	}
}

// A project with servers rehearses on the sandbox by its name, and never deploys
// there unasked.
func TestSandboxIsATargetBesideTheServers(t *testing.T) {
	file := write(t, "project: shop\ntargets:\n  production: {host: 203.0.113.7, domain: example.org}\n")
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Target(c, "sandbox"); err == nil || !strings.Contains(err.Error(), "sandbox up") {
		t.Fatalf("without a sandbox: %v", err)
	}
	path := filepath.Join(filepath.Dir(file), config.SandboxFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("host: 172.20.0.2\ndomain: shop.localhost\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, host := range map[string]string{"": "203.0.113.7", "sandbox": "172.20.0.2"} {
		if target, err := config.Target(c, name); err != nil || target.Host != host || target.Path == "" {
			t.Errorf("target %q is %+v, %v", name, target, err)
		}
	}
	if len(c.Targets) != 1 {
		t.Errorf("--all-targets acts on %v", c.Targets)
	}
}

// What serves behind the ingress of a server is rehearsed behind one.
func TestTheSandboxIsSharedWhereAServerIs(t *testing.T) {
	for targets, shared := range map[string]bool{
		"": true,
		"targets:\n  production: {host: 203.0.113.7, domain: example.org}\n  shop: {host: 203.0.113.8, domain: example.net, shared: true}\n": true,
		"targets:\n  production: {host: 203.0.113.7, domain: example.org}\n":                                                                 false,
	} {
		file := write(t, "project: shop\n"+targets)
		path := filepath.Join(filepath.Dir(file), config.SandboxFile)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("host: 172.20.0.2\ndomain: shop.localhost\nshared: true\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if target, err := config.Target(c, "sandbox"); err != nil || target.Shared != shared {
			t.Errorf("beside %s the sandbox is %+v, %v", targets, target, err)
		}
	}
}

func TestUnknownTargetNamesTheKnownOnes(t *testing.T) {
	c, err := config.Load(write(t, good))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Target(c, "staging"); err == nil || !strings.Contains(err.Error(), "prod") {
		t.Fatalf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(good)
	f.Add("project: [1]\ntargets: {a: {host: }}")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "stackctl.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(file); err != nil && stack.CauseOf(err) != stack.CauseUsage {
			t.Errorf("%v is no usage error", err)
		}
	})
}

func TestTheEdgeIsOwnWhereTheFileNamesNone(t *testing.T) {
	for text, own := range map[string]bool{
		"project: shop\n": true, "project: shop\ntraefik: {staff: {user: ops}}\n": true, "project: shop\ntraefik: {service: edge}\n": false, "project: shop\ntraefik: {dynamic: routes}\n": false,
	} {
		c, err := config.Load(write(t, text))
		if err != nil || c.Traefik.Own != own || c.Traefik.Service == "" || !filepath.IsAbs(c.Traefik.Static) || !filepath.IsAbs(c.Traefik.Dynamic) {
			t.Errorf("%q: got %+v, %v", text, c.Traefik, err)
		}
	}
}

func TestWhatIsWrittenLoads(t *testing.T) {
	want := stack.Config{Project: "shop", Policy: stack.PolicyStandard, Compose: stack.Compose{Files: []string{"a b.yml"}, Profiles: []string{"x"}},
		Targets: map[string]stack.Target{"production": {Host: "2001:db8::7", User: "ops", Domain: "shop.example", Shared: true}},
		Routes:  []stack.RouteSpec{{Service: "web", Port: 80}, {Host: "no", Path: "/a,b", Service: "api", Port: 1, Strip: true, Guard: "staff", Scheme: "https"}},
		Gates:   stack.Gates{Exposure: stack.ExposureGate{Allow: []int{222}}}}
	c, err := config.Load(write(t, string(config.Write(want))))
	if err != nil {
		t.Fatalf("%v\n%s", err, config.Write(want))
	}
	for i := range c.Routes {
		c.Routes[i].Line = 0
	}
	if fmt.Sprint(c.Routes) != fmt.Sprint(want.Routes) || c.Targets["production"].Host != "2001:db8::7" || !c.Targets["production"].Shared || fmt.Sprint(c.Gates.Exposure.Allow) != "[22 80 443 222]" || c.Policy != want.Policy || c.Compose.Profiles[0] != "x" {
		t.Errorf("got %+v of\n%s", c, config.Write(want))
	}
}
