package acme

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

func TestStoredCertificateThatNamesAPublicAuthority(t *testing.T) {
	for issuer, want := range map[string]int{"R10": 1, "E6": 1, "YR2": 1, "ZeroSSL ECC Domain Secure Site CA": 1, "(STAGING) Wannabe Watercress R11": 0, "Pebble Intermediate CA 3a4b5c": 0, "Refinery": 0} {
		leaf := gatetest.NewAuthority(t, "Some Root").Leaf(t, gatetest.LeafOptions{Names: []string{"example.org"}, Issuer: issuer, Self: true})
		doc, err := json.Marshal(map[string]any{"le-staging": map[string]any{"Certificates": []any{map[string]any{
			"domain": map[string]string{"main": "example.org"}, "certificate": base64.StdEncoding.EncodeToString(leaf.Pem()),
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		roots, err := loadRoots(stack.ACME{})
		if err != nil {
			t.Fatal(err)
		}
		if found := judgeStore("acme.json", doc, stack.ACME{Directory: stagingURL}, roots); len(found) != want {
			t.Errorf("issuer %s: %d findings, want %d", issuer, len(found), want)
		}
	}
}

func TestACMEStaticCatches(t *testing.T) {
	caServer := "caServer: https://acme-staging-v02.api.letsencrypt.org/directory"
	resolver := func(name, server string) (string, string) {
		return "certificatesResolvers:\n", "certificatesResolvers:\n  " + name + ":\n    acme: {storage: /acme/x.json, " + server + "httpChallenge: {entryPoint: web}}\n"
	}
	unused, unusedTo := resolver("spare", "caServer: "+gatetest.ProductionA+", ")
	zero, zeroTo := resolver("zero", "caServer: https://acme.zerossl.com/v2/DV90, ")
	buypass, buypassTo := resolver("buypass", "caServer: https://api.buypass.com/acme/directory, ")
	omitted, omittedTo := resolver("spare", "")
	env := func(key, value string) (string, string) {
		return "      STAFF_ALLOWLIST: $", "      " + key + ": \"" + value + "\"\n      STAFF_ALLOWLIST: $"
	}
	envName, envNameTo := env("TRAEFIK_CERTIFICATESRESOLVERS_LE-STAGING_ACME_CASERVER", gatetest.ProductionA)
	envLower, envLowerTo := env("TRAEFIK_CertificatesResolvers_other_acme_caserver", gatetest.ProductionA)
	envEmail, envEmailTo := env("TRAEFIK_CERTIFICATESRESOLVERS_BACK_ACME_EMAIL", "a@example.org")
	legoCA, legoCATo := env("LEGO_CA_CERTIFICATES", "/roots.pem")
	legoName, legoNameTo := env("LEGO_CA_SERVER_NAME", "evil.example")
	command := `command: ["--configFile=/etc/traefik/traefik.yml"`
	tls := "tls: {certResolver: le-staging}"
	problem := "another ACME directory"
	gatetest.StaticMutants(t, Static(), []gatetest.Mutant{
		{Name: "unused resolver on production", File: gatetest.StaticFile, From: unused, To: unusedTo, Subject: "resolver spare", Problem: problem},
		{Name: "caServer omitted", File: gatetest.StaticFile, From: caServer, To: "preferredChain: \"\"", Subject: "resolver le-staging", Problem: "no caServer"},
		{Name: "caServer omitted on an unused resolver", File: gatetest.StaticFile, From: omitted, To: omittedTo, Subject: "resolver spare", Problem: "no caServer"},
		{Name: "odd case, production", File: gatetest.StaticFile, From: caServer, To: "CASERVER: " + gatetest.ProductionA, Subject: "resolver le-staging", Problem: problem},
		{Name: "odd case of every key", File: gatetest.StaticFile, From: "certificatesResolvers:\n", To: "CERTIFICATESRESOLVERS:\n  x:\n    ACME: {CaSeRvEr: \"" + gatetest.ProductionA + "\"}\n", Subject: "resolver x", Problem: problem},
		{Name: "two keys that differ in case", File: gatetest.StaticFile, From: caServer, To: caServer + "\n      CaServer: " + gatetest.ProductionA, Subject: "resolver le-staging", Problem: problem},
		{Name: "empty caServer", File: gatetest.StaticFile, From: caServer, To: "caServer: \"\"", Subject: "resolver le-staging", Problem: problem},
		{Name: "null caServer", File: gatetest.StaticFile, From: caServer, To: "caServer:", Subject: "resolver le-staging", Problem: problem},
		{Name: "variable in Traefik's environment", File: gatetest.ComposeFile, From: envName, To: envNameTo, Subject: "resolver le-staging", Problem: problem},
		{Name: "variable in mixed case", File: gatetest.ComposeFile, From: envLower, To: envLowerTo, Subject: "resolver other", Problem: problem},
		{Name: "variable that only begins a resolver", File: gatetest.ComposeFile, From: envEmail, To: envEmailTo, Subject: "resolver back", Problem: "no caServer"},
		{Name: "flag with =", File: gatetest.ComposeFile, From: command, To: command + `, "--certificatesresolvers.x.acme.caserver=` + gatetest.ProductionA + `"`, Subject: "resolver x", Problem: problem},
		{Name: "flag with a value after it", File: gatetest.ComposeFile, From: command, To: command + `, "--CertificatesResolvers.x.acme.caServer", "` + gatetest.ProductionA + `"`, Subject: "resolver x", Problem: problem},
		{Name: "one dash", File: gatetest.ComposeFile, From: command, To: command + `, "-certificatesresolvers.x.acme.caserver=` + gatetest.ProductionA + `"`, Subject: "resolver x", Problem: problem},
		{Name: "flag that only switches ACME on", File: gatetest.ComposeFile, From: command, To: command + `, "--certificatesresolvers.x.acme=true"`, Subject: "resolver x", Problem: "no caServer"},
		{Name: "flags in a shell", File: gatetest.ComposeFile, From: command, To: `entrypoint: ["sh", "-c", "exec traefik '--certificatesresolvers.x.acme.caserver=` + gatetest.ProductionA + `'"]` + "\n    " + command, Subject: "resolver x", Problem: problem},
		{Name: "ZeroSSL", File: gatetest.StaticFile, From: zero, To: zeroTo, Subject: "resolver zero", Problem: problem},
		{Name: "Buypass", File: gatetest.StaticFile, From: buypass, To: buypassTo, Subject: "resolver buypass", Problem: problem},
		{Name: "staging host as user name", File: gatetest.StaticFile, From: caServer, To: "caServer: https://acme-staging-v02.api.letsencrypt.org@acme-v02.api.letsencrypt.org/directory", Subject: "resolver le-staging", Problem: problem},
		{Name: "staging host in the path", File: gatetest.StaticFile, From: caServer, To: "caServer: https://acme-v02.api.letsencrypt.org/acme-staging-v02.api.letsencrypt.org/directory", Subject: "resolver le-staging", Problem: problem},
		{Name: "staging host in the query", File: gatetest.StaticFile, From: caServer, To: "caServer: " + gatetest.ProductionA + "?acme-staging-v02.api.letsencrypt.org", Subject: "resolver le-staging", Problem: problem},
		{Name: "staging host as a subdomain", File: gatetest.StaticFile, From: caServer, To: "caServer: https://acme-staging-v02.api.letsencrypt.org.evil.example/directory", Subject: "resolver le-staging", Problem: problem},
		{Name: "staging over http", File: gatetest.StaticFile, From: caServer, To: "caServer: http://acme-staging-v02.api.letsencrypt.org/directory", Subject: "resolver le-staging", Problem: problem},
		{Name: "look-alike letters", File: gatetest.StaticFile, From: caServer, To: "caServer: https://acme-stаging-v02.api.letsencrypt.org/directory", Subject: "resolver le-staging", Problem: problem},
		{Name: "another port", File: gatetest.StaticFile, From: caServer, To: "caServer: https://acme-staging-v02.api.letsencrypt.org:8443/directory", Subject: "resolver le-staging", Problem: problem},
		{Name: "by anchor and merge", File: gatetest.StaticFile, From: "certificatesResolvers:\n", To: "x-base: &base {acme: {caServer: \"" + gatetest.ProductionA + "\"}}\ncertificatesResolvers:\n  spare: {<<: *base}\n", Subject: "resolver spare", Problem: problem},
		{Name: "tailscale", File: gatetest.StaticFile, From: "certificatesResolvers:\n", To: "certificatesResolvers:\n  ts: {tailscale: {}}\n", Subject: "resolver ts", Problem: "target's ACME directory"},
		{Name: "right directory, wrong name", File: gatetest.StaticFile, From: "  le-staging:\n", To: "  letsencrypt:\n", Subject: "resolver letsencrypt", Problem: "other than the allowed one"},
		{Name: "router names a resolver that does not exist", File: gatetest.RoutesFile, From: tls, To: "tls: {certResolver: le-stagin}", Subject: "router api-auth", Problem: "another certificates resolver"},
		{Name: "the resolver is gone", File: gatetest.StaticFile, From: "certificatesResolvers:", To: "x-was:", Subject: "router web", Problem: "defined nowhere"},
		{Name: "TLS without resolver", File: gatetest.RoutesFile, From: tls, To: "tls: {}", Subject: "router api-auth", Problem: "without a certificates resolver"},
		{Name: "https router without TLS", File: gatetest.RoutesFile, From: "      " + tls + "\n", To: "", Subject: "router api-auth", Problem: "without TLS"},
		{Name: "entry point with another resolver", File: gatetest.StaticFile, From: `    address: ":443"`, To: "    address: \":443\"\n    http: {tls: {certResolver: prod}}", Subject: "entry point websecure", Problem: "another certificates resolver"},
		{Name: "certificate from a file", File: gatetest.RoutesFile, From: "http:\n", To: "tls:\n  certificates: [{certFile: /c.pem, keyFile: /k.pem}]\nhttp:\n", Subject: "tls certificates", Problem: "from a file"},
		{Name: "default certificate from a file", File: gatetest.RoutesFile, From: "http:\n", To: "tls: {stores: {default: {defaultCertificate: {certFile: /c.pem, keyFile: /k.pem}}}}\nhttp:\n", Subject: "tls store default", Problem: "from a file"},
		{Name: "default certificate of another resolver", File: gatetest.RoutesFile, From: "http:\n", To: "tls: {stores: {default: {defaultGeneratedCert: {resolver: prod}}}}\nhttp:\n", Subject: "tls store default", Problem: "another resolver"},
		{Name: "old TLS", File: gatetest.RoutesFile, From: "http:\n", To: "tls: {options: {default: {minVersion: VersionTLS10}}}\nhttp:\n", Subject: "tls options default", Problem: "outdated"},
		{Name: "resolver in a dynamic file", File: gatetest.RoutesFile, From: "http:\n", To: "certificatesResolvers: {x: {acme: {}}}\nhttp:\n", Subject: "file routes.yml", Problem: "dynamic file"},
		{Name: "label with another resolver", File: gatetest.ComposeFile, From: "  web:\n", To: "  web:\n    labels: {traefik.http.routers.x.tls.certresolver: prod}\n", Subject: "service web", Problem: "label names another"},
		{Name: "directory root trusted without a setting", File: gatetest.ComposeFile, From: legoCA, To: legoCATo, Subject: "service traefik", Problem: "another root"},
		{Name: "directory name overridden", File: gatetest.ComposeFile, From: legoName, To: legoNameTo, Subject: "service traefik", Problem: "another root"},
		{Name: "directory root in the resolver", File: gatetest.StaticFile, From: caServer, To: caServer + "\n      caCertificates: [/x.pem]", Subject: "resolver le-staging", Problem: "another root"},
		{Name: "directory not verified", File: gatetest.StaticFile, From: caServer, To: caServer + "\n      insecureSkipVerify: true", Subject: "resolver le-staging", Problem: "not checked"},
		{Name: "the target itself names production", File: "stackctl.yaml", From: "domain: example.org}", To: "domain: example.org, acme: {directory: \"" + gatetest.ProductionA + "\"}}", Subject: "target prod", Problem: "browsers trust"},
		{Name: "another target names production", File: "stackctl.yaml", From: "targets:\n  prod:", To: "targets:\n  other: {host: 203.0.113.8, domain: example.net, acme: {directory: \"" + gatetest.ProductionA + "\"}}\n  prod:", Subject: "target other", Problem: "browsers trust"},
		{Name: "an unknown authority without roots", File: "stackctl.yaml", From: "domain: example.org}", To: "domain: example.org, acme: {directory: \"https://ca.example/dir\"}}", Subject: "target prod", Problem: "neither"},
		{Name: "a TOML file beside, which Traefik takes first", After: func(s *gate.Subject) {
			s.Release.Files = append(s.Release.Files, stack.File{Path: "edge/traefik.toml", Content: []byte("[certificatesResolvers.x.acme]\nemail = \"a@example.org\"\n")})
		}, Subject: "resolver x", Problem: "no caServer"},
		{Name: "the static file is TOML", After: func(s *gate.Subject) {
			s.Config.Traefik.Static = "/x/traefik.toml"
			s.Release.Edge.Static = []byte("[certificatesResolvers.le-staging.acme]\nCASERVER = \"" + gatetest.ProductionA + "\"\n")
		}, Subject: "resolver le-staging", Problem: problem},
		{Name: "stored production account is shipped", After: func(s *gate.Subject) {
			s.Release.Files = append(s.Release.Files, stack.File{Path: "edge/acme/acme.json", Content: []byte(`{"le-staging":{"Account":{"Registration":{"uri":"https://acme-v02.api.letsencrypt.org/acme/acct/1"}},"Certificates":null}}`)})
		}, Subject: "stored account le-staging", Problem: "another certificate authority"},
		{Name: "unreadable static file", After: func(s *gate.Subject) { s.Release.Edge.Static = []byte("a: [") }, Subject: "file traefik.yml", Problem: "cannot read"},
	})
}

// What is right must pass in every spelling.
func TestACMEStaticDoesNotCryWolf(t *testing.T) {
	caServer := "caServer: https://acme-staging-v02.api.letsencrypt.org/directory"
	for name, change := range map[string]func(t *testing.T, r gatetest.Repo){
		"odd case, right directory": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.StaticFile, caServer, "CASERVER: HTTPS://ACME-staging-v02.API.letsencrypt.org:443/directory")
		},
		"trailing slash":  func(t *testing.T, r gatetest.Repo) { r.Change(t, gatetest.StaticFile, caServer, caServer+"/") },
		"percent-encoded": func(t *testing.T, r gatetest.Repo) { r.Change(t, gatetest.StaticFile, "/directory", "/%64irectory") },
		"local directory with roots": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, "stackctl.yaml", "domain: example.org}", "domain: example.org, acme: {directory: \"https://192.0.2.1:14000/dir\", roots: r.pem, directory_ca: ca.pem}}")
			r.Write(t, "ca.pem", "")
			r.Write(t, "r.pem", "")
		},
		"empty LEGO variable": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.ComposeFile, "      STAFF_ALLOWLIST: $", "      LEGO_CA_CERTIFICATES: \"\"\n      STAFF_ALLOWLIST: $")
		},
		"TLS challenge": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.StaticFile, "httpChallenge:\n        entryPoint: web", "tlsChallenge: {}")
		},
		"resolver on the entry point": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.StaticFile, `    address: ":443"`, "    address: \":443\"\n    http: {tls: {certResolver: le-staging}}")
			r.Write(t, gatetest.RoutesFile, strings.ReplaceAll(r.Read(t, gatetest.RoutesFile), "      tls: {certResolver: le-staging}\n", ""))
		},
		"newer TLS options": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.RoutesFile, "http:\n", "tls: {options: {default: {minVersion: VersionTLS12, sniStrict: true}}}\nhttp:\n")
		},
		"unrelated Traefik variables": func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.ComposeFile, "      STAFF_ALLOWLIST: $", "      TRAEFIK_LOG_LEVEL: DEBUG\n      STAFF_ALLOWLIST: $")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := gatetest.NewRepo(t)
			change(t, r)
			if got := gatetest.Run(context.Background(), Static(), r.Subject(t)); got.Status != stack.Passed {
				t.Errorf("%s %s %+v", got.Status, got.Reason, got.Findings)
			}
		})
	}
}

func TestACMEStaticKeepsTheEdgesFiles(t *testing.T) {
	s := gatetest.NewRepo(t).Subject(t)
	r := gatetest.Run(context.Background(), Static(), s)
	kept := s.Artifacts.(*gatetest.Sink).Kept
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
		if got := same(c.a, c.b); got != c.same {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

func TestStoredProductionCertificateIsFound(t *testing.T) {
	authority := gatetest.NewAuthority(t, "Production Root")
	leaf := authority.Leaf(t, gatetest.LeafOptions{Names: []string{"example.org"}})
	doc, err := json.Marshal(map[string]any{"le-staging": map[string]any{"Certificates": []any{map[string]any{
		"domain": map[string]string{"main": "example.org"}, "certificate": base64.StdEncoding.EncodeToString(leaf.Pem()),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	roots, err := loadRoots(stack.ACME{})
	if err != nil {
		t.Fatal(err)
	}
	if found := judgeStore("acme.json", doc, stack.ACME{Directory: stagingURL}, roots); len(found) != 0 {
		t.Errorf("an unknown root is taken for production: %+v", found)
	}
	roots.prodPool.AddCert(authority.Cert)
	if found := judgeStore("acme.json", doc, stack.ACME{Directory: stagingURL}, roots); len(found) != 1 || found[0].Subject != "stored certificate example.org" {
		t.Errorf("%+v", found)
	}
}

func TestTheRootsAreThePublishedOnes(t *testing.T) {
	roots, err := loadRoots(stack.ACME{})
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
		root, err := traefik.ParseFile("x.yml", raw)
		if err == nil {
			root.Walk(func([]string, *traefik.Node) {})
			root.List("entryPoints")
		}
	})
}

func FuzzEdgeTOML(f *testing.F) {
	f.Add([]byte("[certificatesResolvers.x.acme]\ncaServer = \"y\""))
	f.Fuzz(func(t *testing.T, raw []byte) { _, _ = traefik.ParseFile("x.toml", raw) })
}

func FuzzEdgeFlagsAndVariables(f *testing.F) {
	f.Add("--certificatesresolvers.x.acme.caserver=y", "TRAEFIK_CERTIFICATESRESOLVERS_X_ACME_CASERVER", "v")
	f.Add("sh -c 'traefik --a[0].b c'", "TRAEFIK__", "")
	f.Fuzz(func(t *testing.T, arg, key, value string) {
		root := traefik.ParseFlags([]string{arg, value, "--" + key})
		root.Walk(func([]string, *traefik.Node) {})
		traefik.ParseEnv(map[string]string{key: value}).Walk(func([]string, *traefik.Node) {})
	})
}

func FuzzDirectoryURL(f *testing.F) {
	f.Add(stagingURL)
	f.Add("https://a@b:c/%2e%2e")
	f.Fuzz(func(t *testing.T, raw string) {
		one, err := canonical(raw)
		if err != nil {
			return
		}
		two, err := canonical(one)
		if err != nil || one != two {
			t.Errorf("%q becomes %q, then %q (%v)", raw, one, two, err)
		}
	})
}

func TestACMECatchesAnotherStart(t *testing.T) {
	const command = `command: ["--configFile=/etc/traefik/traefik.yml"]`
	gatetest.StaticMutants(t, Static(), []gatetest.Mutant{
		{Name: "another program", File: gatetest.ComposeFile, From: command, To: `entrypoint: ["sh", "-c", "exec traefik --configFile=/acme/traefik.yml"]`, Subject: "service traefik", Problem: "something else"},
		{Name: "no file named", File: gatetest.ComposeFile, From: "    " + command + "\n", To: "", Subject: "service traefik", Problem: "looks for its static file by itself"},
		{Name: "another file", File: gatetest.ComposeFile, From: command, To: `command: ["--configFile=/acme/traefik.yml"]`, Subject: "service traefik", Problem: "another file"},
		{Name: "no challenge", File: gatetest.StaticFile, From: "      httpChallenge:\n        entryPoint: web\n", To: "", Subject: "resolver le-staging", Problem: "no way"},
		{Name: "a challenge nowhere", File: gatetest.StaticFile, From: "        entryPoint: web\n", To: "        entryPoint: nowhere\n", Subject: "resolver le-staging", Problem: "defined nowhere"},
		{Name: "a challenge on the wrong port", File: gatetest.StaticFile, From: "        entryPoint: web\n", To: "        entryPoint: websecure\n", Subject: "resolver le-staging", Problem: "another port"},
	})
}
