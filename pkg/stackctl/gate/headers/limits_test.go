package headers

import (
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/traefik"
)

func TestLimitsRedirectsAndUsersCatch(t *testing.T) {
	const (
		rate   = "    site-rate:\n      rateLimit: {average: 500, period: 1s, burst: 1000, sourceCriterion: {ipStrategy: {ipv6Subnet: 64}}}"
		guards = "rule: \"Host(`jobs.{{ $domain }}`)\"\n      entryPoints: [websecure]\n      middlewares: [staff-headers, staff-addresses, staff-auth]"
		jobs   = "rule: \"Host(`jobs.{{ $domain }}`)\"\n      entryPoints: [websecure]\n      middlewares: "
	)
	limited := func(name, options, problem string) gatetest.Mutant {
		return gatetest.Mutant{Name: name, File: gatetest.RoutesFile, From: rate, To: "    site-rate:\n      rateLimit: {" + options + "}", Subject: "middleware site-rate", Problem: problem}
	}
	users := func(name, content, problem string) gatetest.Mutant {
		return gatetest.Mutant{Name: name, After: func(s *gate.Subject) { s.Release.Known["staff_htpasswd"] = content }, Subject: "middleware staff-auth", Problem: problem}
	}
	gatetest.StaticMutants(t, Declared(), []gatetest.Mutant{
		limited("by a header", "average: 5, burst: 5, sourceCriterion: {requestHeaderName: X-Key}", "choose"),
		limited("by the host", "average: 5, burst: 5, sourceCriterion: {requestHost: true}", "share"),
		limited("by a claim", "average: 5, burst: 5, sourceCriterion: {ipStrategy: {depth: 1}}", "believes"),
		limited("never reached", "average: 1, period: 10us, burst: 5", "nobody"),
		limited("a burst for everybody", "average: 5, burst: 1000001", "nobody"),
		users("plain text", "staff:open sesame", "plain text"),
		users("MD5", "staff:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/", "MD5"),
		users("SHA-1", "staff:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
		users("nobody", "# later", "no users"),
		{Name: "a guard's file that is not there", File: gatetest.RoutesFile, From: "/run/secrets/staff_htpasswd", To: "/etc/users", Subject: "middleware staff-auth", Problem: "not there"},
		{Name: "a redirect that never happens", File: gatetest.RoutesFile, From: guards, To: jobs + "[staff-headers, to-https]", Subject: "router jobs", Problem: "no password"},
		{Name: "a redirect that seldom happens", File: gatetest.RoutesFile, From: guards, To: jobs + "[staff-headers, to-apex]", Subject: "router jobs", Problem: "no password"},
		{Name: "a redirect down", File: gatetest.RoutesFile, From: "replacement: \"https://", To: "replacement: \"http://", Subject: "router www", Problem: "plain HTTP"},
		{Name: "a redirect anywhere", File: gatetest.RoutesFile, From: "www\\\\.([^/]+)/(.*)", To: "www\\\\.[^/]+/([^/]*)/?(.*)", Subject: "router www", Problem: "where the visitor says"},
		{Name: "the prefix kept", File: gatetest.RoutesFile, From: "api-rate, body-limit, strip-api", To: "api-rate, body-limit", Subject: "router api", Problem: "does not have"},
		{Name: "no base", File: gatetest.RoutesFile, From: "base-uri 'none'; ", To: "", Subject: "router web", Problem: "base"},
		{Name: "a partner's frame", File: gatetest.RoutesFile, From: "frame-ancestors 'none'", To: "frame-ancestors https://partner.example", Subject: "router web", Problem: "framing"},
		{Name: "subdomains left out", File: gatetest.RoutesFile, From: "        stsIncludeSubdomains: true\n", To: "", Subject: "router web", Problem: "subdomains"},
		{Name: "no end of waiting", File: gatetest.StaticFile, From: "readTimeout: 60s", To: "readTimeout: 0", Subject: "entry point websecure", Problem: "without end"},
	})
}

func TestWideNetworks(t *testing.T) {
	for text, wide := range map[string]bool{
		"::ffff:0.0.0.0/96": true, "::ffff:198.51.100.0/120": false, "198.51.100.7": false, "203.0.113.0/24": false, "10.0.0.0/8": false, "8.0.0.0/8": true,
	} {
		if got := probe.TooWide([]string{text}) != ""; got != wide {
			t.Errorf("%s: %v", text, got)
		}
	}
	if probe.TooWide([]string{"8.0.0.0/9", "8.128.0.0/9"}) == "" {
		t.Error("two halves of a large network hold as much as the whole")
	}
}

// TestALiveMiddlewareIsWhatItIs: the edge's API tells of a status too, which
// sorts before some kinds.
func TestALiveMiddlewareIsWhatItIs(t *testing.T) {
	root := &traefik.Node{}
	b := traefik.Builder{Left: traefik.MaxNodes}
	live := map[string]any{"http": map[string]any{"middlewares": map[string]any{"strip-api": map[string]any{"status": "enabled", "stripPrefix": map[string]any{"prefixes": []any{"/api"}}}}}}
	if err := b.FromMap(root, live, 0); err != nil {
		t.Fatal(err)
	}
	m := traefik.Model{Middlewares: map[string]traefik.Middleware{}, Services: map[string]*traefik.Node{}}
	m.ReadMiddlewares(traefik.Source{Kind: "file", Where: "live", Root: root})
	if kind := m.Middlewares["strip-api"].Kind; kind != "stripprefix" {
		t.Errorf("kind %q", kind)
	}
	j := &judge{model: m}
	if !j.strips(traefik.Router{Middlewares: []string{"strip-api"}}, "/api") {
		t.Error("it takes the prefix away")
	}
}
