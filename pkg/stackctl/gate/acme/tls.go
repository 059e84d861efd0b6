package acme

import (
	"cmp"
	"path/filepath"
	"strings"

	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// dynamicTLS judges certificates and TLS options in the dynamic files.
func (j *judge) dynamicTLS() {
	for _, src := range j.model.Dynamic {
		for _, n := range src.Root.Find("tls", "certificates") {
			j.seen++
			if len(n.Kids)+len(n.Items) > 0 {
				j.add(j.tlsFinding(fileCertificateRule, src, n, "tls certificates", "a certificate from a file", "certificates from "+j.name+" only", "tls.certificates", "remove tls.certificates"))
			}
		}
		for _, stores := range src.Root.Find("tls", "stores") {
			for _, store := range stores.Kids {
				j.seen++
				j.store(src, store)
			}
		}
		for _, options := range src.Root.Find("tls", "options") {
			for _, o := range options.Kids {
				j.seen++
				j.options(src, o)
			}
		}
		for _, n := range src.Root.Find("certificatesResolvers") {
			j.seen++
			j.add(j.tlsFinding(fileCertificateRule, src, n, "file "+filepath.Base(src.Where), "a resolver in a dynamic file", "resolvers in the static file only", "certificatesResolvers", "move it to the static file"))
		}
	}
}

func (j *judge) tlsFinding(rule stack.Rule, src traefik.Source, n *traefik.Node, subject, problem, expected, observed, fix string) stack.Finding {
	return stack.Finding{Subject: subject, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Fix: fix,
		File: src.Where, Line: n.Line, Evidence: "traefik-dynamic.yml"}
}

func (j *judge) store(src traefik.Source, store *traefik.Node) {
	if n := store.First("defaultCertificate"); n != nil {
		j.add(j.tlsFinding(fileCertificateRule, src, n, "tls store "+store.Name, "a default certificate from a file", "certificates from "+j.name+" only", "defaultCertificate", "remove defaultCertificate"))
	}
	if n := store.First("defaultGeneratedCert"); n != nil && n.Text("resolver") != j.name {
		j.add(j.tlsFinding(fileCertificateRule, src, n, "tls store "+store.Name, "the default certificate comes from another resolver", "resolver: "+j.name, cmp.Or(n.Text("resolver"), "none"), "write `resolver: "+j.name+"`"))
	}
}

func (j *judge) options(src traefik.Source, o *traefik.Node) {
	for _, key := range []string{"minVersion", "maxVersion"} {
		v := strings.ToUpper(o.Text(key))
		if v == "VERSIONTLS10" || v == "VERSIONTLS11" || v == "VERSIONSSL30" {
			j.add(j.tlsFinding(tlsVersionRule, src, o, "tls options "+o.Name, "an outdated TLS version is allowed", "VersionTLS12 or newer", key+": "+o.Text(key), "write `minVersion: VersionTLS12`"))
		}
	}
	if v := o.Text("maxVersion"); strings.EqualFold(v, "VersionTLS12") {
		j.add(j.tlsFinding(tlsVersionRule, src, o, "tls options "+o.Name, "the newest TLS version is switched off", "VersionTLS13", "maxVersion: "+v, "remove maxVersion"))
	}
	for _, c := range o.List("cipherSuites") {
		// Without an ephemeral key, who gets the certificate's reads all that was
		// recorded before (ASVS 12.1.2).
		if strings.HasPrefix(strings.ToUpper(c), "TLS_RSA_") {
			j.add(j.tlsFinding(cipherSuitesRule, src, o, "tls options "+o.Name, "a cipher suite without forward secrecy is allowed", "TLS_ECDHE_… suites", c, "remove the suite"))
		}
		if upper := strings.ToUpper(c); strings.Contains(upper, "RC4") || strings.Contains(upper, "3DES") || strings.Contains(upper, "NULL") {
			j.add(j.tlsFinding(cipherSuitesRule, src, o, "tls options "+o.Name, "a broken cipher suite is allowed", "no RC4, 3DES or NULL suites", c, "remove the suite"))
		}
	}
}

// routerTLS judges what a router itself says of its certificate: options that
// are there, and names that the resolver can prove.
func (j *judge) routerTLS() {
	defined := map[string]bool{"default": true}
	for _, src := range j.model.Dynamic {
		for _, all := range src.Root.Find("tls", "options") {
			for _, o := range all.Kids {
				defined[o.Name] = true
			}
		}
	}
	for _, src := range j.model.Dynamic {
		for _, all := range src.Root.Find("http", "routers") {
			for _, r := range all.Kids {
				if name := r.Text("tls", "options"); name != "" && !defined[strings.TrimSuffix(name, "@file")] {
					j.add(j.tlsFinding(tlsOptionsRule, src, r, "router "+r.Name, "the TLS options are defined nowhere", "options under tls.options", name, "define them, or correct the name; Traefik switches the router off"))
				}
				for _, d := range r.Find("tls", "domains") {
					j.wildcards(src, r, d)
				}
			}
		}
	}
}

// wildcards: only the DNS challenge proves one (Let's Encrypt, challenge types).
func (j *judge) wildcards(src traefik.Source, r, domains *traefik.Node) {
	resolver := j.model.Static.Root.First("certificatesResolvers", r.Text("tls", "certResolver"))
	if resolver == nil || resolver.First("acme", "dnsChallenge") != nil {
		return
	}
	domains.Walk(func(_ []string, n *traefik.Node) {
		for _, name := range append(n.Items, n.Value) {
			if strings.HasPrefix(name, "*.") {
				j.add(j.tlsFinding(challengeRule, src, n, "router "+r.Name, "the resolver cannot get a certificate for all names of a domain", "names, or a dnsChallenge", name, "name the hosts"))
			}
		}
	})
}
