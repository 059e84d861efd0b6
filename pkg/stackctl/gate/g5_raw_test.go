package gate

import "testing"

func TestExposureCatchesRawRoutesAndPlugins(t *testing.T) {
	staticMutants(t, exposureDeclared(), []mutant{
		{name: "the database through the edge", file: routesFile, from: "http:\n", to: "tcp:\n  routers:\n    db: {rule: \"HostSNI(`*`)\", service: db, tls: {passthrough: true}}\n  services:\n    db: {loadBalancer: {servers: [{address: \"postgres:5432\"}]}}\nhttp:\n", subject: "tcp router db", problem: "unread"},
		{name: "datagrams through the edge", file: routesFile, from: "http:\n", to: "udp:\n  routers:\n    dns: {entryPoints: [web], service: dns}\nhttp:\n", subject: "udp router dns", problem: "unread"},
		{name: "code from elsewhere", file: staticFile, from: "ping:\n", to: "experimental:\n  plugins:\n    geo: {moduleName: github.com/example/geo, version: v1.0.0}\nping:\n", subject: "plugin geo", problem: "not in its image"},
	})
}

func TestACMECatchesAnotherStart(t *testing.T) {
	const command = `command: ["--configFile=/etc/traefik/traefik.yml"]`
	staticMutants(t, acmeStatic(), []mutant{
		{name: "another program", file: composeFile, from: command, to: `entrypoint: ["sh", "-c", "exec traefik --configFile=/acme/traefik.yml"]`, subject: "service traefik", problem: "something else"},
		{name: "another file", file: composeFile, from: command, to: `command: ["--configFile=/acme/traefik.yml"]`, subject: "service traefik", problem: "another file"},
		{name: "no challenge", file: staticFile, from: "      httpChallenge:\n        entryPoint: web\n", to: "", subject: "resolver le-staging", problem: "no way"},
		{name: "a challenge nowhere", file: staticFile, from: "        entryPoint: web\n", to: "        entryPoint: nowhere\n", subject: "resolver le-staging", problem: "defined nowhere"},
		{name: "a challenge on the wrong port", file: staticFile, from: "        entryPoint: web\n", to: "        entryPoint: websecure\n", subject: "resolver le-staging", problem: "another port"},
	})
}
