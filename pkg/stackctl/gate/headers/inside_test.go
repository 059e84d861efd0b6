package headers

import "testing"

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
