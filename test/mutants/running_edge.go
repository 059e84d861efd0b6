package main

import (
	"fmt"
	"strings"
)

const strangerRouter = "http:\n  routers:\n    stranger:\n      rule: \"Host(`DOMAIN`) && PathPrefix(`/inner`)\"\n      entryPoints: [websecure]\n      middlewares: [public-headers@file, site-rate@file]\n      service: web@file\n      tls: {certResolver: le-staging}\n"

// edges change what the edge runs beside the release's files.
var edges = []mutant{
	{name: "a stranger's file adds a router", gates: "G8", rule: "headers/running-routes", server: func(s *server) {
		s.dynamicFile("stranger.yml", strings.ReplaceAll(strangerRouter, "DOMAIN", s.state.Domain))
	}},
	{name: "a stranger's file in a folder adds a router", gates: "G8", rule: "headers/running-routes", server: func(s *server) {
		s.dynamicFile("more/stranger.yml", strings.ReplaceAll(strangerRouter, "DOMAIN", s.state.Domain))
	}},
	{name: "a stranger's TOML file adds a middleware", gates: "G8", rule: "headers/running-routes", server: func(s *server) {
		s.dynamicFile("stranger.toml", "[http.middlewares.spare.headers]\n  stsSeconds = 1\n")
	}},
	{name: "a stranger's file adds a TCP route to the database", gates: "G8", rule: "headers/running-routes", server: func(s *server) {
		s.dynamicFile("tcp.yml", "tcp:\n  routers:\n    db: {rule: \"HostSNI(`db."+s.state.Domain+"`)\", entryPoints: [websecure], service: db, tls: {passthrough: true}}\n  services:\n    db: {loadBalancer: {servers: [{address: \"postgres:5432\"}]}}\n")
	}},
	{name: "the running site is served by a stranger beside its own", gates: "G8", rule: "headers/running-routes", server: func(s *server) {
		s.routesBy(func(t string) string {
			at := strings.Index(t, "http://web-")
			if at < 0 {
				panic(stop{fmt.Errorf("the running routes lead to no release")})
			}
			return t[:at] + "http://172.17.0.1:9\"}, {url: \"" + t[at:]
		})
	}},
	{name: "the running edge takes bodies of any size", gates: "G8", rule: "headers/running-routes", server: live("maxRequestBodyBytes: 1048576", "maxRequestBodyBytes: 1073741824")},
	{name: "the running edge lets clients guess a thousand times a second", gates: "G8", rule: "headers/running-routes", server: func(s *server) {
		s.routesBy(func(t string) string {
			at := strings.Index(t, "auth-rate:\n")
			return t[:at] + strings.Replace(t[at:], "period: 1m", "period: 1s", 1)
		})
	}},
	{name: "phones get the site without headers", gates: "G8", rule: "headers/running-routes", server: func(s *server) {
		s.routes("  routers:\n", "  routers:\n    phones:\n      rule: \"Host(`"+s.state.Domain+"`) && HeaderRegexp(`User-Agent`, `iPhone`)\"\n      priority: 999\n      entryPoints: [websecure]\n      middlewares: [site-rate]\n      service: web\n      tls: {certResolver: le-staging}\n")
	}},
	{name: "kept connections get the site without headers", gates: "G8", rule: "headers/running-routes", server: func(s *server) {
		s.routes("  routers:\n", "  routers:\n    kept:\n      rule: \"Host(`"+s.state.Domain+"`) && Header(`Connection`, `keep-alive`)\"\n      priority: 999\n      entryPoints: [websecure]\n      middlewares: [site-rate]\n      service: web\n      tls: {certResolver: le-staging}\n")
	}},
	{name: "HSTS for a minute at the running edge", gates: "G8", rule: "headers/hsts", server: live("stsSeconds: 31536000", "stsSeconds: 60")},
	{name: "a CSP with unsafe-inline at the running edge", gates: "G8", rule: "headers/csp", server: live("script-src 'self'", "script-src 'self' 'unsafe-inline'")},
	{name: "the staff password of the running edge is another file's", gates: "G8", rule: "headers/running-routes", server: live("usersFile: /run/secrets/staff_htpasswd", "users: [\"staff:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/\"]")},
	{name: "the running edge was started with api.insecure as a flag", gates: "G8 G1", rule: "acme/running-settings", server: func(s *server) {
		s.recreated("traefik", `body["Cmd"] = body["Cmd"] + ["--api.insecure=true"]`)
	}},
	{name: "the running edge has a spare entry point", gates: "G8 G1", rule: "acme/running-settings", server: func(s *server) {
		s.edgeFile("entryPoints:\n", "entryPoints:\n  spare: {address: \":9443\"}\n")
	}},
	{name: "the running edge takes routes from Docker", gates: "G8 G1", rule: "acme/running-settings", server: func(s *server) {
		s.edgeFile("providers:\n", "providers:\n  http: {endpoint: \"http://172.17.0.1:9/routes\"}\n")
	}},
	{name: "the running edge writes passwords to its log", gates: "G8 G1", rule: "acme/running-settings", server: func(s *server) {
		s.edgeFile("defaultMode: drop", "defaultMode: keep")
	}},
}

// recreations run a container in another way than its service says.
var recreations = []mutant{
	{name: "a container runs as root", gates: "G9", rule: "compose/user", server: func(s *server) { s.recreated("worker", `body["User"] = "0:0"`) }},
	{name: "a container has a capability", gates: "G9", rule: "compose/capabilities", server: func(s *server) { s.recreated("worker", `host["CapAdd"] = ["NET_ADMIN"]`) }},
	{name: "a container keeps every capability", gates: "G9", rule: "compose/capabilities", server: func(s *server) { s.recreated("worker", `host["CapDrop"] = []`) }},
	{name: "a container may write its root", gates: "G9", rule: "compose/read-only", server: func(s *server) { s.recreated("worker", `host["ReadonlyRootfs"] = False`) }},
	{name: "a container may gain privileges", gates: "G9", rule: "compose/no-new-privileges", server: func(s *server) { s.recreated("worker", `host["SecurityOpt"] = []`) }},
	{name: "a container is privileged", gates: "G9", rule: "compose/privileged", server: func(s *server) { s.recreated("worker", `host["Privileged"] = True`) }},
	{name: "a container's log is thrown away", gates: "G9", rule: "compose/log-rotation", server: func(s *server) { s.recreated("worker", `host["LogConfig"] = {"Type": "none", "Config": {}}`) }},
	{name: "a container shares the host's processes", gates: "G9", rule: "compose/namespaces", server: func(s *server) { s.recreated("worker", `host["PidMode"] = "host"`) }},
	{name: "a container has no health check", gates: "G9", rule: "compose/as-declared", server: func(s *server) { s.recreated("worker", `body["Healthcheck"] = {"Test": ["NONE"]}`) }},
	{name: "a container's health check always says yes", gates: "G9", rule: "compose/as-declared", server: func(s *server) {
		s.recreated("worker", `body["Healthcheck"] = dict(body["Healthcheck"], Test=["CMD", "/server", "version"])`)
	}},
	{name: "a password in a container's environment", gates: "G9", rule: "compose/secret-in-environment", server: func(s *server) {
		s.recreated("worker", `body["Env"] = body["Env"] + ["EXTRA=" + open([m["Source"] for m in was["Mounts"] if m["Destination"] == "/run/secrets/db_worker_password"][0]).read().strip()]`)
	}},
	{name: "a container runs with another setting", gates: "G9", rule: "compose/as-declared", server: func(s *server) {
		s.recreated("api", `body["Env"] = [e for e in body["Env"] if not e.startswith("TRUSTED_PROXIES=")] + ["TRUSTED_PROXIES=0.0.0.0/0"]`)
	}},
	{name: "a container writes its log at another level", gates: "G9", rule: "compose/as-declared", server: func(s *server) {
		s.recreated("api", `body["Env"] = [e for e in body["Env"] if not e.startswith("LOG_LEVEL=")] + ["LOG_LEVEL=debug"]`)
	}},
	{name: "a container has a setting that nobody declared", gates: "G9", rule: "compose/as-declared", server: func(s *server) {
		s.recreated("worker", `body["Env"] = body["Env"] + ["DEBUG=1"]`)
	}},
	{name: "a container runs another command", gates: "G9", rule: "compose/as-declared", server: func(s *server) { s.recreated("static", `body["Cmd"] = ["web"]`) }},
	{name: "a container runs another program", gates: "G9", rule: "compose/as-declared", server: func(s *server) {
		s.recreated("worker", `body["Entrypoint"] = ["/server", "worker"]; body["Cmd"] = ["--log-level=debug"]`)
	}},
	{name: "a container with the Docker socket", gates: "G9 G5", rule: "compose/engine-socket", server: func(s *server) {
		s.recreated("worker", `host["Binds"] = (host.get("Binds") or []) + ["/var/run/docker.sock:/s"]`)
	}},
	{name: "a container with a device", gates: "G9", rule: "compose/as-declared", server: func(s *server) {
		s.recreated("worker", `host["Devices"] = [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/mem", "CgroupPermissions": "rwm"}]`)
	}},
	{name: "a container reads the secrets of the others", gates: "G9", rule: "compose/as-declared", server: func(s *server) {
		s.recreated("static", `host["Binds"] = (host.get("Binds") or []) + ["/srv/stack/releases:/secrets:ro"]`)
	}},
	{name: "a running container publishes a port on loopback", gates: "G5", rule: "exposure/published", server: func(s *server) {
		s.recreated("jobs-ui", `host["PortBindings"] = {"8082/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18082"}]}; body["ExposedPorts"] = {"8082/tcp": {}}`)
	}},
	{name: "a running container publishes all its ports", gates: "G5", rule: "exposure/published", server: func(s *server) {
		s.recreated("jobs-ui", `host["PublishAllPorts"] = True; body["ExposedPorts"] = {"8082/tcp": {}}`)
	}},
	{name: "the running edge publishes its inside port", gates: "G5", rule: "exposure/published", server: func(s *server) {
		s.recreated("traefik", `host["PortBindings"]["8090/tcp"] = [{"HostIp": "", "HostPort": "8090"}]; body["ExposedPorts"] = dict(body.get("ExposedPorts") or {}, **{"8090/tcp": {}})`)
	}},
}
