package headers

import (
	"net/http"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// Under policy standard an answer with a cookie, and one that other sites may read,
// is refused where it gives away what is one visitor's.
func TestProgramsOfOthersMayAnswerAsTheyDo(t *testing.T) {
	cookie := []string{"sid=1; HttpOnly"}
	for name, c := range map[string]struct {
		header           http.Header
		standard, strict int
	}{
		"a cookie, and nothing of caches":  {http.Header{"Set-Cookie": cookie}, 0, 1},
		"a cookie, no-cache and private":   {http.Header{"Set-Cookie": cookie, "Cache-Control": {"no-cache, private"}}, 0, 1},
		"a cookie, max-age=0":              {http.Header{"Set-Cookie": cookie, "Cache-Control": {"max-age=0, must-revalidate"}}, 0, 1},
		"a cookie, no-store":               {http.Header{"Set-Cookie": cookie, "Cache-Control": {"no-store"}}, 0, 0},
		"a cookie for everybody":           {http.Header{"Set-Cookie": cookie, "Cache-Control": {"public, max-age=300"}}, 1, 1},
		"a cookie that is kept":            {http.Header{"Set-Cookie": cookie, "Cache-Control": {"max-age=300"}}, 1, 1},
		"a cookie that proxies keep":       {http.Header{"Set-Cookie": cookie, "Cache-Control": {"s-maxage=60"}}, 1, 1},
		"the edge's cookie, kept":          {http.Header{"Set-Cookie": {stack.StickyCookie + "web=1; HttpOnly"}, "Cache-Control": {"public, max-age=300"}}, 0, 0},
		"the edge's cookie and another":    {http.Header{"Set-Cookie": {stack.StickyCookie + "web=1; HttpOnly", "sid=1"}, "Cache-Control": {"public, max-age=300"}}, 1, 1},
		"a reflected origin":               {http.Header{"Access-Control-Allow-Origin": {"https://evil.example"}}, 0, 1},
		"a reflected origin, with cookies": {http.Header{"Access-Control-Allow-Origin": {"https://evil.example"}, "Access-Control-Allow-Credentials": {"true"}}, 1, 1},
		"null, with cookies":               {http.Header{"Access-Control-Allow-Origin": {"null"}, "Access-Control-Allow-Credentials": {"true"}}, 1, 1},
		"everybody":                        {http.Header{"Access-Control-Allow-Origin": {"*"}}, 0, 0},
	} {
		for policy, want := range map[stack.Policy]int{stack.PolicyStandard: c.standard, stack.PolicyStrict: c.strict} {
			g := &visit{wire: &wire{s: gate.Subject{Config: stack.Config{Policy: policy}}}}
			r := reply{status: 200, header: c.header}
			g.judgeCORS(ask{path: "/"}, r)
			g.judgePrivate(ask{path: "/"}, r)
			if len(g.out) != want {
				t.Errorf("%s under %s: %+v", name, policy, g.out)
			}
		}
	}
}

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
