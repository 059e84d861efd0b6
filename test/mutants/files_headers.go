package main

// dynamic replaces one place of the routes.
func dynamic(from, to string) func(p *project) {
	return func(p *project) { p.edit(dynamicFile, from, to) }
}

// static replaces one place of Traefik's static file.
func static(from, to string) func(p *project) {
	return func(p *project) { p.edit(staticFile, from, to) }
}

const (
	jobsRouter = "      rule: \"Host(`jobs.{{ $domain }}`)\"\n      entryPoints: [websecure]\n      middlewares: "
	allGuards  = "[staff-headers, staff-addresses, staff-auth]"
	rangeAt    = "sourceRange: [{{ range $i, $range := splitList \",\" (env \"STAFF_ALLOWLIST\") }}{{ if $i }}, {{ end }}\"{{ $range }}\"{{ end }}]"
)

// headerFiles weaken headers, guards and routing in the edge's files.
var headerFiles = []mutant{
	{name: "no nosniff", row: 22, gates: "G8", rule: "headers/nosniff", files: dynamic("        contentTypeNosniff: true\n        customFrame", "        customFrame")},
	{name: "the dashboard with api.insecure", row: 23, gates: "G8", rule: "headers/dashboard", files: static("insecure: false", "insecure: true")},
	{name: "the dashboard insecure by flag", gates: "G8", rule: "headers/second-source", files: edgeFlag("--api.insecure=true")},
	{name: "the dashboard insecure by environment", gates: "G8", rule: "headers/second-source", files: edgeVariable("TRAEFIK_API_INSECURE", "true")},
	{name: "the edge's profiler", gates: "G8", rule: "headers/dashboard", files: static("  dashboard: true\n", "  dashboard: true\n  debug: true\n")},
	{name: "HSTS for five minutes", gates: "G8", rule: "headers/hsts", files: dynamic("stsSeconds: 31536000", "stsSeconds: 300")},
	{name: "a CSP with unsafe-inline", gates: "G8", rule: "headers/csp", files: dynamic("script-src 'self'", "script-src 'self' 'unsafe-inline'")},
	{name: "a CSP that lets a third party run code", gates: "G8", rule: "headers/third-party-code", files: dynamic("script-src 'self'", "script-src 'self' https://cdn.tracker.example")},
	{name: "a CSP that takes scripts from anywhere", gates: "G8", rule: "headers/csp", files: dynamic("script-src 'self'", "script-src https:")},
	{name: "a CSP in report-only mode", gates: "G8", rule: "headers/csp", files: dynamic("        contentSecurityPolicy: ", "        contentSecurityPolicyReportOnly: ")},
	{name: "framing allowed", gates: "G8", rule: "headers/framing", files: func(p *project) {
		p.edit(dynamicFile, "customFrameOptionsValue: DENY", "customFrameOptionsValue: ALLOWALL")
		p.edit(dynamicFile, "; frame-ancestors 'none'", "")
	}},
	{name: "a referrer policy that leaks paths", gates: "G8", rule: "headers/referrer", files: dynamic("referrerPolicy: strict-origin-when-cross-origin", "referrerPolicy: unsafe-url")},
	{name: "no permissions policy", gates: "G8", rule: "headers/permissions", files: dynamic("        permissionsPolicy: \"camera=(), geolocation=(), microphone=(), payment=(), usb=()\"\n        contentSecurityPolicy", "        contentSecurityPolicy")},
	{name: "the headers come after the rate limit", gates: "G8", rule: "headers/headers-first", files: dynamic("[public-headers, site-rate]", "[site-rate, public-headers]")},
	{name: "a staff router without password", gates: "G8", rule: "headers/staff-password", files: dynamic(jobsRouter+allGuards, jobsRouter+"[staff-headers, staff-addresses]")},
	{name: "a staff router without allowlist", gates: "G8", rule: "headers/staff-allowlist", files: dynamic(jobsRouter+allGuards, jobsRouter+"[staff-headers, staff-auth]")},
	{name: "a staff router without any guard", gates: "G8", rule: "headers/staff-password", also: because("both guards are missing", "headers/staff-allowlist"), files: dynamic(jobsRouter+allGuards, jobsRouter+"[staff-headers]")},
	{name: "the allowlist of everybody", gates: "G8", rule: "headers/staff-allowlist", files: dynamic(rangeAt, "sourceRange: [\"0.0.0.0/0\"]")},
	{name: "the allowlist of everybody in two halves", gates: "G8", rule: "headers/staff-allowlist", files: dynamic(rangeAt, "sourceRange: [\"0.0.0.0/1\", \"128.0.0.0/1\"]")},
	{name: "the allowlist of everybody in eighths", gates: "G8", rule: "headers/staff-allowlist", files: dynamic(rangeAt, "sourceRange: [\"0.0.0.0/8\", \"1.0.0.0/8\", \"2.0.0.0/7\", \"4.0.0.0/6\", \"8.0.0.0/5\", \"16.0.0.0/4\"]")},
	{name: "the allowlist of all of IPv6", gates: "G8", rule: "headers/staff-allowlist", files: dynamic(rangeAt, "sourceRange: [\"127.0.0.1/32\", \"::/0\"]")},
	{name: "the allowlist of everybody by a variable", gates: "G8", rule: "headers/staff-allowlist", files: func(p *project) { p.edit(targetFile, "127.0.0.1/32,", "0.0.0.0/0,") }},
	{name: "the allowlist believes X-Forwarded-For", gates: "G8", rule: "headers/client-address", files: dynamic(rangeAt, rangeAt+"\n        ipStrategy: {depth: 1}")},
	{name: "forwarded headers of anybody are trusted", gates: "G8", rule: "headers/client-address", files: static("    address: \":443\"\n", "    address: \":443\"\n    forwardedHeaders: {insecure: true}\n")},
	{name: "forwarded headers of every network are trusted", gates: "G8", rule: "headers/client-address", files: static("    address: \":443\"\n", "    address: \":443\"\n    forwardedHeaders: {trustedIPs: [\"0.0.0.0/0\"]}\n")},
	{name: "forwarded headers trusted by flag", gates: "G8", rule: "headers/second-source", files: edgeFlag("--entryPoints.websecure.forwardedHeaders.insecure")},
	{name: "the PROXY protocol of anybody is trusted", gates: "G8", rule: "headers/client-address", files: static("    address: \":443\"\n", "    address: \":443\"\n    proxyProtocol: {insecure: true}\n")},
	{name: "POST is tried again", gates: "G8", rule: "headers/no-retry", files: dynamic("[api-policy, public-headers, api-rate, body-limit, strip-api]", "[api-policy, public-headers, api-rate, body-limit, strip-api, retry-reads]")},
	{name: "PUT is tried again beside GET", gates: "G8", rule: "headers/no-retry", files: dynamic("(Method(`GET`) || Method(`HEAD`))", "(Method(`GET`) || Method(`PUT`))")},
	{name: "sign-in without rate limit", gates: "G8", rule: "headers/rate-limit", files: dynamic("[api-policy, public-headers, auth-rate, body-limit, strip-api]", "[public-headers, body-limit, strip-api]")},
	{name: "the site without rate limit", gates: "G8", rule: "headers/rate-limit", files: dynamic("[public-headers, site-rate]", "[public-headers]")},
	{name: "sign-in limited no tighter than the rest", gates: "G8", rule: "headers/rate-limit", files: dynamic("[api-policy, public-headers, auth-rate, body-limit, strip-api]", "[api-policy, public-headers, api-rate, body-limit, strip-api]")},
	{name: "a rate limit that limits nothing", gates: "G8", rule: "headers/rate-limit", files: dynamic("rateLimit: {average: {{ env \"AUTH_RATE\" }}, period: 1m, burst: {{ env \"AUTH_RATE\" }}, sourceCriterion: {ipStrategy: {ipv6Subnet: 64}}}", "rateLimit: {average: 0, burst: 1}")},
	{name: "the dashboard on a public router", gates: "G8", rule: "headers/staff-password", also: because("both guards are missing", "headers/staff-allowlist"), files: func(p *project) {
		p.route("routers", "board:\n  rule: \"Host(`{{ $domain }}`) && PathPrefix(`/board`)\"\n  entryPoints: [websecure]\n  middlewares: [public-headers]\n  service: dashboard@internal\n  tls: {certResolver: le-staging}\n")
	}},
	{name: "a router of every host", gates: "G8", rule: "headers/unknown-host", files: func(p *project) {
		p.route("routers", "all:\n  rule: \"HostRegexp(`.+`)\"\n  priority: 1\n  entryPoints: [websecure]\n  middlewares: [public-headers, site-rate]\n  service: web\n  tls: {certResolver: le-staging}\n")
	}},
	{name: "a router of every path, whatever the host", gates: "G8", rule: "headers/unknown-host", files: func(p *project) {
		p.route("routers", "all:\n  rule: \"PathPrefix(`/`)\"\n  priority: 1\n  entryPoints: [websecure]\n  middlewares: [public-headers, site-rate]\n  service: web\n  tls: {certResolver: le-staging}\n")
	}},
	{name: "a router steals the API's paths by its priority", gates: "G8", rule: "headers/routing", files: func(p *project) {
		p.route("routers", "thief:\n  rule: \"Host(`{{ $domain }}`) && PathPrefix(`/api/auth/`)\"\n  priority: 1000\n  entryPoints: [websecure]\n  middlewares: [api-policy, public-headers, auth-rate]\n  service: web\n  tls: {certResolver: le-staging}\n")
	}},
	{name: "a public router leads to the staff service", gates: "G8", rule: "headers/staff-bypass", files: func(p *project) {
		p.route("routers", "door:\n  rule: \"Host(`{{ $domain }}`) && PathPrefix(`/door/`)\"\n  priority: 400\n  entryPoints: [websecure]\n  middlewares: [public-headers, site-rate]\n  service: admin\n  tls: {certResolver: le-staging}\n")
	}},
	{name: "the site on the plain port", gates: "G8", rule: "headers/plain-http", files: func(p *project) {
		p.route("routers", "plain:\n  rule: \"Host(`{{ $domain }}`)\"\n  priority: 900\n  entryPoints: [web]\n  middlewares: [public-headers, site-rate]\n  service: web\n")
	}},
	{name: "the staff pages on the plain port", gates: "G8", rule: "headers/plain-http", files: func(p *project) {
		p.route("routers", "plain:\n  rule: \"Host(`admin.{{ $domain }}`)\"\n  priority: 900\n  entryPoints: [web]\n  middlewares: [staff-headers, staff-addresses, staff-auth]\n  service: admin\n")
	}},
	{name: "no redirect from the plain port", gates: "G8", rule: "headers/plain-http", files: dynamic("      middlewares: [public-headers, to-https]\n", "      middlewares: [public-headers]\n")},
	{name: "the redirect to https is not permanent", gates: "G8", rule: "headers/redirect-permanent", files: dynamic("redirectScheme: {scheme: https, permanent: true}", "redirectScheme: {scheme: https}")},
	{name: "any origin may read with cookies", gates: "G8", rule: "headers/cors", files: dynamic("        contentTypeNosniff: true\n        customFrame", "        accessControlAllowOriginList: [\"*\"]\n        accessControlAllowCredentials: true\n        contentTypeNosniff: true\n        customFrame")},
	{name: "origins by pattern may read with cookies", gates: "G8", rule: "headers/cors", files: dynamic("        contentTypeNosniff: true\n        customFrame", "        accessControlAllowOriginListRegex: [\".*\"]\n        accessControlAllowCredentials: true\n        contentTypeNosniff: true\n        customFrame")},
	{name: "the password guard has no users", gates: "G8", rule: "headers/users-file", files: dynamic("        usersFile: /run/secrets/staff_htpasswd\n", "")},
	{name: "credentials in the access log", gates: "G8", rule: "headers/logged-secrets", files: static("defaultMode: drop", "defaultMode: keep")},
	{name: "the inside API without a password", gates: "G8", rule: "headers/inside-pages", files: dynamic("      entryPoints: [internal]\n      middlewares: [staff-auth]\n", "      entryPoints: [internal]\n")},
	{name: "metrics on the public entry point", gates: "G8", rule: "headers/inside-pages", files: func(p *project) { p.append(staticFile, "metrics:\n  prometheus: {entryPoint: websecure}\n") }},
	{name: "paths are not cleaned", gates: "G8", rule: "headers/paths-cleaned", files: static("    address: \":443\"\n", "    address: \":443\"\n    http: {sanitizePath: false}\n")},
	{name: "ping on the public entry point", gates: "G8", rule: "headers/inside-pages", files: static("ping:\n  entryPoint: internal\n", "ping:\n  entryPoint: websecure\n")},
	{name: "a router without middlewares", gates: "G8", rule: "headers/rate-limit", also: because("each middleware sets something of its own", "headers/hsts", "headers/nosniff", "headers/framing", "headers/referrer", "headers/permissions", "headers/csp"), files: dynamic("      middlewares: [public-headers, site-rate]\n      service: web\n", "      service: web\n")},
	{name: "a middleware that does not exist", gates: "G9", rule: "compose/router-target", files: dynamic("[public-headers, site-rate]\n", "[public-headers, site-rate, site-rte]\n")},
	{name: "the edge believes any certificate of its services", gates: "G8", rule: "headers/upstream-trust", files: func(p *project) { p.append(staticFile, "serversTransport: {insecureSkipVerify: true}\n") }},
}
