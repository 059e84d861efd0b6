package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"time"
)

// leaf is how a served certificate differs from a good one.
type leaf struct {
	names    func(domain string) []string
	from, to time.Duration // from now
	issuer   string        // common name of the authority
	// strange: the target does not know the authority. Otherwise it is one of
	// the roots that the target allows.
	strange, self, weak bool
}

func everyName(domain string) []string {
	out := []string{domain}
	for _, label := range strings.Fields("www admin jobs pgadmin traefik") {
		out = append(out, label+"."+domain)
	}
	return out
}

// serves lets the running edge answer with another certificate.
func serves(l leaf) func(s *server) {
	return func(s *server) {
		if l.names == nil {
			l.names = everyName
		}
		if l.to == 0 {
			l.from, l.to = -time.Hour, 60*24*time.Hour
		}
		chain, key, root := issue(l, l.names(s.state.Domain))
		if !l.strange {
			// A project allows roots by a file: this one allows ours, too.
			text := s.project.read(targetFile)
			at := strings.Index(text, "  roots: ")
			file := strings.TrimSpace(strings.SplitN(text[at+len("  roots: "):], "\n", 2)[0])
			s.project.write("roots.pem", readFile(file)+root)
			s.project.edit(targetFile, "  roots: "+file, "  roots: "+s.project.path("roots.pem"))
		}
		acme := "/var/lib/docker/volumes/stack_acme/_data/acme.json"
		folder := "/srv/stack/edge/dynamic/"
		good := s.get(liveRoutes)
		s.undo(func() {
			s.put(liveRoutes, good)
			s.sh("rm -f " + folder + "mutant.*; docker stop -t 1 " + s.container("traefik") + "; mv /srv/mutants/acme.json " + acme + " || true; docker start " + s.container("traefik"))
			s.serves()
		})
		s.sh("docker stop -t 1 " + s.container("traefik") + " && mv " + acme + " /srv/mutants/acme.json")
		s.put(folder+"mutant.crt", chain)
		s.put(folder+"mutant.key", key)
		s.put(liveRoutes, strings.ReplaceAll(good, "{certResolver: le-staging}", "{}")+
			"\ntls:\n  stores:\n    default:\n      defaultCertificate: {certFile: /etc/traefik/dynamic/mutant.crt, keyFile: /etc/traefik/dynamic/mutant.key}\n")
		s.sh("docker start " + s.container("traefik"))
		s.serves()
	}
}

// issue makes a certificate and its authority.
func issue(l leaf, names []string) (chain, key, root string) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	name := l.issuer
	if name == "" {
		name = "A root of ours"
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour),
		NotAfter: time.Now().Add(24 * 365 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	raw, err := x509.CreateCertificate(rand.Reader, ca, ca, &signer.PublicKey, signer)
	must(err)
	root = block("CERTIFICATE", raw)
	own := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: names, NotBefore: time.Now().Add(l.from), NotAfter: time.Now().Add(l.to),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	var private, public any
	if l.weak {
		k, err := rsa.GenerateKey(rand.Reader, 1024)
		must(err)
		private, public = k, &k.PublicKey
	} else {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		private, public = k, &k.PublicKey
	}
	parent, by := ca, any(signer)
	if l.self {
		own.Subject.CommonName = name
		parent, by = own, private
	}
	certificate, err := x509.CreateCertificate(rand.Reader, own, parent, public, by)
	must(err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	must(err)
	return block("CERTIFICATE", certificate) + root, block("PRIVATE KEY", encoded), root
}

func block(kind string, raw []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}))
}

// marked adds what the edge tells of its routes, so that a change of its TLS
// settings, which it does not tell, is seen to be loaded.
func marked(routes string) string {
	return strings.Replace(routes, "  middlewares:\n", "  middlewares:\n    mark:\n      compress: {}\n", 1)
}

const day = 24 * time.Hour

// certificates break what the edge really serves and keeps.
var certificates = []mutant{
	{name: "a self-signed certificate whose issuer says (STAGING)", row: 7, gates: "G1", rule: "acme/served", server: serves(leaf{issuer: "(STAGING) Pretend Pear X1", self: true, strange: true})},
	{name: "a chain of a stranger who calls himself staging", row: 7, gates: "G1", rule: "acme/issuer", server: serves(leaf{issuer: "(STAGING) Pretend Pear X1", strange: true})},
	{name: "right issuer, wrong name", row: 8, gates: "G1", rule: "acme/served", server: serves(leaf{names: func(string) []string { return []string{"other.example"} }})},
	{name: "right issuer, one name is missing", gates: "G1", rule: "acme/served", server: serves(leaf{names: func(domain string) []string { return everyName(domain)[:5] }})},
	{name: "right issuer, expired", row: 8, gates: "G1", rule: "acme/served", server: serves(leaf{from: -90 * day, to: -day})},
	{name: "right issuer, not yet valid", gates: "G1", rule: "acme/served", server: serves(leaf{from: day, to: 60 * day})},
	{name: "right issuer, weak key", gates: "G1", rule: "acme/weak-key", server: serves(leaf{weak: true})},
	{name: "right issuer, it expires in two hours", gates: "G1", rule: "acme/served", server: serves(leaf{from: -89 * day, to: 2 * time.Hour})},
	{name: "the edge's own default certificate", gates: "G1", rule: "acme/served", server: func(s *server) {
		s.routesBy(func(t string) string {
			return strings.ReplaceAll(t, "certResolver: le-staging", "certResolver: nobody")
		})
		acme := "/var/lib/docker/volumes/stack_acme/_data/acme.json"
		s.undo(func() {
			s.sh("docker stop -t 1 " + s.container("traefik") + "; mv /srv/mutants/acme.json " + acme + "; docker start " + s.container("traefik"))
			s.serves()
		})
		s.sh("docker stop -t 1 " + s.container("traefik") + " && mv " + acme + " /srv/mutants/acme.json && docker start " + s.container("traefik"))
		s.serves()
	}},
	{name: "the running edge accepts TLS 1.0", gates: "G1", rule: "acme/tls-version", server: func(s *server) {
		s.routesBy(func(t string) string {
			return marked(t) + "\ntls:\n  options:\n    default: {minVersion: VersionTLS10}\n"
		})
	}},
	{name: "the running edge accepts TLS 1.1 on one host", gates: "G1", rule: "acme/tls-version", server: func(s *server) {
		s.routesBy(func(t string) string {
			at := strings.Index(t, "    pgadmin:\n")
			return t[:at] + strings.Replace(t[at:], "{certResolver: le-staging}", "{certResolver: le-staging, options: old}", 1) + "\ntls:\n  options:\n    old: {minVersion: VersionTLS11}\n"
		})
	}},
	{name: "a production account is kept on the server", gates: "G1", rule: "acme/stored", server: func(s *server) {
		s.stored(`{"le-prod":{"Account":{"Email":"a@example.org","Registration":{"body":{"status":"valid"},"uri":"https://acme-v02.api.letsencrypt.org/acme/acct/42"}},"Certificates":null}}`)
	}},
	{name: "a production certificate is kept on the server", gates: "G1", rule: "acme/stored", server: func(s *server) {
		chain, _, _ := issue(leaf{from: -day, to: 60 * day, issuer: "R10"}, []string{s.state.Domain})
		s.stored(`{"le-old":{"Account":null,"Certificates":[{"domain":{"main":"` + s.state.Domain + `"},"certificate":"` + base64Text(chain) + `","key":"","Store":"default"}]}}`)
	}},
	{name: "an account of another public authority is kept on the server", gates: "G1", rule: "acme/stored", server: func(s *server) {
		s.stored(`{"le-staging-2":{"Account":{"Email":"a@example.org","Registration":{"body":{"status":"valid"},"uri":"https://acme.zerossl.com/v2/DV90/account/42"}},"Certificates":null}}`)
	}},
	{name: "a production account is kept in a second file", gates: "G1", rule: "acme/stored", server: func(s *server) {
		file := "/var/lib/docker/volumes/stack_acme/_data/acme-old.json"
		s.undo(func() { s.sh("rm -f " + file) })
		s.put(file, `{"letsencrypt":{"Account":{"Email":"a@example.org","Registration":{"body":{"status":"valid"},"uri":"https://acme-v02.api.letsencrypt.org/acme/acct/42"}},"Certificates":null}}`)
		s.sh("chmod 600 " + file)
	}},
	{name: "a certificate of a public authority is kept in the resolver's own part", gates: "G1", rule: "acme/stored", server: func(s *server) {
		chain, _, _ := issue(leaf{from: -day, to: 60 * day, issuer: "ZeroSSL ECC Domain Secure Site CA"}, []string{"old." + s.state.Domain})
		s.stored(`{"zerossl":{"Account":null,"Certificates":[{"domain":{"main":"old.` + s.state.Domain + `"},"certificate":"` + base64Text(chain) + `","key":"","Store":"default"}]}}`)
	}},
	{name: "the edge's file asks production from the next start on", gates: "G1", rule: "acme/running-settings", server: func(s *server) {
		s.edgeFileQuietly("  le-staging:\n", "  le-prod:\n    acme: {email: a@example.org, storage: /acme/acme.json, httpChallenge: {entryPoint: web}}\n  le-staging:\n")
	}},
	{name: "the edge was started with production in a flag", gates: "G1", rule: "acme/running-settings", server: func(s *server) {
		s.recreated("traefik", `body["Cmd"] = body["Cmd"] + ["--certificatesresolvers.spare.acme.caserver=https://acme-v02.api.letsencrypt.org/directory"]`)
	}},
	{name: "the edge was started with production in a variable", gates: "G1", rule: "acme/running-settings", server: func(s *server) {
		s.recreated("traefik", `body["Env"] = body["Env"] + ["TRAEFIK_CERTIFICATESRESOLVERS_SPARE_ACME_EMAIL=a@example.org"]`)
	}},
	{name: "the edge trusts another root for its directory", gates: "G1", rule: "acme/running-settings", server: func(s *server) {
		s.recreated("traefik", `body["Env"] = body["Env"] + ["LEGO_CA_SERVER_NAME=acme.example"]`)
	}},
	{name: "the running edge asks production", gates: "G1", rule: "acme/running-settings", server: func(s *server) {
		s.edgeFile("certificatesResolvers:\n", "certificatesResolvers:\n  spare:\n    acme: {email: a@example.org, storage: /acme/other.json, httpChallenge: {entryPoint: web}}\n")
	}},
}
