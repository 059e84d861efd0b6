package gate

import (
	"cmp"
	"path/filepath"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// dynamicTLS judges certificates and TLS options in the dynamic files.
func (j *acmeJudge) dynamicTLS() {
	for _, src := range j.model.dynamic {
		for _, n := range src.root.find("tls", "certificates") {
			j.seen++
			if len(n.kids)+len(n.items) > 0 {
				j.add(j.tlsFinding(src, n, "tls certificates", "a certificate from a file", "certificates from "+j.name+" only", "tls.certificates", "remove tls.certificates"))
			}
		}
		for _, stores := range src.root.find("tls", "stores") {
			for _, store := range stores.kids {
				j.seen++
				j.store(src, store)
			}
		}
		for _, options := range src.root.find("tls", "options") {
			for _, o := range options.kids {
				j.seen++
				j.options(src, o)
			}
		}
		for _, n := range src.root.find("certificatesResolvers") {
			j.seen++
			j.add(j.tlsFinding(src, n, "file "+filepath.Base(src.where), "a resolver in a dynamic file", "resolvers in the static file only", "certificatesResolvers", "move it to the static file"))
		}
	}
}

func (j *acmeJudge) tlsFinding(src edgeSource, n *edgeNode, subject, problem, expected, observed, fix string) stack.Finding {
	return stack.Finding{Subject: subject, Problem: problem, Expected: expected, Observed: observed, Fix: fix,
		File: src.where, Line: n.line, Evidence: "traefik-dynamic.yml"}
}

func (j *acmeJudge) store(src edgeSource, store *edgeNode) {
	if n := store.first("defaultCertificate"); n != nil {
		j.add(j.tlsFinding(src, n, "tls store "+store.name, "a default certificate from a file", "certificates from "+j.name+" only", "defaultCertificate", "remove defaultCertificate"))
	}
	if n := store.first("defaultGeneratedCert"); n != nil && n.text("resolver") != j.name {
		j.add(j.tlsFinding(src, n, "tls store "+store.name, "the default certificate comes from another resolver", "resolver: "+j.name, cmp.Or(n.text("resolver"), "none"), "write `resolver: "+j.name+"`"))
	}
}

func (j *acmeJudge) options(src edgeSource, o *edgeNode) {
	for _, key := range []string{"minVersion", "maxVersion"} {
		v := strings.ToUpper(o.text(key))
		if v == "VERSIONTLS10" || v == "VERSIONTLS11" || v == "VERSIONSSL30" {
			j.add(j.tlsFinding(src, o, "tls options "+o.name, "an outdated TLS version is allowed", "VersionTLS12 or newer", key+": "+o.text(key), "write `minVersion: VersionTLS12`"))
		}
	}
	if v := o.text("maxVersion"); strings.EqualFold(v, "VersionTLS12") {
		j.add(j.tlsFinding(src, o, "tls options "+o.name, "the newest TLS version is switched off", "VersionTLS13", "maxVersion: "+v, "remove maxVersion"))
	}
	for _, c := range o.list("cipherSuites") {
		// Without an ephemeral key, who gets the certificate's reads all that was
		// recorded before (ASVS 12.1.2).
		if strings.HasPrefix(strings.ToUpper(c), "TLS_RSA_") {
			j.add(j.tlsFinding(src, o, "tls options "+o.name, "a cipher suite without forward secrecy is allowed", "TLS_ECDHE_… suites", c, "remove the suite"))
		}
		if upper := strings.ToUpper(c); strings.Contains(upper, "RC4") || strings.Contains(upper, "3DES") || strings.Contains(upper, "NULL") {
			j.add(j.tlsFinding(src, o, "tls options "+o.name, "a broken cipher suite is allowed", "no RC4, 3DES or NULL suites", c, "remove the suite"))
		}
	}
}

// routerTLS judges what a router itself says of its certificate: options that
// are there, and names that the resolver can prove.
func (j *acmeJudge) routerTLS() {
	defined := map[string]bool{"default": true}
	for _, src := range j.model.dynamic {
		for _, all := range src.root.find("tls", "options") {
			for _, o := range all.kids {
				defined[o.name] = true
			}
		}
	}
	for _, src := range j.model.dynamic {
		for _, all := range src.root.find("http", "routers") {
			for _, r := range all.kids {
				if name := r.text("tls", "options"); name != "" && !defined[strings.TrimSuffix(name, "@file")] {
					j.add(j.tlsFinding(src, r, "router "+r.name, "the TLS options are defined nowhere", "options under tls.options", name, "define them, or correct the name; Traefik switches the router off"))
				}
				for _, d := range r.find("tls", "domains") {
					j.wildcards(src, r, d)
				}
			}
		}
	}
}

// wildcards: only the DNS challenge proves one (Let's Encrypt, challenge types).
func (j *acmeJudge) wildcards(src edgeSource, r, domains *edgeNode) {
	resolver := j.model.static.root.first("certificatesResolvers", r.text("tls", "certResolver"))
	if resolver == nil || resolver.first("acme", "dnsChallenge") != nil {
		return
	}
	domains.walk(func(_ []string, n *edgeNode) {
		for _, name := range append(n.items, n.value) {
			if strings.HasPrefix(name, "*.") {
				j.add(j.tlsFinding(src, n, "router "+r.name, "the resolver cannot get a certificate for all names of a domain", "names, or a dnsChallenge", name, "name the hosts"))
			}
		}
	})
}
