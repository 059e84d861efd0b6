package main

import "strings"

// harmless are unusual deployments that are good: a gate that fails one cries
// wolf.
type harmless struct {
	name  string
	files func(p *project)
}

const reportsRow = "| S13 | `reports` | builds reports | – | app | app, data |\n"

// reports is one more service, as a team would add it.
const reports = `
  reports:
    <<: *server
    command: ["worker"]
    environment:
      <<: [*store-env, *mail-env]
      DATABASE_USER: app_worker
      DATABASE_PASSWORD_FILE: /run/secrets/db_worker_password
    secrets: [db_worker_password, redis_password, app_secret]
    networks: [app, data]
    depends_on: {<<: *wait-for-stores}
    healthcheck: {<<: *probe, test: ["CMD", "/server", "healthcheck", "worker"]}
`

var harmlessFiles = []harmless{
	{"another domain", func(p *project) { p.edit(targetFile, "domain: stack.localhost", "domain: shop.example.org") }},
	{"a domain that begins like a staff host's", func(p *project) { p.edit(targetFile, "domain: stack.localhost", "domain: administration.example.org") }},
	{"one more service", func(p *project) {
		p.edit(composeFile, "\n  postgres:\n", reports+"\n  postgres:\n")
		p.edit("docs/stack-overview.md", "| S12 |", reportsRow+"| S12 |")
	}},
	{"one more service, in a file of its own", func(p *project) {
		p.override("services:\n  reports:\n    image: ${SERVER_IMAGE:-stackctl/server:dev}\n    extends: {file: stack.yaml, service: worker}\n")
		p.edit("docs/stack-overview.md", "| S12 |", reportsRow+"| S12 |")
	}},
	{"ports in long form", func(p *project) {
		p.edit(composeFile, "      - \"80:80\"\n      - \"443:443\"\n", "      - {target: 80, published: \"80\", protocol: tcp, mode: host}\n      - {target: 443, published: \"443\", protocol: tcp, mode: host}\n")
	}},
	{"ports on every address, named", func(p *project) {
		p.edit(composeFile, "      - \"80:80\"\n      - \"443:443\"\n", "      - \"0.0.0.0:80:80\"\n      - \"[::]:80:80\"\n      - \"0.0.0.0:443:443\"\n      - \"[::]:443:443\"\n")
	}},
	{"HTTP/3", func(p *project) {
		p.edit(composeFile, "      - \"443:443\"\n", "      - \"443:443\"\n      - \"443:443/udp\"\n")
		p.edit(staticFile, "    address: \":443\"\n", "    address: \":443\"\n    http3: {}\n")
	}},
	{"settings of a service in an env file", func(p *project) {
		p.write("compose/worker.env", "# Nothing that the service did not have.\nLOG_LEVEL=info\n")
		p.service("worker", "env_file: [worker.env]\n")
	}},
	{"the compose file includes another", func(p *project) {
		p.write("compose/more.yaml", "networks:\n  spare: {internal: true}\n")
		p.write(composeFile, "include: [more.yaml]\n"+p.read(composeFile))
	}},
	{"a limit below deploy", func(p *project) {
		p.edit(composeFile, "    mem_limit: 768m\n    stop_grace_period: 15s\n    x-stackctl: {layer: edge}\n", "    deploy: {resources: {limits: {memory: 768M}}}\n    stop_grace_period: 15s\n    x-stackctl: {layer: edge}\n")
	}},
	{"always restarted", func(p *project) { p.edit(composeFile, "  restart: unless-stopped\n", "  restart: always\n") }},
	{"options of security in other words", func(p *project) {
		p.edit(composeFile, "[\"no-new-privileges:true\"]", "[\"no-new-privileges\"]")
		p.edit(composeFile, "cap_drop: [ALL]", "cap_drop: [all]")
	}},
	{"logs by the local driver", func(p *project) {
		p.edit(composeFile, "    driver: json-file\n", "    driver: local\n")
	}},
	{"the edge's flag in two words", func(p *project) {
		p.edit(composeFile, "[\"--configFile=/etc/traefik/traefik.yml\"]", "[\"--configfile\", \"/etc/traefik/traefik.yml\"]")
	}},
	{"HSTS for two years, preloaded", func(p *project) {
		p.edit(dynamicFile, "stsSeconds: 31536000", "stsSeconds: 63072000\n        stsPreload: true")
	}},
	{"stricter headers", func(p *project) {
		p.edit(dynamicFile, "referrerPolicy: strict-origin-when-cross-origin", "referrerPolicy: no-referrer")
		p.edit(dynamicFile, "        customResponseHeaders:\n", "        customResponseHeaders:\n          Cross-Origin-Opener-Policy: same-origin\n          Cross-Origin-Resource-Policy: same-origin\n          X-Permitted-Cross-Domain-Policies: none\n")
		p.edit(dynamicFile, "img-src 'self' https: data:", "img-src 'self'; upgrade-insecure-requests; object-src 'none'")
	}},
	{"headers by a chain", func(p *project) {
		p.edit(dynamicFile, "[public-headers, site-rate]", "[public]")
		p.route("middlewares", "public:\n  chain: {middlewares: [public-headers, site-rate]}\n")
	}},
	{"compressed answers", func(p *project) {
		p.edit(dynamicFile, "[public-headers, site-rate]", "[public-headers, site-rate, squeeze]")
		p.route("middlewares", "squeeze: {compress: {}}\n")
	}},
	{"a tighter rate", func(p *project) {
		p.edit(dynamicFile, "average: 500, period: 1s, burst: 1000", "average: 50, period: 1s, burst: 100")
	}},
	{"routes in two files", func(p *project) {
		text := p.read(dynamicFile)
		at := strings.Index(text, "\n  middlewares:\n")
		p.write(dynamicFile, text[:at+1])
		p.write("traefik/dynamic/middlewares.yml", "http:"+text[at:])
	}},
	{"no TLS below 1.3", func(p *project) {
		p.append(dynamicFile, "\ntls:\n  options:\n    default: {minVersion: VersionTLS13, sniStrict: true}\n")
	}},
	{"another kind of key, and of challenge", func(p *project) {
		p.edit(staticFile, "keyType: EC256", "keyType: RSA4096")
		p.edit(staticFile, "      httpChallenge:\n        entryPoint: web\n", "      tlsChallenge: {}\n")
	}},
	{"the staging directory in other letters", func(p *project) {
		p.edit(staticFile, "caServer: https://acme-staging-v02.api.letsencrypt.org/directory", "caServer: HTTPS://ACME-Staging-V02.api.letsencrypt.org:443/directory")
	}},
	{"an allowlist with IPv6 and single addresses", func(p *project) {
		p.edit(targetFile, "127.0.0.1/32,", "127.0.0.1/32,203.0.113.9,2001:db8:1::/48,10.8.0.0/16,")
	}},
	{"longer times for requests", func(p *project) { p.edit(staticFile, "readTimeout: 60s", "readTimeout: 120s, writeTimeout: 0s") }},
	{"extensions and examples in the contract", func(p *project) {
		p.edit(openapiFile, "      operationId: signUp\n", "      operationId: signUp\n      x-owner: accounts\n      externalDocs: {url: \"https://example.org/docs\"}\n")
	}},
	{"one more answer in the contract", func(p *project) {
		p.edit(openapiFile, "      operationId: signUp\n", "      operationId: signUp\n      deprecated: false\n")
	}},
	{"a comment at every end", func(p *project) {
		for _, name := range []string{composeFile, staticFile, dynamicFile, openapiFile, configFile} {
			p.append(name, "\n# the end\n")
		}
	}},
	{"an exception that holds", func(p *project) {
		p.edit(composeFile, workerHealth, "")
		p.append(configFile, "\nexceptions:\n  - {rule: compose/healthcheck, subject: service worker, owner: ops, reason: it is watched from outside, expires: 2099-01-31}\n")
	}},
}
