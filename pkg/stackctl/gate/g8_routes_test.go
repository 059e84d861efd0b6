package gate

import (
	"testing"
)

func TestRoutingCatches(t *testing.T) {
	const site = "entryPoints: [websecure], middlewares: [public-headers, site-rate], service: web, tls: {certResolver: le-staging}"
	route := func(name, rule, rest, subject, problem string) mutant {
		return mutant{name: name, file: routesFile, from: "\n  routers:\n", to: "\n  routers:\n    new: {rule: \"" + rule + "\", " + rest + "}\n", subject: subject, problem: problem}
	}
	edgeCommand := `command: ["--configFile=/etc/traefik/traefik.yml"]`
	staticMutants(t, headersDeclared(), []mutant{
		route("any host by pattern", "HostRegexp(`.+`)", site, "router new", "nobody named"),
		route("any host by path", "PathPrefix(`/`)", site, "router new", "nobody named"),
		route("any host in one alternative", "Host(`{{ $domain }}`) || PathPrefix(`/x`)", site, "router new", "nobody named"),
		route("any host but one", "!Host(`{{ $domain }}`)", site, "router new", "nobody named"),
		route("the plain port serves", "Host(`{{ $domain }}`) && Path(`/x`)", "entryPoints: [web], middlewares: [public-headers, site-rate], service: web", "router new", "without TLS"),
		route("no rate", "Host(`{{ $domain }}`) && Path(`/x`)", "entryPoints: [websecure], middlewares: [public-headers], service: web, tls: {certResolver: le-staging}", "router new", "no rate limit"),
		route("a public way to the staff's service", "Host(`{{ $domain }}`) && Path(`/x`)", "entryPoints: [websecure], middlewares: [public-headers, site-rate], service: jobs-ui, tls: {certResolver: le-staging}", "router new", "staff service jobs-ui"),
		route("the API's paths taken by priority", "Host(`{{ $domain }}`) && PathPrefix(`/api/auth`)", "priority: 999, "+site, "router new", "elsewhere"),
		route("the API's paths taken under a condition", "Host(`{{ $domain }}`) && Header(`X-Beta`, `1`)", "priority: 999, "+site, "router new", "elsewhere"),
		{name: "a rate of nothing", file: routesFile, from: "site-rate:\n      rateLimit: {average: 500", to: "site-rate:\n      rateLimit: {average: 0", subject: "router web", problem: "no rate limit"},
		{name: "sign-in no tighter", file: routesFile, from: "period: 1m, burst: {{ env \"AUTH_RATE\" }}", to: "period: 100ms, burst: 5", subject: "router api-auth", problem: "no tighter"},
		{name: "a redirect for once", file: routesFile, from: "scheme: https, permanent: true", to: "scheme: https", subject: "middleware to-https", problem: "not permanent"},
		{name: "the inside API without password", file: routesFile, from: "entryPoints: [internal]\n      middlewares: [staff-auth]", to: "entryPoints: [internal]", subject: "router inside", problem: "no password"},
		{name: "ping in public", file: staticFile, from: "  entryPoint: internal", to: "  entryPoint: websecure", subject: "edge ping", problem: "published"},
		{name: "passwords in the access log", file: staticFile, from: "defaultMode: drop", to: "defaultMode: keep", subject: "edge access log", problem: "access log"},
		{name: "any certificate of services", file: staticFile, from: "ping:\n", to: "serversTransport: {insecureSkipVerify: true}\nping:\n", subject: "edge transport", problem: "any certificate"},
		{name: "insecure by flag", file: composeFile, from: edgeCommand, to: `command: ["--configFile=/etc/traefik/traefik.yml", "--api.insecure"]`, subject: "edge flags", problem: "api.insecure"},
		{name: "forwarded headers by flag", file: composeFile, from: edgeCommand, to: `command: ["--configFile=/etc/traefik/traefik.yml", "--entryPoints.websecure.forwardedHeaders.insecure"]`, subject: "edge flags", problem: "forwardedHeaders"},
	})
}

func TestRoutingDoesNotCryWolf(t *testing.T) {
	for name, to := range map[string]string{
		"a mirror to the same service": "\n  services:\n    both: {mirroring: {service: web, mirrors: [{name: web, percent: 1}]}}\n",
		"a narrow pattern of hosts":    "\n  routers:\n    new: {rule: \"HostRegexp(`^[a-z]+\\\\.example\\\\.org$`) && Path(`/x`)\", entryPoints: [websecure], middlewares: [public-headers, site-rate], service: web, tls: {certResolver: le-staging}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			from := "\n  routers:\n"
			if to[:13] == "\n  services:\n" {
				from = "\n  services:\n"
			}
			r.change(t, routesFile, from, to)
			if got := runAlone(t.Context(), headersDeclared(), r.subject(t)); len(got.Findings) > 0 {
				t.Errorf("%+v", got.Findings)
			}
		})
	}
}
