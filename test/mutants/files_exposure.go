package main

const databaseAt = "    networks: [data]\n    healthcheck:\n      <<: *probe\n      test: [\"CMD-SHELL\", \"pg_isready"

// ports publishes ports of the database.
func ports(list string) func(p *project) {
	return func(p *project) { p.edit(composeFile, databaseAt, "    ports: "+list+"\n"+databaseAt) }
}

// on adds lines to a service.
func on(service, lines string) func(p *project) {
	return func(p *project) { p.service(service, lines) }
}

// overridden adds a second compose file.
func overridden(text string) func(p *project) {
	return func(p *project) { p.override(text) }
}

// exposureFiles open a deployment in its files.
var exposureFiles = []mutant{
	{name: "PostgreSQL published on every address", row: 18, gates: "G5", rule: "exposure/published", files: ports(`["0.0.0.0:5432:5432"]`)},
	{name: "PostgreSQL published on loopback", gates: "G5", rule: "exposure/published", files: ports(`["127.0.0.1:5432:5432"]`)},
	{name: "PostgreSQL published on IPv6 alone", gates: "G5", rule: "exposure/published", files: ports(`["[::]:5432:5432"]`)},
	{name: "PostgreSQL published on a random port", gates: "G5", rule: "exposure/published", files: ports(`["5432"]`)},
	{name: "PostgreSQL published as the edge's own port", gates: "G5", rule: "exposure/published", files: ports(`["8443:5432"]`)},
	{name: "a range of ports", gates: "G5", rule: "exposure/published", files: ports(`["15432-15440:5432-5440"]`)},
	{name: "a port in long form, host mode", gates: "G5", rule: "exposure/published", files: ports(`[{target: 5432, published: "5432", mode: host}]`)},
	{name: "a published UDP port", gates: "G5", rule: "exposure/published", files: ports(`["5432:5432/udp"]`)},
	{name: "an override puts Redis on the host network", row: 19, gates: "G5", rule: "exposure/host-network", files: overridden("services:\n  redis: {network_mode: host, networks: !reset []}\n")},
	{name: "an override publishes Redis", gates: "G5", rule: "exposure/published", files: overridden("services:\n  redis: {ports: [\"6379:6379\"]}\n")},
	{name: "an override adds a service with a port in a profile", gates: "G5", rule: "exposure/published", files: several(
		overridden("services:\n  debug: {extends: {file: stack.yaml, service: worker}, profiles: [debug], ports: [\"2222:22\"]}\n"),
		replaced("docs/stack-overview.md", "| S12 |", "| S13 | `debug` | debugs | – | app | app, data |\n| S12 |"))},
	{name: "the worker shares the edge's network namespace", gates: "G5", rule: "exposure/host-network", files: func(p *project) {
		p.override("services:\n  worker: {network_mode: \"service:traefik\", networks: !reset [], depends_on: {traefik: {condition: service_healthy}}}\n")
	}},
	{name: "the worker joins a foreign container's namespace", gates: "G5", rule: "exposure/host-network", files: overridden("services:\n  worker: {network_mode: \"container:ssh-bastion\", networks: !reset []}\n")},
	{name: "the edge publishes its API port", gates: "G5", rule: "exposure/published", also: because("the inside entry point is public now, and all rules of public routes ask about it", "headers/inside-pages", "headers/staff-allowlist", "headers/nosniff", "headers/framing", "headers/referrer", "headers/unknown-host"), files: func(p *project) {
		p.edit(composeFile, `      - "443:443"`, `      - "443:443"`+"\n"+`      - "8090:8090"`)
	}},
	{name: "the edge publishes a UDP port that it does not serve", gates: "G5", rule: "exposure/published", files: func(p *project) {
		p.edit(composeFile, `      - "443:443"`, `      - "443:443"`+"\n"+`      - "53:53/udp"`)
	}},
	{name: "the Docker socket in the edge, read-only", gates: "G5", rule: "exposure/engine", files: func(p *project) {
		p.edit(composeFile, "      - acme:/acme\n", "      - acme:/acme\n      - /var/run/docker.sock:/var/run/docker.sock:ro\n")
	}},
	{name: "the folder of the Docker socket in a container", gates: "G9", rule: "compose/host-folders", files: on("worker", "volumes: [\"/var/run:/host-run:ro\"]\n")},
	{name: "the host's root in a container", gates: "G9", rule: "compose/host-folders", files: on("worker", "volumes: [\"/:/host:ro\"]\n")},
	{name: "the containerd socket under another name", gates: "G5", rule: "exposure/engine", files: on("worker", "volumes: [\"/run/containerd/containerd.sock:/c\"]\n")},
	{name: "a device of the host", gates: "G5", rule: "exposure/devices", files: on("worker", "devices: [\"/dev/sda:/dev/sda\"]\n")},
	{name: "routes by labels", gates: "G5", rule: "exposure/second-edge", files: on("worker", "labels: {traefik.enable: \"true\", traefik.http.routers.w.rule: \"PathPrefix(`/`)\"}\n")},
	{name: "the edge takes routes from Docker", gates: "G5", rule: "exposure/second-edge", files: func(p *project) {
		p.edit(staticFile, "providers:\n", "providers:\n  docker: {exposedByDefault: true}\n")
	}},
	{name: "the edge takes routes from an HTTP address", gates: "G5", rule: "exposure/second-edge", files: edgeFlag("--providers.http.endpoint=http://10.0.0.9/routes")},
	{name: "the edge takes routes from Docker, by environment", gates: "G5", rule: "exposure/second-edge", files: edgeVariable("TRAEFIK_PROVIDERS_DOCKER", "true")},
	{name: "the Docker API as an address in the environment", gates: "G5", rule: "exposure/engine", files: edgeVariable("DOCKER_HOST", "tcp://172.17.0.1:2375")},
	{name: "the edge fetches a plugin", gates: "G5", rule: "exposure/edge-plugins", files: added(staticFile, "experimental:\n  plugins:\n    demo: {moduleName: github.com/traefik/plugindemo, version: v0.2.2}\n")},
	{name: "the database through the edge, unread", gates: "G5", rule: "exposure/raw-routes", files: added(dynamicFile, "tcp:\n  routers:\n    db: {rule: \"HostSNI(`db.example.org`)\", entryPoints: [websecure], service: db, tls: {passthrough: true}}\n  services:\n    db: {loadBalancer: {servers: [{address: \"api:8080\"}]}}\n")},
}
