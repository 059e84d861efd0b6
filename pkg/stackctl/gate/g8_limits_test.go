package gate

import "testing"

func TestLimitsRedirectsAndUsersCatch(t *testing.T) {
	const (
		rate   = "    site-rate:\n      rateLimit: {average: 500, period: 1s, burst: 1000}"
		guards = "rule: \"Host(`jobs.{{ $domain }}`)\"\n      entryPoints: [websecure]\n      middlewares: [staff-headers, staff-addresses, staff-auth]"
		jobs   = "rule: \"Host(`jobs.{{ $domain }}`)\"\n      entryPoints: [websecure]\n      middlewares: "
	)
	limited := func(name, options, problem string) mutant {
		return mutant{name: name, file: routesFile, from: rate, to: "    site-rate:\n      rateLimit: {" + options + "}", subject: "middleware site-rate", problem: problem}
	}
	users := func(name, content, problem string) mutant {
		return mutant{name: name, after: func(s *Subject) { s.Release.Known["staff_htpasswd"] = content }, subject: "middleware staff-auth", problem: problem}
	}
	staticMutants(t, headersDeclared(), []mutant{
		limited("by a header", "average: 5, burst: 5, sourceCriterion: {requestHeaderName: X-Key}", "choose"),
		limited("by the host", "average: 5, burst: 5, sourceCriterion: {requestHost: true}", "share"),
		limited("by a claim", "average: 5, burst: 5, sourceCriterion: {ipStrategy: {depth: 1}}", "believes"),
		limited("never reached", "average: 1, period: 10us, burst: 5", "nobody"),
		limited("a burst for everybody", "average: 5, burst: 1000001", "nobody"),
		users("plain text", "staff:open sesame", "plain text"),
		users("MD5", "staff:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/", "MD5"),
		users("SHA-1", "staff:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
		users("nobody", "# later", "no users"),
		{name: "a guard's file that is not there", file: routesFile, from: "/run/secrets/staff_htpasswd", to: "/etc/users", subject: "middleware staff-auth", problem: "not there"},
		{name: "a redirect that never happens", file: routesFile, from: guards, to: jobs + "[staff-headers, to-https]", subject: "router jobs", problem: "no password"},
		{name: "a redirect that seldom happens", file: routesFile, from: guards, to: jobs + "[staff-headers, to-apex]", subject: "router jobs", problem: "no password"},
		{name: "a redirect down", file: routesFile, from: "replacement: \"https://", to: "replacement: \"http://", subject: "router www", problem: "plain HTTP"},
		{name: "a redirect anywhere", file: routesFile, from: "www\\\\.([^/]+)/(.*)", to: "www\\\\.[^/]+/([^/]*)/?(.*)", subject: "router www", problem: "where the visitor says"},
		{name: "the prefix kept", file: routesFile, from: "api-rate, body-limit, strip-api", to: "api-rate, body-limit", subject: "router api", problem: "does not have"},
		{name: "no base", file: routesFile, from: "base-uri 'none'; ", to: "", subject: "router web", problem: "base"},
		{name: "a partner's frame", file: routesFile, from: "frame-ancestors 'none'", to: "frame-ancestors https://partner.example", subject: "router web", problem: "framing"},
		{name: "subdomains left out", file: routesFile, from: "        stsIncludeSubdomains: true\n", to: "", subject: "router web", problem: "subdomains"},
		{name: "no end of waiting", file: staticFile, from: "readTimeout: 60s", to: "readTimeout: 0", subject: "entry point websecure", problem: "without end"},
	})
}

func TestWideNetworks(t *testing.T) {
	for text, wide := range map[string]bool{
		"::ffff:0.0.0.0/96": true, "::ffff:198.51.100.0/120": false, "198.51.100.7": false, "203.0.113.0/24": false, "10.0.0.0/8": false, "8.0.0.0/8": true,
	} {
		if got := tooWide([]string{text}) != ""; got != wide {
			t.Errorf("%s: %v", text, got)
		}
	}
	if tooWide([]string{"8.0.0.0/9", "8.128.0.0/9"}) == "" {
		t.Error("two halves of a large network hold as much as the whole")
	}
}

// TestALiveMiddlewareIsWhatItIs: the edge's API tells of a status too, which
// sorts before some kinds.
func TestALiveMiddlewareIsWhatItIs(t *testing.T) {
	root := &edgeNode{}
	b := edgeBuilder{left: edgeMaxNodes}
	live := map[string]any{"http": map[string]any{"middlewares": map[string]any{"strip-api": map[string]any{"status": "enabled", "stripPrefix": map[string]any{"prefixes": []any{"/api"}}}}}}
	if err := b.fromMap(root, live, 0); err != nil {
		t.Fatal(err)
	}
	m := edgeModel{middlewares: map[string]edgeMiddleware{}, services: map[string]*edgeNode{}}
	m.readMiddlewares(edgeSource{"file", "live", root})
	if kind := m.middlewares["strip-api"].kind; kind != "stripprefix" {
		t.Errorf("kind %q", kind)
	}
	j := &headerJudge{model: m}
	if !j.strips(edgeRouter{middlewares: []string{"strip-api"}}, "/api") {
		t.Error("it takes the prefix away")
	}
}
