package gate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// authority is a certificate authority of a test: a root and an intermediate.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	mid  *x509.Certificate
	sign *ecdsa.PrivateKey
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func makeCert(t testing.TB, template, parent *x509.Certificate, public, signer any) *x509.Certificate {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{key: newKey(t), sign: newKey(t)}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert = makeCert(t, ca, ca, &a.key.PublicKey, a.key)
	mid := *ca
	mid.SerialNumber, mid.Subject = big.NewInt(2), pkix.Name{CommonName: name + " Intermediate"}
	a.mid = makeCert(t, &mid, a.cert, &a.sign.PublicKey, a.key)
	return a
}

// leafOptions say how a leaf differs from a good one.
type leafOptions struct {
	names      []string
	from, to   time.Time
	weak, self bool
	bare       bool // without the intermediate
	issuer     string
}

type leafPair struct{ tls.Certificate }

func (p leafPair) pem() []byte {
	var out []byte
	for _, raw := range p.Certificate.Certificate {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})...)
	}
	return out
}

func (a *authority) leaf(t testing.TB, o leafOptions) leafPair {
	t.Helper()
	if o.from.IsZero() {
		o.from, o.to = time.Now().Add(-time.Minute), time.Now().Add(30*time.Minute)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(3), DNSNames: o.names, NotBefore: o.from, NotAfter: o.to,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
	var key any
	var public any
	if o.weak {
		k, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	} else {
		k := newKey(t)
		key, public = k, &k.PublicKey
	}
	var c *x509.Certificate
	chain := [][]byte{}
	if o.self {
		template.Subject = pkix.Name{CommonName: o.issuer}
		c = makeCert(t, template, template, public, key)
		chain = append(chain, c.Raw)
	} else {
		c = makeCert(t, template, a.mid, public, a.sign)
		chain = append(chain, c.Raw)
		if !o.bare {
			chain = append(chain, a.mid.Raw)
		}
	}
	return leafPair{tls.Certificate{Certificate: chain, PrivateKey: key}}
}

// toListener dials one listener whatever the address, as a hosts file would.
type toListener struct{ addr string }

func (d toListener) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	var n net.Dialer
	return n.DialContext(ctx, network, d.addr)
}

// serveTLS answers handshakes with the certificate that pick gives for a host.
func serveTLS(t *testing.T, least uint16, pick func(host string) *tls.Certificate) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: least, GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return pick(h.ServerName), nil }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = c.(*tls.Conn).HandshakeContext(context.Background())
				_ = c.Close()
			}()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func writeRoots(t *testing.T, certs ...*x509.Certificate) string {
	t.Helper()
	var text []byte
	for _, c := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// served makes a subject whose edge serves by pick.
func served(t *testing.T, a *authority, least uint16, pick func(host string) *tls.Certificate) Subject {
	t.Helper()
	s := newRepo(t).subject(t)
	s.Target.ACME.Roots = writeRoots(t, a.cert)
	s.Outside = toListener{serveTLS(t, least, pick)}
	return s
}

var repoHosts = []string{"admin.example.org", "example.org", "jobs.example.org", "pgadmin.example.org", "traefik.example.org", "www.example.org"}

func TestACMEServedPassesOnAGoodChain(t *testing.T) {
	a := newAuthority(t, "Test Root")
	pair := a.leaf(t, leafOptions{names: repoHosts})
	s := served(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
	r := runAlone(context.Background(), acmeServedWithin(time.Second, 50*time.Millisecond), s)
	if r.Status != stack.Passed || r.Inspected != len(repoHosts) {
		t.Fatalf("%s %s %d %+v", r.Status, r.Reason, r.Inspected, r.Findings)
	}
	kept := s.Artifacts.(*fakeSink).kept
	if got, err := pemCertificates(kept["certificate.pem"]); err != nil || len(got) != 2*len(repoHosts) {
		t.Errorf("certificate.pem holds %d certificates: %v", len(got), err)
	}
	var doc struct {
		Hosts []servedCertificate `json:"hosts"`
	}
	if err := json.Unmarshal(kept["certificate.json"], &doc); err != nil || doc.Hosts[1].Host != "example.org" || doc.Hosts[1].Root != "Test Root" {
		t.Errorf("certificate.json: %v %+v", err, doc)
	}
}

func TestACMEServedCatches(t *testing.T) {
	a := newAuthority(t, "Test Root")
	other := newAuthority(t, "Other Root")
	staging := newAuthority(t, "(STAGING) Pretend Pear X1")
	old := time.Now().Add(-20 * time.Minute)
	for _, c := range []struct {
		name, problem string
		options       leafOptions
		from          *authority
		least         uint16
	}{
		{"another name", "another name", leafOptions{names: []string{"other.example"}}, a, 0},
		{"one host is missing", "another name", leafOptions{names: []string{"example.org", "*.example.net"}}, a, 0},
		{"expired", "not valid now", leafOptions{names: repoHosts, from: time.Now().Add(-30 * time.Minute), to: old}, a, 0},
		{"not yet valid", "not valid now", leafOptions{names: repoHosts, from: time.Now().Add(20 * time.Minute), to: time.Now().Add(40 * time.Minute)}, a, 0},
		{"not renewed", "about to expire", leafOptions{names: repoHosts, from: time.Now().Add(-55 * time.Minute), to: time.Now().Add(5 * time.Minute)}, a, 0},
		{"weak key", "too weak", leafOptions{names: repoHosts, weak: true}, a, 0},
		{"self-signed", "self-signed", leafOptions{names: repoHosts, self: true, issuer: "(STAGING) Fake"}, a, 0},
		{"another authority", "does not lead", leafOptions{names: repoHosts}, other, 0},
		{"an authority of the same name", "does not lead", leafOptions{names: repoHosts}, staging, 0},
		{"intermediate not sent", "does not lead", leafOptions{names: repoHosts, bare: true}, a, 0},
		{"Traefik's own default", "default certificate", leafOptions{names: repoHosts, self: true, issuer: "TRAEFIK DEFAULT CERT"}, a, 0},
		{"old TLS", "outdated TLS", leafOptions{names: repoHosts}, a, tls.VersionTLS10},
	} {
		t.Run(c.name, func(t *testing.T) {
			pair := c.from.leaf(t, c.options)
			s := served(t, a, max(c.least, tls.VersionTLS10), func(string) *tls.Certificate { return &pair.Certificate })
			if c.least == 0 {
				s = served(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
			}
			r := runAlone(context.Background(), acmeServedWithin(200*time.Millisecond, 50*time.Millisecond), s)
			wantFinding(t, r, "certificate www.example.org", c.problem)
		})
	}
}

// With the built-in roots the names are judged too: a self-made chain whose
// issuer says (STAGING) has the right name and the wrong root.
func TestACMEServedWithStagingRoots(t *testing.T) {
	for name, want := range map[string]string{"(STAGING) Pretend Pear X1": "does not lead", "ISRG Root X1": "not a staging one"} {
		a := newAuthority(t, name)
		pair := a.leaf(t, leafOptions{names: repoHosts})
		s := served(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
		s.Target.ACME.Roots = ""
		r := runAlone(context.Background(), acmeServedWithin(200*time.Millisecond, 50*time.Millisecond), s)
		wantFinding(t, r, "certificate example.org", want)
	}
}

func TestProductionRootIsToldApart(t *testing.T) {
	a := newAuthority(t, "Trusted Root")
	pair := a.leaf(t, leafOptions{names: repoHosts})
	chain, err := pemCertificates(pair.pem())
	if err != nil {
		t.Fatal(err)
	}
	roots, err := loadACMERoots("")
	if err != nil {
		t.Fatal(err)
	}
	roots.prodPool.AddCert(a.cert)
	c := &servedCertificate{Host: "example.org", chain: chain}
	c.judge(roots, time.Now())
	wantFinding(t, stack.GateResult{Status: stack.Failed, Findings: c.findings}, "certificate example.org", "browsers trust")
	// The same root, allowed by the target, is no production root.
	mine, err := loadACMERoots(writeRoots(t, a.cert))
	if err != nil {
		t.Fatal(err)
	}
	mine.prodPool.AddCert(a.cert)
	c = &servedCertificate{Host: "example.org", chain: chain}
	c.judge(mine, time.Now())
	if len(c.findings) != 0 {
		t.Errorf("%+v", c.findings)
	}
}

// The first certificate takes a moment; that is readiness, and recorded.
func TestACMEServedWaitsForTheFirstCertificate(t *testing.T) {
	a := newAuthority(t, "Test Root")
	pair := a.leaf(t, leafOptions{names: repoHosts})
	first := a.leaf(t, leafOptions{self: true, issuer: "TRAEFIK DEFAULT CERT"})
	var asked atomic.Int64
	s := served(t, a, tls.VersionTLS12, func(string) *tls.Certificate {
		if asked.Add(1) <= int64(len(repoHosts)) {
			return &first.Certificate
		}
		return &pair.Certificate
	})
	r := runAlone(context.Background(), acmeServedWithin(10*time.Second, 50*time.Millisecond), s)
	if r.Status != stack.Passed {
		t.Fatalf("%s %s %+v", r.Status, r.Reason, r.Findings)
	}
	waited := 0
	for _, at := range r.Attempts {
		if strings.Contains(at.Result, "default certificate") {
			waited++
		}
	}
	if waited == 0 {
		t.Errorf("no attempt is recorded: %+v", r.Attempts)
	}
}

func TestACMEServedCannotJudgeWithoutAnEdge(t *testing.T) {
	s := newRepo(t).subject(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	s.Outside = toListener{addr}
	r := runAlone(context.Background(), acmeServedWithin(100*time.Millisecond, 50*time.Millisecond), s)
	if r.Status != stack.CouldNotJudge || !strings.Contains(r.Reason, "example.org") {
		t.Errorf("%s %s", r.Status, r.Reason)
	}
}

// A server that never speaks must not hold the gate.
func TestACMEServedEndsOnASilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newRepo(t).subject(t)
	s.Outside = toListener{l.Addr().String()}
	g := acmeServedWithin(100*time.Millisecond, 50*time.Millisecond)
	g.Budget = 500 * time.Millisecond
	began := time.Now()
	if r := runAlone(context.Background(), g, s); r.Status != stack.CouldNotJudge || time.Since(began) > 10*time.Second {
		t.Errorf("%s after %s", r.Status, time.Since(began))
	}
}

func TestACMEStoreOnTheServerIsRead(t *testing.T) {
	a := newAuthority(t, "Test Root")
	pair := a.leaf(t, leafOptions{names: repoHosts})
	s := served(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
	s.Server = edgeServer(s, map[string]string{
		"/acme/acme.json": `{"old":{"Account":{"Registration":{"uri":"https://acme-v02.api.letsencrypt.org/acme/acct/7"}}}}`,
	})
	r := runAlone(context.Background(), acmeServedWithin(time.Second, 50*time.Millisecond), s)
	wantFinding(t, r, "stored account old", "another certificate authority")
}
