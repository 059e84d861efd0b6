package acme

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// How long the edge may take to get its first certificate.
const (
	ready = 30 * time.Second
	pause = time.Second
)

// Served judges the certificate that each public host really serves.
func Served() gate.Gate { return servedWithin(ready, pause) }

func servedWithin(ready, pause time.Duration) gate.Gate {
	return gate.Gate{
		Rules: Rules,
		// The others come over this certificate; just after a first switch it
		// may still be on its way.
		ID: "G1", Name: "acme", Phase: stack.PhasePost, First: true,
		Question:  "Does every public host serve a valid certificate of the target's authority, and not of a production one?",
		Refs:      []string{"SPEC §4", "ASVS 12.1.1", "ASVS 12.2.1", "ASVS 12.2.2"},
		Inspects:  "the chain, names, dates, key and TLS versions that each TLS host serves, and the certificates that the edge has stored",
		Artifacts: []string{"certificate.pem", "certificate.json", "traefik-static.yml", "traefik-dynamic.yml"},
		Check: func(ctx context.Context, s gate.Subject) (gate.Answer, error) {
			return checkServed(ctx, s, ready, pause)
		},
	}
}

// servedCertificate is one host's entry in certificate.json.
type servedCertificate struct {
	Host        string    `json:"host"`
	Error       string    `json:"error,omitempty"`
	Version     string    `json:"tls_version,omitempty"`
	Subject     string    `json:"subject,omitempty"`
	Issuer      string    `json:"issuer,omitempty"`
	Names       []string  `json:"names,omitempty"`
	NotBefore   time.Time `json:"not_before,omitzero"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	Key         string    `json:"key,omitempty"`
	Signature   string    `json:"signature,omitempty"`
	SHA256      string    `json:"sha256,omitempty"`
	Chain       []string  `json:"chain,omitempty"`
	Root        string    `json:"root,omitempty"`
	OldVersions string    `json:"old_tls_versions,omitempty"`

	chain    []*x509.Certificate
	attempts []stack.Attempt
	findings []stack.Finding
	err      error
}

func checkServed(ctx context.Context, s gate.Subject, ready, pause time.Duration) (gate.Answer, error) {
	if s.Outside == nil {
		return gate.Answer{}, errors.New("no way to reach the site from outside")
	}
	if err := writeEdgeArtifacts(s); err != nil {
		return gate.Answer{}, err
	}
	roots, err := loadRoots(s.Target.ACME)
	if err != nil {
		return gate.Answer{}, err
	}
	model := traefik.Read(s.Release, s.Config.Traefik)
	hosts := probe.TLSHosts(s, model)
	served := make([]*servedCertificate, len(hosts))
	clock, _ := probe.Now(ctx, s)
	ahead := time.Until(clock)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i, host := range hosts {
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			served[i] = serveOne(ctx, s, host, roots, ahead, ready, pause)
		}()
	}
	wg.Wait()
	a := gate.Answer{Of: "hosts", Inspected: len(hosts)}
	var failed error
	for _, c := range served {
		a.Findings = append(a.Findings, c.findings...)
		a.Attempts = append(a.Attempts, c.attempts...)
		failed = errors.Join(failed, c.err)
	}
	stored, found, err := readStored(ctx, s, model, roots)
	a.Findings = append(a.Findings, found...)
	failed = errors.Join(failed, err)
	found, err = probe.StaticDrift(ctx, s, runningSettingsRule)
	a.Findings = append(a.Findings, found...)
	return a, errors.Join(failed, err, keepCertificates(s, served, stored))
}

func serveOne(ctx context.Context, s gate.Subject, host string, roots *roots, ahead, ready, pause time.Duration) *servedCertificate {
	c := &servedCertificate{Host: host}
	deadline := time.Now().Add(ready)
	for {
		state, err := shakeHands(ctx, s, host, 0, 0)
		switch {
		case err != nil:
			c.attempt(host+": no handshake: "+probe.Shown(err.Error()), err)
		case isTraefikDefault(state.PeerCertificates[0]):
			c.attempt(host+": the default certificate", nil)
			c.take(state)
		default:
			c.attempt(host+": a certificate", nil)
			c.take(state)
			c.judge(roots, time.Now(), ahead)
			c.old(ctx, s)
			return c
		}
		if ctx.Err() != nil || time.Now().Add(pause).After(deadline) {
			break
		}
		probe.Wait(ctx, pause)
	}
	if c.chain == nil {
		c.err = fmt.Errorf("%s: no TLS handshake within %s: %s", host, ready, c.Error)
		return c
	}
	c.finding(servedRule, "the edge serves its self-signed default certificate", "a certificate of the target's authority",
		fmt.Sprintf("%s after %s", c.chain[0].Subject.CommonName, ready), "see the edge's log for the ACME error of this host")
	return c
}

// shakeHands opens a TLS connection for a host and gives its state. The chain
// is judged afterwards, against more than one set of roots.
func shakeHands(ctx context.Context, s gate.Subject, host string, least, most uint16) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	raw, err := s.Outside.DialContext(ctx, "tcp", probe.EdgeAddress(s.Target, s.Target.Edge.HTTPSPort, 443))
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: least, MaxVersion: most}) //nolint:gosec // judged by the caller
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	state := conn.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return state, errors.New("no certificate was sent")
	}
	return state, nil
}

func (c *servedCertificate) attempt(result string, err error) {
	c.attempts = append(c.attempts, stack.Attempt{At: time.Now(), Result: result})
	c.Error = ""
	if err != nil {
		c.Error = probe.Shown(err.Error())
	}
}

func (c *servedCertificate) take(state tls.ConnectionState) {
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	c.chain = state.PeerCertificates
	c.Version, c.Subject, c.Issuer = tls.VersionName(state.Version), leaf.Subject.String(), leaf.Issuer.String()
	c.Names = slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	c.NotBefore, c.NotAfter = leaf.NotBefore, leaf.NotAfter
	c.Key, c.Signature, c.SHA256 = leaf.PublicKeyAlgorithm.String(), leaf.SignatureAlgorithm.String(), hex.EncodeToString(sum[:])
	c.Chain = nil
	for _, link := range c.chain {
		c.Chain = append(c.Chain, cmp.Or(link.Subject.String(), "(no subject)")+" issued by "+link.Issuer.String())
	}
}

func (c *servedCertificate) finding(rule stack.Rule, problem, expected, observed, fix string) {
	c.findings = append(c.findings, stack.Finding{Subject: "certificate " + c.Host, Rule: rule.ID, Problem: problem, Expected: expected,
		Observed: observed, Fix: fix, Evidence: "certificate.json"})
}

const renew = "delete the stored certificate of this host on the server and restart the edge, so that it asks for a new one"

// clockSlack is how far two clocks that are right may be apart.
const clockSlack = 2 * time.Minute

// mendDates is what to do about a certificate whose dates do not hold now. Where a
// clock is wrong, no new certificate helps.
func mendDates(leaf *x509.Certificate, now time.Time, ahead time.Duration) string {
	there := now.Add(ahead)
	apart := fmt.Sprintf("the server's clock is %s off this machine's: see `timedatectl` on both and set the wrong one right, then run the same command again", ahead.Abs().Round(time.Second))
	switch {
	case ahead.Abs() > clockSlack && !there.Before(leaf.NotBefore) && !there.After(leaf.NotAfter):
		return apart + "; by the server's clock the certificate is valid"
	case ahead.Abs() > clockSlack:
		return apart
	case now.Before(leaf.NotBefore):
		return "its authority's clock is ahead of this machine's and the server's: see `timedatectl` on both; where they are right, " + renew
	}
	return renew
}

// leastLeft is how much of its lifetime a certificate must have left. ACME clients
// renew when a third is left, and look once a day. One that browsers trust must not
// come near its end: whoever reads of it needs time.
func leastLeft(leaf *x509.Certificate, public bool) time.Duration {
	lifetime := leaf.NotAfter.Sub(leaf.NotBefore)
	if public {
		return max(lifetime/3-24*time.Hour, lifetime/10)
	}
	return lifetime / 10
}

// judge looks at the leaf and the chain that was sent, each rule by itself. ahead is
// by how much the server's clock is ahead of now.
func (c *servedCertificate) judge(roots *roots, now time.Time, ahead time.Duration) {
	leaf := c.chain[0]
	if err := leaf.VerifyHostname(c.Host); err != nil {
		c.finding(servedRule, "the certificate is for another name", c.Host, strings.Join(c.Names, ", "), renew)
	}
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		c.finding(servedRule, "the certificate is not valid now", "a time between its dates", fmt.Sprintf("%s to %s", leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339)), mendDates(leaf, now, ahead))
	} else if left, least := leaf.NotAfter.Sub(now), leastLeft(leaf, roots.public); left < least {
		c.finding(servedRule, "the certificate is about to expire: its renewal does not work", "at least "+least.Round(time.Minute).String()+" left",
			left.Round(time.Minute).String()+" until "+leaf.NotAfter.Format(time.RFC3339), "see the edge's log for the ACME error of this host")
	}
	if why := weakKey(leaf); why != "" {
		c.finding(weakKeyRule, "the certificate is too weak", "RSA of 2048 bits, EC of 256 bits or more, SHA-256 or better", why, "set keyType of the resolver to EC256")
	}
	if roots.staging && !strings.HasPrefix(leaf.Issuer.CommonName, stagingPrefix) {
		c.finding(issuerRule, "the issuer is not a staging one", "an issuer whose common name begins with "+stagingPrefix, cmp.Or(leaf.Issuer.CommonName, "(none)"),
			"see that caServer is the staging directory, then: "+renew)
	}
	if roots.public && strings.HasPrefix(leaf.Issuer.CommonName, stagingPrefix) {
		c.finding(issuerRule, "the issuer is a staging one, which no browser trusts", "an issuer that browsers trust", leaf.Issuer.CommonName,
			"see that caServer is the target's directory, and the edge's log for the ACME error of this host")
	}
	// Dates have their own rule: an expired leaf still has its chain judged.
	at := now
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		at = leaf.NotAfter.Add(-time.Second)
	}
	chains, err := roots.verify(c.chain, "", at)
	switch {
	case err != nil && selfMade(leaf):
		c.finding(servedRule, "the certificate is self-signed", "a chain to the target's ACME roots", cmp.Or(leaf.Subject.String(), "(no subject)"), "see the edge's log for the ACME error of this host")
	case err != nil:
		c.finding(issuerRule, "the chain does not lead to the target's ACME roots", "a chain to "+rootNames(roots), probe.Shown(err.Error()), "see that acme.roots of the target is the root of its directory; if it is: "+renew)
	default:
		c.Root = cmp.Or(chains[0][len(chains[0])-1].Subject.CommonName, "(no name)")
	}
	if root := roots.production(c.chain, at); root != "" && !roots.public {
		c.finding(issuerRule, "browsers trust the certificate: it comes from a production authority", "no chain to a production root", "a chain to "+root, "set caServer to the target's directory, then: "+renew)
	}
}

func rootNames(r *roots) string {
	var names []string
	for _, c := range r.allowed {
		names = append(names, cmp.Or(c.Subject.CommonName, "(no name)"))
	}
	return strings.Join(names[:min(len(names), 4)], ", ")
}

// old sees that TLS 1.0 and 1.1 are refused.
func (c *servedCertificate) old(ctx context.Context, s gate.Subject) {
	state, err := shakeHands(ctx, s, c.Host, tls.VersionTLS10, tls.VersionTLS11)
	if err != nil {
		c.OldVersions = "refused"
		return
	}
	c.OldVersions = "accepted"
	c.finding(tlsVersionRule, "an outdated TLS version is accepted", "TLS 1.2 or newer", tls.VersionName(state.Version), "set minVersion: VersionTLS12 in tls.options.default")
}

// storedRecord is what was seen of the edge's certificate store.
type storedRecord struct {
	Store  string `json:"store"`
	Result string `json:"result"`
}

// readStored judges the accounts and certificates that the edge keeps.
func readStored(ctx context.Context, s gate.Subject, m traefik.Model, roots *roots) ([]storedRecord, []stack.Finding, error) {
	if s.Server == nil {
		return nil, nil, errors.New("no connection to the server")
	}
	var records []storedRecord
	var out []stack.Finding
	for _, inside := range storages(m) {
		files, err := readStore(ctx, s, inside)
		if err != nil {
			return records, out, err
		}
		if len(files) == 0 {
			records = append(records, storedRecord{inside, "not there, or not readable by the deploying user"})
		}
		for _, f := range files {
			var found []stack.Finding
			if roots.public || path.Base(f.Path) != stack.PublicStore || path.Base(inside) == stack.PublicStore {
				found = judgeStore(f.Path, f.Content, s.Target.ACME, roots)
			} // else it is of yesterday's policy, and the edge does not read it
			clear(f.Content) // private keys stand beside the certificates
			records = append(records, storedRecord{f.Path, fmt.Sprintf("read, %d findings", len(found))})
			out = append(out, found...)
		}
	}
	return records, out, nil
}

// readStore reads one store and what lies beside it: a resolver of yesterday
// may have had a file of its own. The file belongs to the edge; the engine
// copies it out of the container where the deploying user may not read it.
func readStore(ctx context.Context, s gate.Subject, inside string) ([]stack.File, error) {
	e, err := probe.RunningEdgeOf(ctx, s)
	if err != nil {
		return nil, err
	}
	if e != nil {
		at := inside
		if dir := path.Dir(inside); dir != "/" && ownFolder(s, dir) {
			at = dir
		}
		files, err := e.Server.Files(ctx, e.ID, at)
		if err != nil {
			return nil, fmt.Errorf("read the edge's certificate store: %w", err)
		}
		return slices.DeleteFunc(files, func(f stack.File) bool { return !json.Valid(f.Content) }), nil
	}
	svc, _ := traefik.Service(s.Release, s.Config.Traefik)
	for _, p := range hostPaths(s, svc, inside) {
		if o, err := s.Server.Run(ctx, "cat", p); err == nil && o.Exit == 0 && json.Valid(o.Stdout) {
			return []stack.File{{Path: p, Content: o.Stdout}}, nil
		}
	}
	return nil, nil
}

// ownFolder reports whether a folder of the edge's container is a mount: it holds
// what the edge stores, and no more.
func ownFolder(s gate.Subject, dir string) bool {
	svc, _ := traefik.Service(s.Release, s.Config.Traefik)
	return slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool { return strings.TrimSuffix(m.Target, "/") == dir })
}

func keepCertificates(s gate.Subject, served []*servedCertificate, stored []storedRecord) error {
	if s.Artifacts == nil {
		return nil
	}
	var text []byte
	for _, c := range served {
		for _, link := range c.chain {
			text = append(text, "# "+c.Host+"\n"...)
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: link.Raw})...)
		}
	}
	doc, err := json.MarshalIndent(map[string]any{"hosts": served, "stores": stored, "directory": allowed(s)}, "", "  ")
	if err != nil {
		return err
	}
	if err := s.Artifacts.Artifact("certificate.pem", text); err != nil {
		return fmt.Errorf("keep certificate.pem: %w", err)
	}
	return s.Artifacts.Artifact("certificate.json", append(doc, '\n'))
}
