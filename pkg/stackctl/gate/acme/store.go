package acme

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// store is one resolver's part of Traefik's acme.json, as far as it is
// judged. Private keys are never decoded.
type store struct {
	Account *struct {
		Registration *struct {
			URI string `json:"uri"`
		} `json:"Registration"`
	} `json:"Account"`
	Certificates []struct {
		Domain struct {
			Main string   `json:"main"`
			SANs []string `json:"sans"`
		} `json:"domain"`
		Certificate []byte `json:"certificate"`
	} `json:"Certificates"`
}

// judgeStore judges stored certificates and accounts: a changed caServer
// does not throw away what was stored before, Traefik goes on serving it.
func judgeStore(where string, content []byte, a stack.ACME, roots *roots) []stack.Finding {
	var stores map[string]store
	allowed := directoryOf(a)
	if err := json.Unmarshal(content, &stores); err != nil {
		return nil
	}
	names := make([]string, 0, len(stores))
	for name := range stores {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []stack.Finding
	for _, name := range names {
		st := stores[name]
		base := stack.Finding{File: where, Evidence: "certificate.json",
			Fix: "stop the edge, delete the stored certificates (" + path.Base(where) + ") and start it again"}
		if st.Account != nil && st.Account.Registration != nil {
			if uri := st.Account.Registration.URI; uri != "" && host(uri) != host(allowed) {
				if ca, public := public(uri); public {
					f := base
					f.Subject, f.Rule, f.Problem = "stored account "+name, storedRule.ID, "the account belongs to another certificate authority"
					f.Expected, f.Observed = "an account at "+host(allowed), hostOnly(uri)+" ("+ca+")"
					out = append(out, f)
				}
			}
		}
		for _, c := range st.Certificates {
			if a.Public() {
				break // which of them is served is judged where it is served
			}
			if why := storedFromProduction(c.Certificate, roots); why != "" {
				f := base
				f.Subject, f.Rule, f.Problem = "stored certificate "+cmp.Or(c.Domain.Main, name), storedRule.ID, "a stored certificate comes from a production authority"
				f.Expected, f.Observed = "certificates of "+host(allowed), why
				out = append(out, f)
			}
		}
	}
	return out
}

func hostOnly(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "an unreadable address"
	}
	return u.Host
}

// storedFromProduction returns why a stored chain is a production one, or "". A
// chain to the target's own roots is none; one of a local authority that is
// gone by now is none either.
func storedFromProduction(raw []byte, roots *roots) string {
	chain, err := pemCertificates(raw)
	if err != nil || len(chain) == 0 {
		return ""
	}
	if roots == nil {
		if roots, err = loadRoots(stack.ACME{}); err != nil {
			return ""
		}
	}
	at := chain[0].NotBefore.Add(1)
	if root := roots.production(chain, at); root != "" {
		return "it chains to " + root
	}
	if _, err := roots.verify(chain, "", at); err == nil {
		return ""
	}
	issuer := chain[0].Issuer
	if strings.HasPrefix(issuer.CommonName, stagingPrefix) || !publicIssuer(issuer) {
		return ""
	}
	return "its issuer is " + issuer.String()
}

var (
	// Let's Encrypt names its production intermediates R3, E5, YR2 and so on.
	letsEncryptIssuer = regexp.MustCompile(`^(Let's Encrypt Authority X\d|[RE]\d{1,2}|Y[RE]\d{1,2})$`)
	publicAuthorities = regexp.MustCompile(`(?i)let's encrypt|internet security research group|zerossl|sectigo|buypass|google trust services|ssl corp|digicert|globalsign|entrust|actalis|harica|hellenic academic`)
)

// publicIssuer reports whether a certificate names an authority which browsers trust
// as its issuer.
func publicIssuer(issuer pkix.Name) bool {
	return letsEncryptIssuer.MatchString(issuer.CommonName) || publicAuthorities.MatchString(issuer.CommonName+" "+strings.Join(issuer.Organization, " "))
}

// pemCertificates reads all certificates of a PEM text.
func pemCertificates(raw []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for len(out) < 1000 {
		block, rest := pem.Decode(raw)
		if block == nil {
			break
		}
		raw = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("no certificate in it")
	}
	return out, nil
}

// storages are the store files of the resolvers, as paths in the edge's
// container.
func storages(m traefik.Model) []string {
	var out []string
	for _, all := range m.Static.Root.Find("certificatesResolvers") {
		for _, r := range all.Kids {
			for _, acme := range r.Find("acme") {
				if p := cmp.Or(acme.Text("storage"), "/acme.json"); !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
		}
	}
	return out
}

// hostPaths are where a store in the container may lie on the host.
func hostPaths(s gate.Subject, svc stack.Service, inside string) []string {
	var out []string
	for _, m := range svc.Volumes {
		rest, below := strings.CutPrefix(inside, strings.TrimSuffix(m.Target, "/"))
		if !below || m.Target == "" {
			continue
		}
		if strings.HasPrefix(m.Source, "/") {
			out = append(out, m.Source+rest)
		} else if m.Source != "" {
			out = append(out, "/var/lib/docker/volumes/"+s.Release.VolumeName(m.Source)+"/_data"+rest)
		}
	}
	if s.Target.Path != "" {
		out = append(out, path.Join(s.Target.Path, "edge", "acme", path.Base(inside)))
	}
	return out
}
