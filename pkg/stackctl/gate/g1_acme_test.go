package gate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

const (
	staticFile  = "traefik/traefik.yml"
	routesFile  = "traefik/dynamic/routes.yml"
	composeFile = "compose/stack.yaml"
	productionA = "https://acme-v02.api.letsencrypt.org/directory"
)

func TestACMEStaticCatches(t *testing.T) {
	caServer := "caServer: https://acme-staging-v02.api.letsencrypt.org/directory"
	resolver := func(name, server string) (string, string) {
		return "certificatesResolvers:\n", "certificatesResolvers:\n  " + name + ":\n    acme: {storage: /acme/x.json, " + server + "httpChallenge: {entryPoint: web}}\n"
	}
	unused, unusedTo := resolver("spare", "caServer: "+productionA+", ")
	zero, zeroTo := resolver("zero", "caServer: https://acme.zerossl.com/v2/DV90, ")
	buypass, buypassTo := resolver("buypass", "caServer: https://api.buypass.com/acme/directory, ")
	omitted, omittedTo := resolver("spare", "")
	env := func(key, value string) (string, string) {
		return "      STAFF_ALLOWLIST: $", "      " + key + ": \"" + value + "\"\n      STAFF_ALLOWLIST: $"
	}
	envName, envNameTo := env("TRAEFIK_CERTIFICATESRESOLVERS_LE-STAGING_ACME_CASERVER", productionA)
	envLower, envLowerTo := env("TRAEFIK_CertificatesResolvers_other_acme_caserver", productionA)
	envEmail, envEmailTo := env("TRAEFIK_CERTIFICATESRESOLVERS_BACK_ACME_EMAIL", "a@example.org")
	legoCA, legoCATo := env("LEGO_CA_CERTIFICATES", "/roots.pem")
	legoName, legoNameTo := env("LEGO_CA_SERVER_NAME", "evil.example")
	command := `command: ["--configFile=/etc/traefik/traefik.yml"`
	tls := "tls: {certResolver: le-staging}"
	problem := "another ACME directory"
	staticMutants(t, acmeStatic(), []mutant{
		{name: "unused resolver on production", file: staticFile, from: unused, to: unusedTo, subject: "resolver spare", problem: problem},
		{name: "caServer omitted", file: staticFile, from: caServer, to: "preferredChain: \"\"", subject: "resolver le-staging", problem: "no caServer"},
		{name: "caServer omitted on an unused resolver", file: staticFile, from: omitted, to: omittedTo, subject: "resolver spare", problem: "no caServer"},
		{name: "odd case, production", file: staticFile, from: caServer, to: "CASERVER: " + productionA, subject: "resolver le-staging", problem: problem},
		{name: "odd case of every key", file: staticFile, from: "certificatesResolvers:\n", to: "CERTIFICATESRESOLVERS:\n  x:\n    ACME: {CaSeRvEr: \"" + productionA + "\"}\n", subject: "resolver x", problem: problem},
		{name: "two keys that differ in case", file: staticFile, from: caServer, to: caServer + "\n      CaServer: " + productionA, subject: "resolver le-staging", problem: problem},
		{name: "empty caServer", file: staticFile, from: caServer, to: "caServer: \"\"", subject: "resolver le-staging", problem: problem},
		{name: "null caServer", file: staticFile, from: caServer, to: "caServer:", subject: "resolver le-staging", problem: problem},
		{name: "variable in Traefik's environment", file: composeFile, from: envName, to: envNameTo, subject: "resolver le-staging", problem: problem},
		{name: "variable in mixed case", file: composeFile, from: envLower, to: envLowerTo, subject: "resolver other", problem: problem},
		{name: "variable that only begins a resolver", file: composeFile, from: envEmail, to: envEmailTo, subject: "resolver back", problem: "no caServer"},
		{name: "flag with =", file: composeFile, from: command, to: command + `, "--certificatesresolvers.x.acme.caserver=` + productionA + `"`, subject: "resolver x", problem: problem},
		{name: "flag with a value after it", file: composeFile, from: command, to: command + `, "--CertificatesResolvers.x.acme.caServer", "` + productionA + `"`, subject: "resolver x", problem: problem},
		{name: "one dash", file: composeFile, from: command, to: command + `, "-certificatesresolvers.x.acme.caserver=` + productionA + `"`, subject: "resolver x", problem: problem},
		{name: "flag that only switches ACME on", file: composeFile, from: command, to: command + `, "--certificatesresolvers.x.acme=true"`, subject: "resolver x", problem: "no caServer"},
		{name: "flags in a shell", file: composeFile, from: command, to: `entrypoint: ["sh", "-c", "exec traefik '--certificatesresolvers.x.acme.caserver=` + productionA + `'"]` + "\n    " + command, subject: "resolver x", problem: problem},
		{name: "ZeroSSL", file: staticFile, from: zero, to: zeroTo, subject: "resolver zero", problem: problem},
		{name: "Buypass", file: staticFile, from: buypass, to: buypassTo, subject: "resolver buypass", problem: problem},
		{name: "staging host as user name", file: staticFile, from: caServer, to: "caServer: https://acme-staging-v02.api.letsencrypt.org@acme-v02.api.letsencrypt.org/directory", subject: "resolver le-staging", problem: problem},
		{name: "staging host in the path", file: staticFile, from: caServer, to: "caServer: https://acme-v02.api.letsencrypt.org/acme-staging-v02.api.letsencrypt.org/directory", subject: "resolver le-staging", problem: problem},
		{name: "staging host in the query", file: staticFile, from: caServer, to: "caServer: " + productionA + "?acme-staging-v02.api.letsencrypt.org", subject: "resolver le-staging", problem: problem},
		{name: "staging host as a subdomain", file: staticFile, from: caServer, to: "caServer: https://acme-staging-v02.api.letsencrypt.org.evil.example/directory", subject: "resolver le-staging", problem: problem},
		{name: "staging over http", file: staticFile, from: caServer, to: "caServer: http://acme-staging-v02.api.letsencrypt.org/directory", subject: "resolver le-staging", problem: problem},
		{name: "look-alike letters", file: staticFile, from: caServer, to: "caServer: https://acme-stаging-v02.api.letsencrypt.org/directory", subject: "resolver le-staging", problem: problem},
		{name: "another port", file: staticFile, from: caServer, to: "caServer: https://acme-staging-v02.api.letsencrypt.org:8443/directory", subject: "resolver le-staging", problem: problem},
		{name: "by anchor and merge", file: staticFile, from: "certificatesResolvers:\n", to: "x-base: &base {acme: {caServer: \"" + productionA + "\"}}\ncertificatesResolvers:\n  spare: {<<: *base}\n", subject: "resolver spare", problem: problem},
		{name: "tailscale", file: staticFile, from: "certificatesResolvers:\n", to: "certificatesResolvers:\n  ts: {tailscale: {}}\n", subject: "resolver ts", problem: "target's ACME directory"},
		{name: "right directory, wrong name", file: staticFile, from: "  le-staging:\n", to: "  letsencrypt:\n", subject: "resolver letsencrypt", problem: "other than the allowed one"},
		{name: "router names a resolver that does not exist", file: routesFile, from: tls, to: "tls: {certResolver: le-stagin}", subject: "router api-auth", problem: "another certificates resolver"},
		{name: "the resolver is gone", file: staticFile, from: "certificatesResolvers:", to: "x-was:", subject: "router web", problem: "defined nowhere"},
		{name: "TLS without resolver", file: routesFile, from: tls, to: "tls: {}", subject: "router api-auth", problem: "without a certificates resolver"},
		{name: "https router without TLS", file: routesFile, from: "      " + tls + "\n", to: "", subject: "router api-auth", problem: "without TLS"},
		{name: "entry point with another resolver", file: staticFile, from: `    address: ":443"`, to: "    address: \":443\"\n    http: {tls: {certResolver: prod}}", subject: "entry point websecure", problem: "another certificates resolver"},
		{name: "certificate from a file", file: routesFile, from: "http:\n", to: "tls:\n  certificates: [{certFile: /c.pem, keyFile: /k.pem}]\nhttp:\n", subject: "tls certificates", problem: "from a file"},
		{name: "default certificate from a file", file: routesFile, from: "http:\n", to: "tls: {stores: {default: {defaultCertificate: {certFile: /c.pem, keyFile: /k.pem}}}}\nhttp:\n", subject: "tls store default", problem: "from a file"},
		{name: "default certificate of another resolver", file: routesFile, from: "http:\n", to: "tls: {stores: {default: {defaultGeneratedCert: {resolver: prod}}}}\nhttp:\n", subject: "tls store default", problem: "another resolver"},
		{name: "old TLS", file: routesFile, from: "http:\n", to: "tls: {options: {default: {minVersion: VersionTLS10}}}\nhttp:\n", subject: "tls options default", problem: "outdated"},
		{name: "resolver in a dynamic file", file: routesFile, from: "http:\n", to: "certificatesResolvers: {x: {acme: {}}}\nhttp:\n", subject: "file routes.yml", problem: "dynamic file"},
		{name: "label with another resolver", file: composeFile, from: "  web:\n", to: "  web:\n    labels: {traefik.http.routers.x.tls.certresolver: prod}\n", subject: "service web", problem: "label names another"},
		{name: "directory root trusted without a setting", file: composeFile, from: legoCA, to: legoCATo, subject: "service traefik", problem: "another root"},
		{name: "directory name overridden", file: composeFile, from: legoName, to: legoNameTo, subject: "service traefik", problem: "another root"},
		{name: "directory root in the resolver", file: staticFile, from: caServer, to: caServer + "\n      caCertificates: [/x.pem]", subject: "resolver le-staging", problem: "another root"},
		{name: "directory not verified", file: staticFile, from: caServer, to: caServer + "\n      insecureSkipVerify: true", subject: "resolver le-staging", problem: "not checked"},
		{name: "the target itself names production", file: "stackctl.yaml", from: "domain: example.org}", to: "domain: example.org, acme: {directory: \"" + productionA + "\"}}", subject: "target prod", problem: "browsers trust"},
		{name: "another target names production", file: "stackctl.yaml", from: "targets:\n  prod:", to: "targets:\n  other: {host: 203.0.113.8, domain: example.net, acme: {directory: \"" + productionA + "\"}}\n  prod:", subject: "target other", problem: "browsers trust"},
		{name: "an unknown authority without roots", file: "stackctl.yaml", from: "domain: example.org}", to: "domain: example.org, acme: {directory: \"https://ca.example/dir\"}}", subject: "target prod", problem: "neither"},
		{name: "a TOML file beside, which Traefik takes first", after: func(s *Subject) {
			s.Release.Files = append(s.Release.Files, stack.File{Path: "edge/traefik.toml", Content: []byte("[certificatesResolvers.x.acme]\nemail = \"a@example.org\"\n")})
		}, subject: "resolver x", problem: "no caServer"},
		{name: "the static file is TOML", after: func(s *Subject) {
			s.Config.Traefik.Static = "/x/traefik.toml"
			s.Release.Edge.Static = []byte("[certificatesResolvers.le-staging.acme]\nCASERVER = \"" + productionA + "\"\n")
		}, subject: "resolver le-staging", problem: problem},
		{name: "stored production account is shipped", after: func(s *Subject) {
			s.Release.Files = append(s.Release.Files, stack.File{Path: "edge/acme/acme.json", Content: []byte(`{"le-staging":{"Account":{"Registration":{"uri":"https://acme-v02.api.letsencrypt.org/acme/acct/1"}},"Certificates":null}}`)})
		}, subject: "stored account le-staging", problem: "another certificate authority"},
		{name: "unreadable static file", after: func(s *Subject) { s.Release.Edge.Static = []byte("a: [") }, subject: "file traefik.yml", problem: "cannot read"},
	})
}

// What is right must pass in every spelling.
func TestACMEStaticDoesNotCryWolf(t *testing.T) {
	caServer := "caServer: https://acme-staging-v02.api.letsencrypt.org/directory"
	for name, change := range map[string]func(t *testing.T, r repo){
		"odd case, right directory": func(t *testing.T, r repo) {
			r.change(t, staticFile, caServer, "CASERVER: HTTPS://ACME-staging-v02.API.letsencrypt.org:443/directory")
		},
		"trailing slash":  func(t *testing.T, r repo) { r.change(t, staticFile, caServer, caServer+"/") },
		"percent-encoded": func(t *testing.T, r repo) { r.change(t, staticFile, "/directory", "/%64irectory") },
		"local directory with roots": func(t *testing.T, r repo) {
			r.change(t, "stackctl.yaml", "domain: example.org}", "domain: example.org, acme: {directory: \"https://192.0.2.1:14000/dir\", roots: r.pem, directory_ca: ca.pem}}")
			r.write(t, "ca.pem", "")
			r.write(t, "r.pem", "")
		},
		"empty LEGO variable": func(t *testing.T, r repo) {
			r.change(t, composeFile, "      STAFF_ALLOWLIST: $", "      LEGO_CA_CERTIFICATES: \"\"\n      STAFF_ALLOWLIST: $")
		},
		"TLS challenge": func(t *testing.T, r repo) {
			r.change(t, staticFile, "httpChallenge:\n        entryPoint: web", "tlsChallenge: {}")
		},
		"resolver on the entry point": func(t *testing.T, r repo) {
			r.change(t, staticFile, `    address: ":443"`, "    address: \":443\"\n    http: {tls: {certResolver: le-staging}}")
			r.write(t, routesFile, strings.ReplaceAll(r.read(t, routesFile), "      tls: {certResolver: le-staging}\n", ""))
		},
		"newer TLS options": func(t *testing.T, r repo) {
			r.change(t, routesFile, "http:\n", "tls: {options: {default: {minVersion: VersionTLS12, sniStrict: true}}}\nhttp:\n")
		},
		"unrelated Traefik variables": func(t *testing.T, r repo) {
			r.change(t, composeFile, "      STAFF_ALLOWLIST: $", "      TRAEFIK_LOG_LEVEL: DEBUG\n      STAFF_ALLOWLIST: $")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			change(t, r)
			if got := runAlone(context.Background(), acmeStatic(), r.subject(t)); got.Status != stack.Passed {
				t.Errorf("%s %s %+v", got.Status, got.Reason, got.Findings)
			}
		})
	}
}

func TestACMEStaticKeepsTheEdgesFiles(t *testing.T) {
	s := newRepo(t).subject(t)
	r := runAlone(context.Background(), acmeStatic(), s)
	kept := s.Artifacts.(*fakeSink).kept
	if !strings.Contains(string(kept["traefik-static.yml"]), "le-staging") || !strings.Contains(string(kept["traefik-dynamic.yml"]), "public-headers") {
		t.Error("the artifacts do not hold the files")
	}
	if len(r.Evidence) != 2 {
		t.Errorf("evidence %v", r.Evidence)
	}
}

func TestSameDirectory(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"https://a.example/dir", "HTTPS://A.Example:443/dir/", true},
		{"https://a.example./dir", "https://a.example/x/../dir", true},
		{"https://bücher.example/dir", "https://xn--bcher-kva.example/dir", true},
		{"https://[2001:db8::1]:14000/dir", "https://[2001:DB8:0::1]:14000/dir", true},
		{"https://a.example/dir", "https://a.example/Dir", false},
		{"https://a.example/dir", "https://a.example:444/dir", false},
		{"https://a.example/dir", "https://user@a.example/dir", false},
		{"https://a.example/dir", "https://a.example/dir?x", false},
		{"https://a.example/dir", `https://a.example\@b.example/dir`, false},
		{"a.example/dir", "a.example/dir", false},
		{"", "", false},
	} {
		if got := acmeSame(c.a, c.b); got != c.same {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

func TestStoredProductionCertificateIsFound(t *testing.T) {
	authority := newAuthority(t, "Production Root")
	leaf := authority.leaf(t, leafOptions{names: []string{"example.org"}})
	doc, err := json.Marshal(map[string]any{"le-staging": map[string]any{"Certificates": []any{map[string]any{
		"domain": map[string]string{"main": "example.org"}, "certificate": base64.StdEncoding.EncodeToString(leaf.pem()),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	roots, err := loadACMERoots("")
	if err != nil {
		t.Fatal(err)
	}
	if found := judgeACMEStore("acme.json", doc, acmeStagingURL, roots); len(found) != 0 {
		t.Errorf("an unknown root is taken for production: %+v", found)
	}
	roots.prodPool.AddCert(authority.cert)
	if found := judgeACMEStore("acme.json", doc, acmeStagingURL, roots); len(found) != 1 || found[0].Subject != "stored certificate example.org" {
		t.Errorf("%+v", found)
	}
}

func TestTheRootsAreThePublishedOnes(t *testing.T) {
	roots, err := loadACMERoots("")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"(STAGING) Pretend Pear X1", "(STAGING) Bogus Broccoli X2", "(STAGING) Yearning Yucca Root YE", "(STAGING) Yonder Yam Root YR"}
	for i, c := range roots.allowed {
		if c.Subject.CommonName != want[i] || !selfMade(c) || !c.IsCA {
			t.Errorf("root %d is %q", i, c.Subject.CommonName)
		}
	}
	production, err := pemCertificates(productionRootsPEM)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"ISRG Root X1", "ISRG Root X2", "Root YE", "Root YR"} {
		if production[i].Subject.CommonName != name {
			t.Errorf("production root %d is %q", i, production[i].Subject.CommonName)
		}
	}
}

func FuzzEdgeYAML(f *testing.F) {
	f.Add([]byte("certificatesResolvers: {x: {acme: {caServer: y}}}"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("a: &a {b: 1}\nc: {<<: [*a, *a]}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		root, err := parseEdgeFile("x.yml", raw)
		if err == nil {
			root.walk(func([]string, *edgeNode) {})
			root.list("entryPoints")
		}
	})
}

func FuzzEdgeTOML(f *testing.F) {
	f.Add([]byte("[certificatesResolvers.x.acme]\ncaServer = \"y\""))
	f.Fuzz(func(t *testing.T, raw []byte) { _, _ = parseEdgeFile("x.toml", raw) })
}

func FuzzEdgeFlagsAndVariables(f *testing.F) {
	f.Add("--certificatesresolvers.x.acme.caserver=y", "TRAEFIK_CERTIFICATESRESOLVERS_X_ACME_CASERVER", "v")
	f.Add("sh -c 'traefik --a[0].b c'", "TRAEFIK__", "")
	f.Fuzz(func(t *testing.T, arg, key, value string) {
		root := parseEdgeFlags([]string{arg, value, "--" + key})
		root.walk(func([]string, *edgeNode) {})
		parseEdgeEnv(map[string]string{key: value}).walk(func([]string, *edgeNode) {})
	})
}

func FuzzDirectoryURL(f *testing.F) {
	f.Add(acmeStagingURL)
	f.Add("https://a@b:c/%2e%2e")
	f.Fuzz(func(t *testing.T, raw string) {
		one, err := acmeCanonical(raw)
		if err != nil {
			return
		}
		two, err := acmeCanonical(one)
		if err != nil || one != two {
			t.Errorf("%q becomes %q, then %q (%v)", raw, one, two, err)
		}
	})
}
