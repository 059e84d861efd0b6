package main

import (
	"strings"

	"stackctl/test/mutants/fault"
)

// live changes the routes that the running edge has loaded.
func live(from, to string) func(s *server) { return func(s *server) { s.routes(from, to) } }

const staffGuards = "middlewares: [staff-headers, staff-addresses, staff-auth]"

// headers weaken the running edge, and what services answer through it.
var headers = []mutant{
	{name: "no nosniff on error answers of the API", row: 22, gates: "G8", rule: "headers/nosniff", server: live("middlewares: [api-policy, public-headers, api-rate, strip-api, retry-reads]", "middlewares: [api-rate, strip-api, retry-reads]")},
	{name: "no HSTS on answers of a path that is not there", gates: "G8", rule: "headers/hsts", server: func(s *server) {
		s.routesBy(func(t string) string {
			t = strings.Replace(t, "  routers:\n", "  routers:\n    lost:\n      rule: \"Host(`"+s.state.Domain+"`) && PathRegexp(`^/zz-`)\"\n      priority: 999\n      entryPoints: [websecure]\n      middlewares: [less-headers]\n      service: web\n      tls: {certResolver: le-staging}\n", 1)
			return strings.Replace(t, "  middlewares:\n", "  middlewares:\n    less-headers:\n      headers: {contentTypeNosniff: true, customFrameOptionsValue: DENY, referrerPolicy: no-referrer, permissionsPolicy: \"camera=()\", contentSecurityPolicy: \"default-src 'none'\"}\n", 1)
		})
	}},
	{name: "the running dashboard without a password", row: 23, gates: "G8", rule: "headers/staff-password", server: func(s *server) {
		s.routesBy(func(t string) string {
			at := strings.Index(t, "    dashboard:\n")
			return t[:at] + strings.Replace(t[at:], staffGuards, "middlewares: [staff-headers, staff-addresses]", 1)
		})
	}},
	{name: "the running edge with api.insecure", row: 23, gates: "G8", rule: "headers/dashboard", server: func(s *server) { s.edgeFile("insecure: false", "insecure: true") }},
	{name: "the running allowlist lets everybody in", gates: "G8", rule: "headers/staff-allowlist", server: func(s *server) {
		s.routesBy(func(t string) string {
			at := strings.Index(t, "sourceRange: [")
			end := at + strings.Index(t[at:], "]")
			return t[:at] + "sourceRange: [\"0.0.0.0/0\"" + t[end:]
		})
	}},
	{name: "the running allowlist also lets the server itself in", gates: "G8", rule: "headers/running-routes", server: func(s *server) {
		s.routesBy(func(t string) string {
			return strings.Replace(t, "sourceRange: [", "sourceRange: [\"172.16.0.0/12\", ", 1)
		})
	}},
	{name: "one running staff router without the allowlist", gates: "G8", rule: "headers/staff-allowlist", server: live(staffGuards, "middlewares: [staff-headers, staff-auth]")},
	{name: "the running edge trusts X-Forwarded-For", gates: "G8", rule: "headers/client-address", server: func(s *server) {
		s.edgeFile("    address: \":443\"\n", "    address: \":443\"\n    forwardedHeaders: {insecure: true}\n")
	}},
	{name: "the running edge tries POST again", gates: "G8", rule: "headers/no-retry", server: live("middlewares: [api-policy, public-headers, api-rate, body-limit, strip-api]", "middlewares: [api-policy, public-headers, api-rate, body-limit, strip-api, retry-reads]")},
	{name: "the running edge serves any host", gates: "G8", rule: "headers/unknown-host", server: live("  routers:\n", "  routers:\n    all:\n      rule: \"HostRegexp(`.+`)\"\n      priority: 1\n      entryPoints: [websecure]\n      middlewares: [public-headers, site-rate]\n      service: web\n      tls: {}\n")},
	{name: "a running router shows the staff pages on the public host", gates: "G8", rule: "headers/staff-bypass", server: func(s *server) {
		s.routes("  routers:\n", "  routers:\n    door:\n      rule: \"Host(`"+s.state.Domain+"`) && PathPrefix(`/users`)\"\n      priority: 400\n      entryPoints: [websecure]\n      middlewares: [public-headers, site-rate]\n      service: admin\n      tls: {certResolver: le-staging}\n")
	}},
	{name: "a running router is switched off by a mistake", gates: "G8 G9", rule: "headers/running-routes", server: live("middlewares: [public-headers, site-rate, to-apex]", "middlewares: [public-headers, site-rate, to-apx]")},
	{name: "the running edge has no rate limit on sign-in", gates: "G8", rule: "headers/rate-limit", server: live("middlewares: [api-policy, public-headers, auth-rate, body-limit, strip-api]", "middlewares: [public-headers, body-limit, strip-api]")},
	{name: "the plain port serves the site", gates: "G8", rule: "headers/plain-http", server: func(s *server) {
		s.routes("  routers:\n", "  routers:\n    plain:\n      rule: \"Host(`"+s.state.Domain+"`)\"\n      priority: 999\n      entryPoints: [web]\n      middlewares: [public-headers, site-rate]\n      service: web\n")
	}},
	{name: "the Server header tells the version", gates: "G8", rule: "headers/server-header", faults: []fault.Rule{{Header: map[string]string{"X-Powered-By": "Gin/1.10"}}}, server: func(s *server) {
		s.routesBy(func(t string) string { return strings.ReplaceAll(t, "X-Powered-By: \"\"", "X-Other: \"\"") })
	}},
	{name: "hashed files are not kept", gates: "G8", rule: "headers/caching", faults: []fault.Rule{{Path: "/assets/.*", Header: map[string]string{"Cache-Control": "no-cache"}}}},
	{name: "the page is kept for a day", gates: "G8", rule: "headers/caching", faults: []fault.Rule{{Path: "/", Header: map[string]string{"Cache-Control": "public, max-age=86400"}}}},
	{name: "a file of the page is missing", gates: "G8", rule: "headers/page-files", faults: []fault.Rule{{Path: "/assets/.*\\.css", Status: 404}}},
	{name: "a path of the site leads to another one", gates: "G8", rule: "headers/open-redirect", faults: []fault.Rule{{Path: "/", Status: 302, Header: map[string]string{"Location": "https://evil.example/"}}}},
	{name: "a private answer without no-store", gates: "G8", rule: "headers/private-cache", faults: []fault.Rule{{Path: "/auth/csrf", Header: map[string]string{"Cache-Control": ""}}}},
	{name: "the origin null may read", gates: "G8", rule: "headers/cors", faults: []fault.Rule{{Header: map[string]string{"Access-Control-Allow-Origin": "null", "Access-Control-Allow-Credentials": "true"}}}},
	{name: "an environment file is served", gates: "G8 G4", rule: "headers/inside-pages", faults: []fault.Rule{{Path: "/\\.env", Answer: true, Status: 200, Body: text("DATABASE_PASSWORD=x\n"), Header: map[string]string{"Content-Type": "text/plain"}}}},
	{name: "HTTP/2 answers lack the headers", gates: "G8", rule: "headers/running-routes", faults: []fault.Rule{{Header: map[string]string{"X-Mutant": "1"}}}, server: func(s *server) {
		s.routes("  routers:\n", "  routers:\n    tab:\n      rule: \"Host(`"+s.state.Domain+"`) && HeaderRegexp(`User-Agent`, `.*`) && !Header(`Connection`, `close`) && Path(`/`)\"\n      priority: 999\n      entryPoints: [websecure]\n      service: web\n      tls: {certResolver: le-staging}\n")
	}},
}

// deploys are releases that must not become live.
var deploys = []mutant{
	{name: "a migration fails", gates: "step", args: "deploy", files: compose(`command: ["migrate"]`, `command: ["migrate", "--no-such-flag"]`), server: func(*server) {}},
	{name: "a service never gets up", gates: "step", args: "deploy", files: compose(`command: ["worker"]`, `command: ["worker", "--no-such-flag"]`), server: func(*server) {}},
	{name: "the committed contract is not the image's", gates: "G2", rule: "contract/drift", args: "deploy", server: func(*server) {}, files: openapi("operationId: getVersion", "operationId: getVersion\n      deprecated: false\n      parameters: [{name: tenant, in: query, required: true, schema: {type: string}}]")},
	{name: "the release is told a wrong name", gates: "G3 G7", rule: "health/identity", args: "deploy", server: func(*server) {}, files: compose("  RELEASE: ${RELEASE:-dev}\n", "  RELEASE: always-the-same\n")},
	{name: "the site's routes answer 404", gates: "G3 G8", rule: "health/answers", args: "deploy", server: func(*server) {}, files: dynamic("rule: \"Host(`{{ $domain }}`)\"\n      priority: 100", "rule: \"Host(`{{ $domain }}`) && Path(`/only`)\"\n      priority: 100")},
	{name: "the API's prefix is not stripped", gates: "G2 G3 G4", rule: "health/answers", args: "deploy", server: func(*server) {}, files: dynamic("[api-policy, public-headers, api-rate, strip-api, retry-reads]", "[api-policy, public-headers, api-rate, retry-reads]")},
}
