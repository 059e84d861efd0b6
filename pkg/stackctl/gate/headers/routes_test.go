package headers

import (
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
)

func TestRoutingCatches(t *testing.T) {
	const site = "entryPoints: [websecure], middlewares: [public-headers, site-rate], service: web, tls: {certResolver: le-staging}"
	route := func(name, rule, rest, subject, problem string) gatetest.Mutant {
		return gatetest.Mutant{Name: name, File: gatetest.RoutesFile, From: "\n  routers:\n", To: "\n  routers:\n    new: {rule: \"" + rule + "\", " + rest + "}\n", Subject: subject, Problem: problem}
	}
	edgeCommand := `command: ["--configFile=/etc/traefik/traefik.yml"]`
	gatetest.StaticMutants(t, Declared(), []gatetest.Mutant{
		route("any host by pattern", "HostRegexp(`.+`)", site, "router new", "nobody named"),
		route("any host by path", "PathPrefix(`/`)", site, "router new", "nobody named"),
		route("any host in one alternative", "Host(`{{ $domain }}`) || PathPrefix(`/x`)", site, "router new", "nobody named"),
		route("any host but one", "!Host(`{{ $domain }}`)", site, "router new", "nobody named"),
		route("the plain port serves", "Host(`{{ $domain }}`) && Path(`/x`)", "entryPoints: [web], middlewares: [public-headers, site-rate], service: web", "router new", "without TLS"),
		route("no rate", "Host(`{{ $domain }}`) && Path(`/x`)", "entryPoints: [websecure], middlewares: [public-headers], service: web, tls: {certResolver: le-staging}", "router new", "no rate limit"),
		route("a public way to the staff's service", "Host(`{{ $domain }}`) && Path(`/x`)", "entryPoints: [websecure], middlewares: [public-headers, site-rate], service: jobs-ui, tls: {certResolver: le-staging}", "router new", "staff service jobs-ui"),
		route("the API's paths taken by priority", "Host(`{{ $domain }}`) && PathPrefix(`/api/auth`)", "priority: 999, "+site, "router new", "elsewhere"),
		route("the API's paths taken under a condition", "Host(`{{ $domain }}`) && Header(`X-Beta`, `1`)", "priority: 999, "+site, "router new", "elsewhere"),
		{Name: "a rate of nothing", File: gatetest.RoutesFile, From: "site-rate:\n      rateLimit: {average: 500", To: "site-rate:\n      rateLimit: {average: 0", Subject: "router web", Problem: "no rate limit"},
		{Name: "sign-in no tighter", File: gatetest.RoutesFile, From: "period: 1m, burst: {{ env \"AUTH_RATE\" }}", To: "period: 100ms, burst: 5", Subject: "router api-auth", Problem: "no tighter"},
		{Name: "a redirect for once", File: gatetest.RoutesFile, From: "scheme: https, permanent: true", To: "scheme: https", Subject: "middleware to-https", Problem: "not permanent"},
		{Name: "the inside API without password", File: gatetest.RoutesFile, From: "entryPoints: [internal]\n      middlewares: [staff-auth]", To: "entryPoints: [internal]", Subject: "router inside", Problem: "no password"},
		{Name: "ping in public", File: gatetest.StaticFile, From: "  entryPoint: internal", To: "  entryPoint: websecure", Subject: "edge ping", Problem: "published"},
		{Name: "passwords in the access log", File: gatetest.StaticFile, From: "defaultMode: drop", To: "defaultMode: keep", Subject: "edge access log", Problem: "access log"},
		{Name: "any certificate of services", File: gatetest.StaticFile, From: "ping:\n", To: "serversTransport: {insecureSkipVerify: true}\nping:\n", Subject: "edge transport", Problem: "any certificate"},
		{Name: "insecure by flag", File: gatetest.ComposeFile, From: edgeCommand, To: `command: ["--configFile=/etc/traefik/traefik.yml", "--api.insecure"]`, Subject: "edge flags", Problem: "api.insecure"},
		{Name: "forwarded headers by flag", File: gatetest.ComposeFile, From: edgeCommand, To: `command: ["--configFile=/etc/traefik/traefik.yml", "--entryPoints.websecure.forwardedHeaders.insecure"]`, Subject: "edge flags", Problem: "forwardedHeaders"},
	})
}

func TestRoutingDoesNotCryWolf(t *testing.T) {
	for name, to := range map[string]string{
		"a mirror to the same service": "\n  services:\n    both: {mirroring: {service: web, mirrors: [{name: web, percent: 1}]}}\n",
		"a narrow pattern of hosts":    "\n  routers:\n    new: {rule: \"HostRegexp(`^[a-z]+\\\\.example\\\\.org$`) && Path(`/x`)\", entryPoints: [websecure], middlewares: [public-headers, site-rate], service: web, tls: {certResolver: le-staging}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := gatetest.NewRepo(t)
			from := "\n  routers:\n"
			if to[:13] == "\n  services:\n" {
				from = "\n  services:\n"
			}
			r.Change(t, gatetest.RoutesFile, from, to)
			if got := gatetest.Run(t.Context(), Declared(), r.Subject(t)); len(got.Findings) > 0 {
				t.Errorf("%+v", got.Findings)
			}
		})
	}
}
