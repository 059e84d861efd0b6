package headers

import (
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

func TestALoginElsewhereIsNoOpenRedirect(t *testing.T) {
	asked := func(path string, lines ...string) ask { return ask{host: "shop.example", path: path, lines: lines} }
	for _, c := range []struct {
		location         string
		a                ask
		standard, strict bool
	}{
		{"/login", asked("/"), false, false},
		{"https://shop.example/login", asked("/"), false, false},
		{"https://login.provider.example/authorize?to=%2F", asked("/metrics"), false, true},
		{"https://login.provider.example/authorize", asked("//evil.example/%2e%2e"), false, true},
		{"//evil.example/", asked("//evil.example/%2e%2e"), true, true},
		{`/\evil.example`, asked(`/\evil.example`), true, true},
		{"https://evil.example/", asked("/", "X-Forwarded-Host: evil.example"), true, true},
		{"//dashboard/", asked("//dashboard/"), true, true},
		{"javascript:alert(1)", asked("/"), true, true},
	} {
		for policy, want := range map[stack.Policy]bool{stack.PolicyStandard: c.standard, stack.PolicyStrict: c.strict} {
			g := &visit{wire: &wire{s: gate.Subject{Config: stack.Config{Policy: policy}}}}
			if got := g.astray(c.location, c.a); got != want {
				t.Errorf("%s, asked %+v: %v under %s", c.location, c.a, got, policy)
			}
		}
	}
}

// Many sites answer every path with a page of their own that repeats it, in a link
// or a text.
func TestAPageThatRepeatsItsPathIsNotOfTheInside(t *testing.T) {
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/api/metrics", "/.git/config", "/.env", "/dashboard/", "/api/rawdata"} {
		body := `<!doctype html><title>` + path + `</title><link rel="canonical" href="https://shop.example` + path + `"><p>There is no page ` + path + `.`
		if what := insidePage(reply{status: 200, body: []byte(body)}); what != "" {
			t.Errorf("%s is taken for %s", path, what)
		}
	}
	for body, want := range map[string]string{
		"<title>/debug/pprof/</title>\n<p>Types of profiles available:": "a profiler", "# HELP go_goroutines Number": "metrics", `{"cmdline":[],"memstats": {}}`: "process variables",
		"[core]\n\tbare = false": "a repository", "APP_SECRET=x": "an env file", "<title>Traefik</title>": "the edge's dashboard", `{"routers":{}}`: "the edge's API",
	} {
		if got := insidePage(reply{status: 200, body: []byte(body)}); got != want {
			t.Errorf("%q is taken for %q", body, got)
		}
	}
}
