package headers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

func TestHeadersDeclaredCatches(t *testing.T) {
	web := `    address: ":443"`
	public := "[public-headers, site-rate]\n      service: web"
	staff := "middlewares: [staff-headers, staff-addresses, staff-auth]"
	ranges := `sourceRange: [{{ range $i, $range := splitList "," (env "STAFF_ALLOWLIST") }}{{ if $i }}, {{ end }}"{{ $range }}"{{ end }}]`
	mutants := []gatetest.Mutant{
		{Name: "api.insecure", File: gatetest.StaticFile, From: "  insecure: false", To: "  insecure: true", Subject: "edge api", Problem: "anybody"},
		{Name: "api.INSECURE, as a word", File: gatetest.StaticFile, From: "  insecure: false", To: "  INSECURE: \"True\"", Subject: "edge api", Problem: "anybody"},
		{Name: "api.debug", File: gatetest.StaticFile, From: "  insecure: false", To: "  debug: true", Subject: "edge api", Problem: "profiler"},
		{Name: "metrics on the public entry point", File: gatetest.StaticFile, From: "ping:\n", To: "metrics: {prometheus: {entryPoint: websecure}}\nping:\n", Subject: "edge metrics", Problem: "published"},
		{Name: "forwarded headers believed", File: gatetest.StaticFile, From: web, To: web + "\n    forwardedHeaders: {insecure: true}", Subject: "entry point websecure", Problem: "forwardedHeaders"},
		{Name: "forwarded headers of everybody", File: gatetest.StaticFile, From: web, To: web + "\n    forwardedHeaders: {trustedIPs: [\"0.0.0.0/0\"]}", Subject: "entry point websecure", Problem: "forwardedHeaders"},
		{Name: "forwarded headers of two halves", File: gatetest.StaticFile, From: web, To: web + "\n    forwardedHeaders: {trustedIPs: [\"0.0.0.0/1\", \"128.0.0.0/1\"]}", Subject: "entry point websecure", Problem: "forwardedHeaders"},
		{Name: "proxy protocol of everybody, IPv6", File: gatetest.StaticFile, From: web, To: web + "\n    proxyProtocol: {trustedIPs: [\"::/0\"]}", Subject: "entry point websecure", Problem: "proxyProtocol"},
		{Name: "paths are not cleaned", File: gatetest.StaticFile, From: web, To: web + "\n    http: {sanitizePath: false}", Subject: "entry point websecure", Problem: "cleaned"},
		{Name: "staff without password", File: gatetest.RoutesFile, From: staff, To: "middlewares: [staff-headers, staff-addresses]", Subject: "router admin", Problem: "no password"},
		{Name: "staff without allowlist", File: gatetest.RoutesFile, From: staff, To: "middlewares: [staff-headers, staff-auth]", Subject: "router admin", Problem: "no allowlist"},
		{Name: "a staff host without guards", File: gatetest.RoutesFile, From: staff, To: "middlewares: [public-headers]", Subject: "router admin", Problem: "no password"},
		{Name: "the dashboard on the public host", File: gatetest.RoutesFile, From: "    # R6:", To: "    sneak:\n      rule: \"Host(`{{ $domain }}`) && PathPrefix(`/dashboard`)\"\n      entryPoints: [websecure]\n      middlewares: [public-headers]\n      service: dashboard@internal\n      tls: {certResolver: le-staging}\n    # R6:", Subject: "router sneak", Problem: "no password"},
		{Name: "the inside entry point is published", File: gatetest.ComposeFile, From: `      - "443:443"`, To: "      - \"443:443\"\n      - \"8090:8090\"", Subject: "router inside", Problem: "no allowlist"},
		{Name: "an empty allowlist", File: gatetest.RoutesFile, From: ranges, To: "sourceRange: []", Subject: "middleware staff-addresses", Problem: "empty"},
		{Name: "an allowlist for everybody", File: gatetest.RoutesFile, From: ranges, To: "sourceRange: [\"0.0.0.0/0\"]", Subject: "middleware staff-addresses", Problem: "everybody"},
		{Name: "an allowlist for everybody on IPv6", File: gatetest.RoutesFile, From: ranges, To: "sourceRange: [\"127.0.0.1/32\", \"::/0\"]", Subject: "middleware staff-addresses", Problem: "everybody"},
		{Name: "an allowlist by variable", File: gatetest.ComposeFile, From: "${STAFF_ALLOWLIST:-127.0.0.1/32}", To: "0.0.0.0/0", Subject: "middleware staff-addresses", Problem: "everybody"},
		{Name: "an allowlist that is none", File: gatetest.RoutesFile, From: ranges, To: "sourceRange: [office]", Subject: "middleware staff-addresses", Problem: "no address"},
		{Name: "an allowlist that believes the client", File: gatetest.RoutesFile, From: ranges, To: ranges + "\n        ipStrategy: {depth: 1}", Subject: "middleware staff-addresses", Problem: "believes"},
		{Name: "a password guard without users", File: gatetest.RoutesFile, From: "        usersFile: /run/secrets/staff_htpasswd\n", To: "", Subject: "middleware staff-auth", Problem: "no users"},
		{Name: "no headers on a public route", File: gatetest.RoutesFile, From: public, To: "[site-rate]\n      service: web", Subject: "router web", Problem: "nosniff"},
		{Name: "headers after what may answer", File: gatetest.RoutesFile, From: public, To: "[site-rate, public-headers]\n      service: web", Subject: "router web", Problem: "site-rate answers before"},
		{Name: "staff headers on a public route", File: gatetest.RoutesFile, From: public, To: "[staff-headers, site-rate]\n      service: web", Subject: "router web", Problem: "content security policy"},
		{Name: "no HSTS on staff routes", File: gatetest.RoutesFile, From: "          Strict-Transport-Security: \"max-age=31536000; includeSubDomains\"\n", To: "", Subject: "router admin", Problem: "HSTS"},
		{Name: "HSTS too short", File: gatetest.RoutesFile, From: "stsSeconds: 31536000", To: "stsSeconds: 3600", Subject: "router web", Problem: "HSTS"},
		{Name: "no nosniff", File: gatetest.RoutesFile, From: "        contentTypeNosniff: true\n", To: "", Subject: "router web", Problem: "nosniff"},
		{Name: "unsafe-inline", File: gatetest.RoutesFile, From: "style-src 'self'", To: "style-src 'self' 'unsafe-inline'", Subject: "router web", Problem: "unsafe-inline"},
		{Name: "scripts from anywhere", File: gatetest.RoutesFile, From: "script-src 'self'", To: "script-src *", Subject: "router web", Problem: "wildcard"},
		{Name: "scripts from any https place", File: gatetest.RoutesFile, From: "script-src 'self'", To: "script-src https:", Subject: "router web", Problem: "script-src"},
		{Name: "no content security policy", File: gatetest.RoutesFile, From: "contentSecurityPolicy:", To: "contentSecurityPolicyReportOnly:", Subject: "router web", Problem: "content security policy"},
		{Name: "the referrer leaks", File: gatetest.RoutesFile, From: "strict-origin-when-cross-origin", To: "unsafe-url", Subject: "router web", Problem: "referrer"},
		{Name: "retry for every method", File: gatetest.RoutesFile, From: " && (Method(`GET`) || Method(`HEAD`))", To: "", Subject: "router api-reads", Problem: "twice"},
		{Name: "retry for POST", File: gatetest.RoutesFile, From: "Method(`HEAD`)", To: "Method(`POST`)", Subject: "router api-reads", Problem: "twice"},
		{Name: "CORS for everybody with cookies", File: gatetest.RoutesFile, From: "        stsSeconds: 31536000\n", To: "        stsSeconds: 31536000\n        accessControlAllowOriginList: [\"*\"]\n        accessControlAllowCredentials: true\n", Subject: "middleware public-headers", Problem: "every site"},
	}
	gatetest.StaticMutants(t, Declared(), mutants)
}

func TestHeadersDeclaredDoesNotCryWolf(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, r gatetest.Repo){
		"guards in a chain": func(t *testing.T, r gatetest.Repo) {
			r.Write(t, gatetest.RoutesFile, strings.ReplaceAll(r.Read(t, gatetest.RoutesFile), "[staff-headers, staff-addresses, staff-auth]", "[staff@file]"))
			r.Change(t, gatetest.RoutesFile, "  middlewares:\n    public-headers:", "  middlewares:\n    staff: {chain: {middlewares: [staff-headers, staff-addresses, staff-auth]}}\n    public-headers:")
		},
		"headers on the entry point": func(t *testing.T, r gatetest.Repo) {
			r.Write(t, gatetest.RoutesFile, strings.ReplaceAll(r.Read(t, gatetest.RoutesFile), "[public-headers, site-rate]", "[site-rate]"))
			r.Change(t, gatetest.StaticFile, `    address: ":443"`, "    address: \":443\"\n    http: {middlewares: [public-headers@file]}")
		},
		"a load balancer in front": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.StaticFile, `    address: ":443"`, "    address: \":443\"\n    forwardedHeaders: {trustedIPs: [10.0.0.0/24, 203.0.113.1]}")
		},
		"metrics inside": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.StaticFile, "ping:\n", "metrics: {prometheus: {entryPoint: internal}}\nping:\n")
		},
		"frame-ancestors instead of the option": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.RoutesFile, "        customFrameOptionsValue: DENY\n", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := gatetest.NewRepo(t)
			change(t, r)
			if got := gatetest.Run(context.Background(), Declared(), r.Subject(t)); got.Status != stack.Passed {
				t.Errorf("%s %s %+v", got.Status, got.Reason, got.Findings)
			}
		})
	}
}

func TestHeadersServedPasses(t *testing.T) {
	e := newEdge(t, gatetest.NewRepo(t).Subject(t))
	r := gatetest.Run(context.Background(), Served(), e.subject)
	if r.Status != stack.Passed || r.Inspected < 200 {
		t.Fatalf("%s %s, %d inspected, %+v", r.Status, r.Reason, r.Inspected, r.Findings)
	}
	kept := string(e.subject.Artifacts.(*gatetest.Sink).Kept["headers.json"])
	if !strings.Contains(kept, "Strict-Transport-Security") || strings.Contains(kept, gatetest.RepoSecrets["staff_password"]) || strings.Contains(kept, "__Host-pre=x") {
		t.Error("headers.json lacks the headers, or holds what is secret")
	}
}

func TestHeadersServedCatches(t *testing.T) {
	fresh := gatetest.Copies(t, gatetest.NewRepo(t).Subject(t))
	on := func(host string, status int, change func(h http.Header)) func(*goodEdge) {
		return func(e *goodEdge) {
			e.spoil = func(r *http.Request, w *httptest.ResponseRecorder) {
				if r.Host == host && r.TLS != nil && (status == 0 || w.Code == status) {
					change(w.Header())
				}
			}
		}
	}
	drop := func(name string) func(http.Header) { return func(h http.Header) { h.Del(name) } }
	put := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	serve := func(match func(r *http.Request) bool, status int, header, value, body string) func(*goodEdge) {
		return func(e *goodEdge) {
			e.handle = func(w http.ResponseWriter, r *http.Request) bool {
				if !match(r) {
					return false
				}
				if r.TLS != nil && r.Host != "" {
					publicHeaders(w, true)
				}
				if header != "" {
					w.Header().Set(header, value)
				}
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
				return true
			}
		}
	}
	path := func(p string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			return r.TLS != nil && r.Host == "example.org" && (r.RequestURI == p || r.URL.Path == p)
		}
	}
	home := "GET example.org/ {route}"
	for _, c := range []struct {
		name             string
		change           func(*goodEdge)
		subject, problem string
	}{
		{"no nosniff on errors", on("example.org", 404, drop("X-Content-Type-Options")), "GET example.org/api/ {missing}", "nosniff"},
		{"no nosniff on 401", on("example.org", 401, drop("X-Content-Type-Options")), "GET example.org/api/users/me", "nosniff"},
		{"no nosniff on 405", on("example.org", 405, drop("X-Content-Type-Options")), "DELETE example.org/ {method}", "nosniff"},
		{"no headers on the redirect of www", on("www.example.org", 301, drop("Strict-Transport-Security")), "GET www.example.org/ {route}", "HSTS"},
		{"HSTS off", on("example.org", 0, drop("Strict-Transport-Security")), home, "HSTS"},
		{"HSTS of a day", on("example.org", 0, put("Strict-Transport-Security", "max-age=86400; includeSubDomains")), home, "HSTS"},
		{"HSTS that is no number", on("example.org", 0, put("Strict-Transport-Security", "max-age=forever")), home, "HSTS"},
		{"framing allowed", on("example.org", 200, func(h http.Header) { h.Del("X-Frame-Options"); h.Set("Content-Security-Policy", "default-src 'self'") }), home, "framing"},
		{"framing by everybody", on("example.org", 200, func(h http.Header) {
			h.Set("X-Frame-Options", "ALLOWALL")
			h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors *")
		}), home, "framing"},
		{"no referrer policy", on("example.org", 200, drop("Referrer-Policy")), home, "referrer"},
		{"no permissions policy", on("example.org", 200, drop("Permissions-Policy")), home, "permissions"},
		{"unsafe-eval", on("example.org", 200, put("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-eval'; frame-ancestors 'none'")), home, "unsafe-eval"},
		{"a third party's scripts", on("example.org", 200, put("Content-Security-Policy", "default-src 'self'; script-src 'self' https://cdn.tracker.example/lib.js; frame-ancestors 'none'")), home, "cdn.tracker.example"},
		{"TRACE is echoed", func(e *goodEdge) {
			e.handle = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodTrace || r.TLS == nil {
					return false
				}
				publicHeaders(w, true)
				_, _ = w.Write([]byte("TRACE / HTTP/1.1\r\nX-Echo: " + r.Header.Get("X-Echo")))
				return true
			}
		}, "TRACE example.org/ {trace}", "TRACE"},
		{"a policy without scripts", on("example.org", 200, put("Content-Security-Policy", "img-src 'self'; frame-ancestors 'none'")), home, "neither"},
		{"the version in Server", on("example.org", 404, put("Server", "nginx/1.25.3")), "GET example.org/api/ {missing}", "Server"},
		{"X-Powered-By", on("example.org", 200, put("X-Powered-By", "Express")), home, "X-Powered-By"},
		{"CORS reflected", func(e *goodEdge) {
			e.spoil = func(r *http.Request, w *httptest.ResponseRecorder) {
				if o := r.Header.Get("Origin"); o != "" {
					w.Header().Set("Access-Control-Allow-Origin", o)
					w.Header().Set("Access-Control-Allow-Credentials", "true")
				}
			}
		}, "GET example.org/api/ {cors}", "reflected"},
		{"a page that is kept", on("example.org", 200, func(h http.Header) {
			if strings.HasPrefix(h.Get("Content-Type"), "text/html") {
				h.Set("Cache-Control", "public, max-age=3600")
			}
		}), "GET example.org/ {page}", "without asking"},
		{"hashed files that are not kept", on("example.org", 200, func(h http.Header) {
			if strings.Contains(h.Get("Cache-Control"), "immutable") {
				h.Set("Cache-Control", "no-cache")
			}
		}), "GET example.org/{hashed asset}", "not kept"},
		{"missing files that are kept for ever", on("example.org", 404, put("Cache-Control", "public, max-age=31536000, immutable")), "GET example.org {missing asset}", "for ever"},
		{"a private answer that is kept", func(e *goodEdge) {
			e.spoil = func(r *http.Request, w *httptest.ResponseRecorder) {
				if r.URL.Path == "/api/auth/csrf" {
					w.Header().Del("Cache-Control")
				}
			}
		}, "GET example.org/api/auth/csrf", "private answer"},
		{"port 80 serves the site", serve(func(r *http.Request) bool { return r.TLS == nil && r.Host == "example.org" }, 200, "", "", homePage), "GET http://example.org/", "does not lead to https"},
		{"port 80 leads elsewhere", serve(func(r *http.Request) bool { return r.TLS == nil && r.Host == "example.org" }, 301, "Location", "https://www.example.org/", ""), "GET http://example.org/", "leads elsewhere"},
		{"port 80 leads to http", serve(func(r *http.Request) bool { return r.TLS == nil && r.Host == "www.example.org" }, 301, "Location", "http://www.example.org/", ""), "GET http://www.example.org/", "leads elsewhere"},
		{"a redirect for now", func(e *goodEdge) {
			e.spoil = func(r *http.Request, w *httptest.ResponseRecorder) {
				if r.TLS == nil && w.Code == 301 {
					w.Code = 302
				}
			}
		}, "GET http://example.org/", "not permanent"},
		{"no headers on the redirect of port 80", func(e *goodEdge) {
			e.spoil = func(r *http.Request, w *httptest.ResponseRecorder) {
				if r.TLS == nil {
					w.Header().Del("X-Content-Type-Options")
				}
			}
		}, "GET http://example.org/", "nosniff"},
		{"no password on jobs", func(e *goodEdge) { e.noPassword = "jobs.example.org" }, "staff jobs.example.org/", "no password"},
		{"no allowlist on pgadmin: the running edge differs", func(e *goodEdge) {
			e.noAllowlist = "pgadmin.example.org"
			router(e, "pgadmin")["middlewares"] = []any{"staff-headers@file", "staff-auth@file"}
		}, "router pgadmin", "no allowlist"},
		{"X-Forwarded-For is believed", func(e *goodEdge) { e.trusts = "X-Forwarded-For" }, "staff admin.example.org/", "claimed address is believed: X-Forwarded-For"},
		{"X-Real-IP is believed", func(e *goodEdge) { e.trusts = "X-Real-Ip" }, "staff admin.example.org/", "claimed address is believed: X-Real-IP"},
		{"Forwarded is believed", func(e *goodEdge) { e.trusts = "Forwarded" }, "staff admin.example.org/", "claimed address is believed: Forwarded"},
		{"a claimed user is believed", func(e *goodEdge) {
			e.handle = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Host == "admin.example.org" && r.Header.Get("X-Forwarded-User") != "" {
					_, _ = w.Write([]byte("hello"))
					return true
				}
				return false
			}
		}, "staff admin.example.org/", "claimed user"},
		{"the right password is refused", func(e *goodEdge) {
			e.spoil = func(r *http.Request, w *httptest.ResponseRecorder) {
				if strings.HasPrefix(r.Host, "traefik.") {
					w.Code = 401
				}
			}
		}, "staff traefik.example.org/", "right password is refused"},
		{"no HSTS on a staff host", on("admin.example.org", 0, drop("Strict-Transport-Security")), "staff admin.example.org/", "HSTS"},
		{"no nosniff on the refusal of a staff host", on("admin.example.org", 403, drop("X-Content-Type-Options")), "staff admin.example.org/", "nosniff"},
		{"a path around the guard", func(e *goodEdge) {
			e.handle = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Host == "admin.example.org" && r.URL.Path == "/health" {
					_, _ = w.Write([]byte("ok"))
					return true
				}
				return false
			}
		}, "staff admin.example.org", "leads around"},
		{"an unknown host is served", serve(func(r *http.Request) bool { return r.TLS != nil && strings.HasPrefix(r.Host, "zz-") }, 200, "", "", "hello"), "unknown host over https", "is served"},
		{"an unknown host is led to the site", serve(func(r *http.Request) bool { return strings.HasPrefix(r.Host, "zz-") }, 302, "Location", "https://example.org/", ""), "unknown host over https", "led somewhere"},
		{"no host is served", serve(func(r *http.Request) bool { return r.Host == "" }, 200, "", "", "hello"), "unknown host over https", "is served"},
		{"the address as host is served", serve(func(r *http.Request) bool { return r.Host == gatetest.SiteAddress }, 200, "", "", "hello"), "unknown host over https", "is served"},
		{"a forwarded host is believed", serve(func(r *http.Request) bool {
			return strings.HasPrefix(r.Host, "zz-") && r.Header.Get("X-Forwarded-Host") != ""
		}, 200, "", "", "x"), "unknown host over http", "is served"},
		{"the 404 names the site", serve(func(r *http.Request) bool { return strings.HasSuffix(r.Host, ".example") }, 404, "", "", "no such host; try example.org"), "unknown host over https", "names the site"},
		{"the dashboard is public", serve(path("/dashboard/"), 200, "Content-Type", "text/html", "<title>Traefik</title>"), "GET example.org/dashboard/", "inside page"},
		{"the edge's API is public", serve(path("/api/rawdata"), 200, "", "", `{"routers":{"x":{}},"middlewares":{}}`), "GET example.org/api/rawdata", "inside page"},
		{"metrics are public", serve(path("/metrics"), 200, "", "", "# HELP go_goroutines x\n# TYPE go_goroutines gauge\ngo_goroutines 7\n"), "GET example.org/metrics", "figures of a service are public"},
		{"the profiler is public", serve(path("/debug/pprof/"), 200, "", "", "<html>Types of profiles available</html>"), "GET example.org/debug/pprof/", "inside page"},
		{"an env file is public", serve(path("/.env"), 200, "", "", "DB_PASSWORD=x\n"), "GET example.org/.env", "inside page"},
		{"an encoded slash leads to metrics", serve(path("/api/..%2fmetrics"), 200, "", "", "# HELP a b\n"), "GET example.org/api/..%2fmetrics", "around the routes"},
		{"dot segments lead to the dashboard", serve(path("/api/../dashboard/"), 200, "", "", "<title>Traefik</title>"), "GET example.org/api/../dashboard/", "around the routes"},
		{"two slashes lead elsewhere", serve(path("//evil.example/%2e%2e"), 301, "Location", "//evil.example/", ""), "GET example.org//evil.example/%2e%2e", "another site"},
		{"an odd path breaks the site", serve(path("/api/;/metrics"), 500, "", "", ""), "GET example.org/api/;/metrics", "breaks"},
		{"the insecure API answers from outside", func(e *goodEdge) {
			e.ports[gatetest.SiteAddress+":8080"] = rawListener(t, `{"routers":{},"middlewares":{}}`)
		}, "port 8080", "inside page"},
		{"the insecure API answers inside", func(e *goodEdge) { e.ports["172.20.0.5:8080"] = rawListener(t, `{"routers":{},"middlewares":{}}`) }, "edge api", "port 8080"},
		{"the inside API asks for no password", func(e *goodEdge) { e.ports["172.20.0.5:8090"] = rawListener(t, `{"routers":{},"middlewares":{}}`) }, "edge api", "no password"},
		{"the running edge has lost the allowlist's ranges", func(e *goodEdge) {
			e.raw["middlewares"].(map[string]any)["staff-addresses@file"] = map[string]any{"ipAllowList": map[string]any{"sourceRange": []any{"0.0.0.0/0"}}}
		}, "middleware staff-addresses", "everybody"},
		{"answers over HTTP/2 lack a header", func(e *goodEdge) {
			e.spoil = func(r *http.Request, w *httptest.ResponseRecorder) {
				if r.ProtoMajor == 2 && r.Host == "example.org" {
					w.Header().Del("X-Content-Type-Options")
				}
			}
		}, "GET example.org/ {route, HTTP/2}", "nosniff"},
		{"answers on kept connections lack a header", func(e *goodEdge) {
			e.spoil = func(r *http.Request, w *httptest.ResponseRecorder) {
				if r.Header.Get("Connection") == "keep-alive" && r.Host == "example.org" {
					w.Header().Del("X-Content-Type-Options")
				}
			}
		}, "GET example.org/ {kept connection}", "nosniff"},
		{"a staff host asks for no password over HTTP/2", func(e *goodEdge) {
			e.handle = func(w http.ResponseWriter, r *http.Request) bool {
				if r.ProtoMajor == 2 && r.Host == "admin.example.org" {
					_, _ = w.Write([]byte("hello"))
					return true
				}
				return false
			}
		}, "staff admin.example.org/", "no password"},
		{"a stranger's file brought a router", func(e *goodEdge) {
			e.raw["routers"].(map[string]any)["x@file"] = map[string]any{"rule": "Host(`x.example.org`)", "service": "web", "entryPoints": []string{"websecure"}}
		}, "router x", "does not bring"},
		{"another provider brought a router", func(e *goodEdge) {
			e.raw["routers"].(map[string]any)["x@docker"] = map[string]any{"rule": "Host(`x.example.org`)", "service": "web"}
		}, "router x@docker", "from elsewhere"},
		{"a route is not loaded", func(e *goodEdge) { delete(e.raw["routers"].(map[string]any), "jobs@file") }, "router jobs", "not loaded"},
		{"a route is loaded with another rule", func(e *goodEdge) { router(e, "jobs")["rule"] = "Host(`jobs.example.net`)" }, "router jobs", "another rule"},
		{"the running edge has switched a router off", func(e *goodEdge) { router(e, "jobs")["status"] = "disabled" }, "router jobs", "switched"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fresh()
			e := newEdge(t, s)
			c.change(e)
			gatetest.WantFinding(t, gatetest.Run(context.Background(), Served(), e.subject), c.subject, c.problem)
		})
	}
}

func router(e *goodEdge, name string) map[string]any {
	return e.raw["routers"].(map[string]any)[name+"@file"].(map[string]any)
}

// rawListener answers everything with a body.
func rawListener(t *testing.T, body string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) }))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// The right password from an address that the server itself says is not in
// the list must not get through.
func TestHeadersServedKnowsTheServersAddress(t *testing.T) {
	e := newEdge(t, gatetest.NewRepo(t).Subject(t))
	server := e.subject.Server.(*gatetest.RunningServer)
	server.OnRun = func([]string) (stack.Output, error) {
		return stack.Output{Stdout: []byte("172.20.0.5 dev br-1 src 192.0.2.1 uid 0\n")}, nil
	}
	gatetest.WantFinding(t, gatetest.Run(context.Background(), Served(), e.subject), "staff admin.example.org/", "from a wrong address")
}

func TestHeadersServedCouldNotJudge(t *testing.T) {
	for name, change := range map[string]func(*goodEdge){
		"no edge":           func(e *goodEdge) { delete(e.ports, gatetest.SiteAddress+":443") },
		"no staff password": func(e *goodEdge) { e.subject.Config.Traefik.Staff.PasswordFile += ".gone" },
		"no dialer":         func(e *goodEdge) { e.subject.Outside = nil },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, gatetest.NewRepo(t).Subject(t))
			change(e)
			if r := gatetest.Run(context.Background(), Served(), e.subject); r.Status != stack.CouldNotJudge {
				t.Errorf("%s %s %+v", r.Status, r.Reason, r.Findings)
			}
		})
	}
}

// Raw bytes must reach the wire as they are: a cleaned path would test nothing.
func TestAskIsSentAsWritten(t *testing.T) {
	for _, p := range pathTricks {
		text := string(ask{method: "GET", host: "x", path: p, lines: []string{"A: b"}, close: "close, X-Forwarded-For"}.bytes())
		if !strings.HasPrefix(text, "GET "+p+" HTTP/1.1\r\nHost: x\r\n") || !strings.Contains(text, "Connection: close, X-Forwarded-For\r\nA: b\r\n\r\n") {
			t.Errorf("%q", text)
		}
	}
}

func TestPolicyRules(t *testing.T) {
	for policy, good := range map[string]bool{
		publicCSP: true,
		"default-src 'self'; script-src 'self' 'nonce-x'": true,
		"default-src 'self'; img-src *":                   false,
		"default-src *.example.org":                       false,
		"script-src 'self'; script-src *":                 true, // the first counts
		"":                                                false,
		"default-src 'self'; worker-src blob:":            false,
	} {
		if got := cspFault([]string{policy}) == ""; got != good {
			t.Errorf("%q: %v", policy, got)
		}
	}
	if cspFault([]string{"default-src *", "default-src 'self'"}) != "" {
		t.Error("of two policies both hold, so the strict one is enough")
	}
	for location, leaves := range map[string]bool{
		"/x": false, "https://example.org/": false, "https://www.example.org/x": false, "//evil.example": true, `/\evil.example`: true,
		"https:evil.example": true, "javascript:alert(1)": true, "https://example.org.evil.example/": true,
	} {
		if got := leavesSite(location, "example.org"); got != leaves {
			t.Errorf("%q: %v", location, got)
		}
	}
}

func FuzzRawData(f *testing.F) {
	f.Add([]byte(`{"routers":{"a@file":{"rule":"Host(\u0060x\u0060)","entryPoints":["websecure"]}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		g := &visit{}
		g.judgeLive(raw)
		if !json.Valid(raw) && len(g.notes) == 0 {
			t.Error("what is no JSON was judged")
		}
	})
}
