package main

import "strings"

// harmlessWords say the same in other words, or more than they must.
var harmlessWords = []harmless{
	{"quoted booleans and numbers", func(p *project) {
		p.edit(composeFile, "read_only: true", "read_only: \"true\"")
		p.edit(composeFile, "retries: 4", "retries: \"4\"")
		p.edit(composeFile, "internal: true", "internal: \"true\"")
	}},
	{"restarted by deploy too", func(p *project) {
		p.edit(composeFile, workerHealth, workerHealth+"    deploy: {restart_policy: {condition: any}}\n")
	}},
	{"restarted by deploy alone", func(p *project) {
		p.override("services:\n  worker: {restart: !reset null, deploy: {restart_policy: {condition: any}}}\n")
	}},
	{"the redirect to https on the entry point", func(p *project) {
		p.edit(staticFile, "  web:\n    address: \":80\"\n", "  web:\n    address: \":80\"\n    http: {redirections: {entryPoint: {to: websecure, scheme: https, permanent: true}}}\n")
	}},
	{"the whole folder of Traefik's files mounted", func(p *project) {
		p.edit(composeFile, "      - ../traefik/traefik.yml:/etc/traefik/traefik.yml:ro\n      - ../traefik/dynamic:/etc/traefik/dynamic:ro\n", "      - ../traefik:/etc/traefik:ro\n")
	}},
	{"a secret in long form", func(p *project) {
		p.edit(composeFile, "secrets: [staff_password]", "secrets: [{source: staff_password, target: staff_password, mode: 0400, uid: \"5050\", gid: \"5050\"}]")
	}},
	{"a health check of what a program prints", func(p *project) {
		p.edit(composeFile, workerHealth, "    healthcheck: {<<: *probe, test: [\"CMD-SHELL\", \"[ \\\"$$(/server healthcheck worker)\\\" = ok ] && exit 0 || exit 1\"]}\n")
	}},
	{"a service that starts slowly", func(p *project) {
		p.edit(composeFile, workerHealth, "    healthcheck: {<<: *probe, interval: 30s, retries: 5, start_period: 3m, start_interval: 2s, timeout: 10s, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}\n")
	}},
	{"a database with much memory", func(p *project) {
		p.edit(composeFile, "    mem_limit: 256m\n    shm_size: 64m", "    mem_limit: 64g\n    shm_size: 1g")
	}},
	{"a small tmpfs", func(p *project) { p.service("worker", "tmpfs: [\"/tmp:size=16m,noexec,nosuid,nodev,mode=1777\"]\n") }},
	{"more logs", func(p *project) {
		p.edit(composeFile, "{max-size: 10m, max-file: \"3\"}", "{max-size: 50m, max-file: \"10\", compress: \"true\", tag: \"{{.Name}}\"}")
	}},
	{"a name of its own on a network", func(p *project) {
		p.edit(composeFile, "    networks: [app, data]\n    depends_on: {<<: *wait-for-stores}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}", "    networks: {app: {aliases: [jobs-runner]}, data: ~}\n    depends_on: {<<: *wait-for-stores}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}")
	}},
	{"the address of a mail relay", func(p *project) { p.service("worker", "extra_hosts: [\"relay.example.org:198.51.100.25\"]\n") }},
	{"guards by a chain", func(p *project) {
		p.edit(dynamicFile, jobsRouter+allGuards, jobsRouter+"[staff]")
		p.route("middlewares", "staff:\n  chain: {middlewares: [staff-headers, staff-addresses, staff-auth]}\n")
	}},
	{"the password before the addresses", func(p *project) {
		p.edit(dynamicFile, jobsRouter+allGuards, jobsRouter+"[staff-headers, staff-auth, staff-addresses]")
	}},
	{"a second public host", func(p *project) {
		p.route("routers", "shop:\n  rule: \"Host(`shop.{{ $domain }}`)\"\n"+siteRoute)
		p.edit(dynamicFile, "Host(`{{ $domain }}`) || Host(`www.", "Host(`{{ $domain }}`) || Host(`shop.{{ $domain }}`) || Host(`www.")
	}},
	{"a host without one of its paths", func(p *project) {
		p.edit(dynamicFile, "rule: \"Host(`{{ $domain }}`)\"\n      priority: 100", "rule: \"(Host(`{{ $domain }}`) || Host(`site.{{ $domain }}`)) && !PathPrefix(`/private/`)\"\n      priority: 100")
	}},
	{"HSTS by a custom header", func(p *project) {
		p.edit(dynamicFile, "        stsSeconds: 31536000\n        stsIncludeSubdomains: true\n", "")
		p.edit(dynamicFile, "          X-Powered-By: \"\"\n    staff", "          X-Powered-By: \"\"\n          Strict-Transport-Security: \"max-age=63072000; includeSubDomains; preload\"\n    staff")
	}},
	{"a shorter CSP", func(p *project) {
		p.edit(dynamicFile, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none';", "default-src 'self'; object-src 'none'; base-uri 'self';")
	}},
	{"a rate by IPv6 network", func(p *project) {
		p.edit(dynamicFile, "    site-rate:\n      rateLimit: {average: 500, period: 1s, burst: 1000, sourceCriterion: {ipStrategy: {ipv6Subnet: 64}}}", "    site-rate:\n      rateLimit: {average: 6000, period: 1m, burst: 200, sourceCriterion: {ipStrategy: {ipv6Subnet: 64}}}")
	}},
	{"a long allowlist", func(p *project) {
		p.edit(dynamicFile, rangeAt, "sourceRange:\n          - 203.0.113.7\n          - 198.51.100.0/24\n          - 10.1.0.0/16\n          - 2001:db8::/48\n          - fd00:1::/64")
	}},
	{"an office in a private network beside Docker's", func(p *project) { p.edit(dynamicFile, rangeAt, "sourceRange: [\"172.20.5.0/24\", \"192.168.1.0/24\"]") }},
	{"TLS options by name, with suites", func(p *project) {
		p.append(dynamicFile, "\ntls:\n  options:\n    default:\n      minVersion: VersionTLS12\n      sniStrict: true\n      cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256]\n      curvePreferences: [X25519, CurveP256]\n    strict: {minVersion: VersionTLS13}\n")
		p.edit(dynamicFile, "      service: admin\n      tls: {certResolver: le-staging}", "      service: admin\n      tls: {certResolver: le-staging, options: strict}")
	}},
	{"TLS options with their provider", func(p *project) {
		p.append(dynamicFile, "\ntls:\n  options:\n    strict: {minVersion: VersionTLS13}\n")
		p.edit(dynamicFile, "      service: admin\n      tls: {certResolver: le-staging}", "      service: admin\n      tls: {certResolver: le-staging, options: strict@file}")
	}},
	{"the names of a certificate written out", func(p *project) {
		p.edit(dynamicFile, "tls: {certResolver: le-staging}", "tls: {certResolver: le-staging, domains: [{main: \"{{ $domain }}\", sans: [\"www.{{ $domain }}\"]}]}")
	}},
	{"certificates in a folder of the volume", func(p *project) { p.edit(staticFile, "storage: /acme/acme.json", "storage: /acme/staging/acme.json") }},
	{"an access log that drops by name", func(p *project) {
		p.edit(staticFile, "      defaultMode: drop\n", "      defaultMode: keep\n      names: {Authorization: drop, Cookie: redact, Set-Cookie: redact, X-Csrf-Token: drop, Proxy-Authorization: drop}\n")
	}},
	{"traces without secrets", func(p *project) {
		p.append(staticFile, "tracing:\n  otlp: {http: {endpoint: \"https://otel.example.org/v1/traces\"}}\n  capturedRequestHeaders: [User-Agent]\n")
	}},
	{"a balancer in front of the edge", func(p *project) {
		p.edit(staticFile, "    address: \":443\"\n", "    address: \":443\"\n    forwardedHeaders: {trustedIPs: [\"198.51.100.10\", \"2001:db8::10/128\"]}\n    proxyProtocol: {trustedIPs: [\"198.51.100.10/32\"]}\n")
	}},
	{"sticky sessions", func(p *project) {
		p.edit(dynamicFile, "    web: {loadBalancer: {servers", "    web: {loadBalancer: {sticky: {cookie: {name: lb, secure: true, httpOnly: true, sameSite: strict}}, servers")
	}},
	{"an operation for staff in the contract", func(p *project) {
		p.edit(openapiFile, "  /auth/csrf:\n", "  /admin/users:\n    get:\n      operationId: listAll\n      security: [{session: []}]\n      responses:\n        \"200\": {description: all}\n        \"401\": {$ref: \"#/components/responses/Unauthorized\"}\n        default: {$ref: \"#/components/responses/Problem\"}\n  /auth/csrf:\n")
	}},
	{"uploads with the CSRF token", func(p *project) {
		p.edit(openapiFile, "  /auth/csrf:\n", "  /orders:\n    post:\n      operationId: order\n      security: [{session: [], csrf: []}]\n      requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {file: {type: string, format: binary}}}}}}\n      responses:\n        \"201\": {description: made}\n        \"401\": {$ref: \"#/components/responses/Unauthorized\"}\n        default: {$ref: \"#/components/responses/Problem\"}\n  /auth/csrf:\n")
	}},
	{"machines with a token of their own", func(p *project) {
		p.edit(openapiFile, "  securitySchemes:\n", "  securitySchemes:\n    machine: {type: http, scheme: bearer}\n")
		p.edit(openapiFile, "  /auth/csrf:\n", "  /orders:\n    post:\n      operationId: order\n      security: [{session: [], csrf: []}, {machine: []}]\n      responses:\n        \"201\": {description: made}\n        \"401\": {$ref: \"#/components/responses/Unauthorized\"}\n        default: {$ref: \"#/components/responses/Problem\"}\n  /auth/csrf:\n")
	}},
	{"the site's own address among the servers", func(p *project) {
		p.edit(openapiFile, "  - url: /api\n", "  - url: /api\n    description: this site\n  - url: https://stack.localhost/api\n")
	}},
	{"a volume that two services of the app share", func(p *project) {
		p.edit(composeFile, "\nvolumes:\n", "\nvolumes:\n  uploads: {}\n")
		p.service("worker", "volumes: [\"uploads:/uploads\"]\n")
		p.service("api", "volumes: [\"uploads:/uploads\"]\n")
	}},
	{"an archiver of the data layer", func(p *project) {
		p.edit(composeFile, "\n  postgres:\n", "\n  archiver:\n    <<: *hardened\n    image: postgres:16\n    user: \"999:999\"\n    mem_limit: 64m\n    x-stackctl: {layer: data}\n    command: [\"sleep\", \"infinity\"]\n    networks: [data]\n    volumes: [\"postgres:/db:ro\", \"dumps:/var/lib/postgresql/data\"]\n    depends_on: {postgres: {condition: service_healthy}}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"pg_isready\", \"-h\", \"postgres\"]}\n\n  postgres:\n")
		p.edit(composeFile, "\nvolumes:\n", "\nvolumes:\n  dumps: {}\n")
		p.edit("docs/stack-overview.md", "| S12 |", "| S13 | `archiver` | archives | – | data | data |\n| S12 |")
	}},
	{"a resolver by an anchor", func(p *project) {
		p.edit(staticFile, "log: {level: INFO}", "x-acme: &acme {caServer: \""+stagingURL+"\", email: \"\", storage: /acme/acme.json, keyType: EC384, tlsChallenge: {}}\nlog: {level: INFO}")
		text := p.read(staticFile)
		at := strings.Index(text, "    acme:\n")
		p.write(staticFile, text[:at]+"    acme: *acme\n")
	}},
	{"the life of certificates said", func(p *project) {
		p.edit(staticFile, "      keyType: EC256\n", "      keyType: EC256\n      certificatesDuration: 2160\n      preferredChain: \"\"\n")
	}},
	{"the database's files below the volume", func(p *project) {
		p.edit(composeFile, "      POSTGRES_INITDB_ARGS:", "      PGDATA: /var/lib/postgresql/data/pgdata\n      POSTGRES_INITDB_ARGS:")
	}},
	{"a redirect of an old path", func(p *project) {
		p.edit(dynamicFile, "[public-headers, site-rate]", "[public-headers, site-rate, moved]")
		p.route("middlewares", "moved:\n  redirectRegex: {regex: \"^https://([^/]+)/old/(.*)\", replacement: \"https://${1}/new/${2}\", permanent: true}\n")
	}},
}
