package main

const (
	stagingURL    = "https://acme-staging-v02.api.letsencrypt.org/directory"
	productionURL = "https://acme-v02.api.letsencrypt.org/directory"
	resolversAt   = "certificatesResolvers:\n"
	caServerAt    = "      caServer: " + stagingURL + "\n"
)

// resolver adds a certificates resolver that nobody uses.
func resolver(name, acme string) func(p *project) {
	return func(p *project) {
		p.edit(staticFile, resolversAt, resolversAt+"  "+name+":\n    acme: {"+acme+", email: a@example.org, storage: /acme/other.json, httpChallenge: {entryPoint: web}}\n")
	}
}

// caServer puts another line in place of the directory's.
func caServer(line string) func(p *project) {
	return func(p *project) { p.edit(staticFile, caServerAt, line) }
}

// edgeVariable adds an environment variable to the edge.
func edgeVariable(name, value string) func(p *project) {
	return func(p *project) {
		p.edit(composeFile, "      GOMEMLIMIT: 640MiB\n    ports:", "      GOMEMLIMIT: 128MiB\n      "+name+": \""+value+"\"\n    ports:")
	}
}

// edgeFlag adds a flag to the edge.
func edgeFlag(flag string) func(p *project) {
	return func(p *project) {
		p.edit(composeFile, `command: ["--configFile=/etc/traefik/traefik.yml"]`, `command: ["--configFile=/etc/traefik/traefik.yml", "`+flag+`"]`)
	}
}

// acmeFiles break the policy on certificates in the project's files.
var acmeFiles = []mutant{
	{name: "an unused resolver points at production", row: 1, gates: "G1", rule: "acme/foreign-resolver", also: because("a second resolver that an exception lets stay must not ask production", "acme/directory"), files: resolver("spare", "caServer: "+productionURL)},
	{name: "the resolver has no caServer", row: 2, gates: "G1", rule: "acme/directory", files: caServer("")},
	{name: "CASERVER in odd case, production", row: 3, gates: "G1", rule: "acme/directory", files: caServer("      CASERVER: " + productionURL + "\n")},
	{name: "production by environment variable", row: 4, gates: "G1", rule: "acme/foreign-resolver", also: because("a second resolver that an exception lets stay must not ask production", "acme/directory"), files: edgeVariable("TRAEFIK_CERTIFICATESRESOLVERS_SPARE_ACME_CASERVER", productionURL)},
	{name: "production by environment variable, for the resolver itself", gates: "G1", rule: "acme/directory", files: edgeVariable("TRAEFIK_CERTIFICATESRESOLVERS_LE-STAGING_ACME_CASERVER", productionURL)},
	{name: "a resolver at ZeroSSL", row: 5, gates: "G1", rule: "acme/foreign-resolver", also: because("a second resolver that an exception lets stay must not ask production", "acme/directory"), files: resolver("zero", "caServer: https://acme.zerossl.com/v2/DV90")},
	{name: "a resolver at Buypass", row: 5, gates: "G1", rule: "acme/foreign-resolver", also: because("a second resolver that an exception lets stay must not ask production", "acme/directory"), files: resolver("buypass", "caServer: https://api.buypass.com/acme/directory")},
	{name: "a router names a resolver that does not exist", row: 6, gates: "G1", rule: "acme/router-resolver", files: func(p *project) {
		p.edit(dynamicFile, "certResolver: le-staging", "certResolver: le-production")
	}},
	{name: "production by flag", gates: "G1", rule: "acme/directory", files: edgeFlag("--certificatesResolvers.le-staging.acme.caServer=" + productionURL)},
	{name: "a second resolver by flag without a directory", gates: "G1", rule: "acme/foreign-resolver", also: because("a second resolver that an exception lets stay must not ask production", "acme/directory"), files: edgeFlag("--certificatesresolvers.spare.acme.email=a@example.org")},
	{name: "the staging host as user of a production URL", gates: "G1", rule: "acme/directory", files: caServer("      caServer: https://acme-staging-v02.api.letsencrypt.org@acme-v02.api.letsencrypt.org/directory\n")},
	{name: "the staging URL as path of another host", gates: "G1", rule: "acme/directory", files: caServer("      caServer: https://acme.example/acme-staging-v02.api.letsencrypt.org/directory\n")},
	{name: "the staging URL as query of production", gates: "G1", rule: "acme/directory", files: caServer("      caServer: " + productionURL + "?" + stagingURL + "\n")},
	{name: "the directory without TLS", gates: "G1", rule: "acme/directory", files: caServer("      caServer: http://acme-staging-v02.api.letsencrypt.org/directory\n")},
	{name: "two caServer lines, the last is production", gates: "G1", rule: "acme/directory", files: caServer(caServerAt + "      caserver: " + productionURL + "\n")},
	{name: "the directory of the target is production", gates: "G1", rule: "acme/target-directory", files: func(p *project) {
		p.append(configFile, "\ntarget: live\ntargets:\n  live: {host: 203.0.113.7, user: deploy, domain: example.org, acme: {email: a@example.org, directory: \""+productionURL+"\"}}\n")
	}},
	{name: "a resolver on the entry point that nobody defines", gates: "G1", rule: "acme/router-resolver", files: func(p *project) {
		p.edit(staticFile, "    address: \":443\"\n", "    address: \":443\"\n    http: {tls: {certResolver: le-prod}}\n")
	}},
	{name: "TLS 1.0 allowed", gates: "G1", rule: "acme/tls-version", files: func(p *project) {
		p.append(dynamicFile, "tls:\n  options:\n    default: {minVersion: VersionTLS10}\n")
	}},
	{name: "TLS 1.1 allowed by an option of one router", gates: "G1", rule: "acme/tls-version", files: func(p *project) {
		p.append(dynamicFile, "tls:\n  options:\n    old: {minVersion: VersionTLS11}\n")
		p.edit(dynamicFile, "tls: {certResolver: le-staging}", "tls: {certResolver: le-staging, options: old}")
	}},
	{name: "a cipher suite without forward secrecy", gates: "G1", rule: "acme/cipher-suites", files: func(p *project) {
		p.append(dynamicFile, "tls:\n  options:\n    default: {minVersion: VersionTLS12, cipherSuites: [TLS_RSA_WITH_3DES_EDE_CBC_SHA]}\n")
	}},
	{name: "the highest TLS version is an old one", gates: "G1", rule: "acme/tls-version", files: func(p *project) {
		p.append(dynamicFile, "tls:\n  options:\n    default: {minVersion: VersionTLS10, maxVersion: VersionTLS11}\n")
	}},
	{name: "a public router answers without TLS on the TLS port", gates: "G1", rule: "acme/router-resolver", files: func(p *project) {
		p.edit(dynamicFile, "      middlewares: [public-headers, site-rate]\n      service: web\n      tls: {certResolver: le-staging}\n", "      middlewares: [public-headers, site-rate]\n      service: web\n")
	}},
	{name: "a router with TLS but without resolver", gates: "G1", rule: "acme/router-resolver", files: func(p *project) {
		p.edit(dynamicFile, "      service: admin\n      tls: {certResolver: le-staging}\n", "      service: admin\n      tls: {}\n")
	}},
	{name: "production hidden in a second static file", gates: "G1", rule: "acme/directory", files: func(p *project) {
		p.edit(composeFile, `command: ["--configFile=/etc/traefik/traefik.yml"]`, `command: ["--configfile=/etc/traefik/traefik.yml", "--certificatesresolvers.le-staging.acme.caserver", "`+productionURL+`"]`)
	}},
	{name: "certificates kept where a new container loses them", gates: "G1", rule: "acme/storage", files: func(p *project) {
		p.edit(staticFile, "storage: /acme/acme.json", "storage: /tmp/acme.json")
	}},
	{name: "certificates kept in a relative file", gates: "G1", rule: "acme/storage", files: static("storage: /acme/acme.json", "storage: acme.json")},
	{name: "certificates kept where Traefik puts them by itself", gates: "G1", rule: "acme/storage", files: static("      storage: /acme/acme.json\n", "")},
	{name: "certificates kept past the volume by dots", gates: "G1", rule: "acme/storage", files: static("storage: /acme/acme.json", "storage: /acme/../tmp/acme.json")},
	{name: "certificates kept in the folder itself", gates: "G1", rule: "acme/storage", files: static("storage: /acme/acme.json", "storage: /acme")},
	{name: "the key of an ACME account in the file", gates: "G1", rule: "acme/account-key", files: static("      keyType: EC256\n", "      keyType: EC256\n      eab: {kid: abc, hmacEncoded: \"c2VjcmV0LWhtYWMta2V5LXZhbHVlLTAxMjM0NTY3ODk\"}\n")},
	{name: "certificates held to last ten years", gates: "G1", rule: "acme/certificate-duration", files: static("      keyType: EC256\n", "      keyType: EC256\n      certificatesDuration: 87600\n")},
	{name: "a DNS challenge without a provider", gates: "G1", rule: "acme/challenge", files: static("      httpChallenge:\n        entryPoint: web\n", "      dnsChallenge: {delayBeforeCheck: 10}\n")},
	{name: "a DNS challenge by a program", gates: "G1", rule: "acme/challenge", files: static("      httpChallenge:\n        entryPoint: web\n", "      dnsChallenge: {provider: exec}\n")},
	{name: "Traefik finds its file by itself", gates: "G1", rule: "acme/explicit-file", files: compose("    command: [\"--configFile=/etc/traefik/traefik.yml\"]\n", "")},
	{name: "Traefik finds another static file by itself", gates: "G1", rule: "acme/start", also: map[string]string{"acme/explicit-file": "it looks for one, and finds another"}, files: func(p *project) {
		p.write("traefik/traefik.toml", "[api]\ninsecure=true\n[entryPoints.web]\naddress=\":80\"\n")
		p.edit(composeFile, "    command: [\"--configFile=/etc/traefik/traefik.yml\"]\n", "")
		p.edit(composeFile, "      - acme:/acme\n", "      - ../traefik/traefik.toml:/etc/traefik/traefik.toml:ro\n      - acme:/acme\n")
	}},
	{name: "another root trusted by the edge", gates: "G1", rule: "acme/directory-trust", files: edgeVariable("SSL_CERT_FILE", "/acme/own-root.pem")},
	{name: "a cipher suite by the RSA key itself", gates: "G1", rule: "acme/cipher-suites", files: added(dynamicFile, "tls:\n  options:\n    default: {minVersion: VersionTLS12, cipherSuites: [TLS_RSA_WITH_AES_128_CBC_SHA]}\n")},
	{name: "the newest TLS version switched off", gates: "G1", rule: "acme/tls-version", files: added(dynamicFile, "tls:\n  options:\n    default: {maxVersion: VersionTLS12}\n")},
	{name: "TLS options that nobody defines", gates: "G1", rule: "acme/tls-options", files: dynamic("tls: {certResolver: le-staging}", "tls: {certResolver: le-staging, options: strict}")},
	{name: "a wildcard without a DNS challenge", gates: "G1", rule: "acme/challenge", files: dynamic("tls: {certResolver: le-staging}", "tls: {certResolver: le-staging, domains: [{main: \"*.{{ $domain }}\"}]}")},
	{name: "the edge watches another folder", gates: "G1", rule: "acme/start", files: static("directory: /etc/traefik/dynamic", "directory: /etc/traefik/dynamik")},
	{name: "the edge reads another file of routes", gates: "G1", rule: "acme/start", files: static("    directory: /etc/traefik/dynamic\n", "    filename: /acme/routes.yml\n")},
	{name: "the edge does not watch its routes", gates: "G1", rule: "acme/start", files: static("    watch: true", "    watch: false")},
	{name: "the routes are not mounted", gates: "G1", rule: "acme/start", files: compose("      - ../traefik/dynamic:/etc/traefik/dynamic:ro\n", "")},
	{name: "a mounted file that only has the same name", gates: "G1", rule: "acme/start", files: func(p *project) {
		p.write("traefik/other/traefik.yml", p.read(staticFile)+"\n# x\n")
		p.edit(composeFile, "../traefik/traefik.yml:/etc/traefik/traefik.yml:ro", "../traefik/other/traefik.yml:/etc/traefik/traefik.yml:ro")
	}},
	{name: "certificates on a volume in memory", gates: "G1", rule: "acme/storage", files: compose("  acme: {}\n  postgres", "  acme: {driver_opts: {type: tmpfs, device: tmpfs}}\n  postgres")},
	{name: "a file of routes that Traefik cannot read", gates: "config", files: func(p *project) { p.write("traefik/dynamic/more.yml", "http: [\n") }},
	{name: "a label asks another resolver", gates: "G1", rule: "acme/service-labels", also: because("an exception for routes by labels must not let them ask another authority", "exposure/second-edge"), files: on("worker", "labels: {traefik.http.routers.w.tls.certresolver: le-prod}\n")},
	{name: "a certificate from a file", gates: "G1", rule: "acme/file-certificate", files: added(dynamicFile, "tls:\n  certificates: [{certFile: /acme/a.crt, keyFile: /acme/a.key}]\n")},
}
