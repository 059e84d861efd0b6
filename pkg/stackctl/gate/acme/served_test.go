package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

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

// serve makes a subject whose edge serves by pick.
func serve(t *testing.T, a *gatetest.Authority, least uint16, pick func(host string) *tls.Certificate) gate.Subject {
	t.Helper()
	s := gatetest.NewRepo(t).Subject(t)
	s.Target.ACME.Roots = writeRoots(t, a.Cert)
	s.Server, s.Outside = gatetest.EdgeServer(s, nil), toListener{serveTLS(t, least, pick)}
	return s
}

func TestACMEServedPassesOnAGoodChain(t *testing.T) {
	a := gatetest.NewAuthority(t, "Test Root")
	pair := a.Leaf(t, gatetest.LeafOptions{Names: gatetest.RepoHosts})
	s := serve(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
	r := gatetest.Run(context.Background(), servedWithin(time.Second, 50*time.Millisecond), s)
	if r.Status != stack.Passed || r.Inspected != len(gatetest.RepoHosts) {
		t.Fatalf("%s %s %d %+v", r.Status, r.Reason, r.Inspected, r.Findings)
	}
	kept := s.Artifacts.(*gatetest.Sink).Kept
	if got, err := pemCertificates(kept["certificate.pem"]); err != nil || len(got) != 2*len(gatetest.RepoHosts) {
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
	a := gatetest.NewAuthority(t, "Test Root")
	other := gatetest.NewAuthority(t, "Other Root")
	staging := gatetest.NewAuthority(t, "(STAGING) Pretend Pear X1")
	old := time.Now().Add(-20 * time.Minute)
	for _, c := range []struct {
		name, problem string
		options       gatetest.LeafOptions
		from          *gatetest.Authority
		least         uint16
	}{
		{"another name", "another name", gatetest.LeafOptions{Names: []string{"other.example"}}, a, 0},
		{"one host is missing", "another name", gatetest.LeafOptions{Names: []string{"example.org", "*.example.net"}}, a, 0},
		{"expired", "not valid now", gatetest.LeafOptions{Names: gatetest.RepoHosts, From: time.Now().Add(-30 * time.Minute), To: old}, a, 0},
		{"not yet valid", "not valid now", gatetest.LeafOptions{Names: gatetest.RepoHosts, From: time.Now().Add(20 * time.Minute), To: time.Now().Add(40 * time.Minute)}, a, 0},
		{"not renewed", "about to expire", gatetest.LeafOptions{Names: gatetest.RepoHosts, From: time.Now().Add(-55 * time.Minute), To: time.Now().Add(5 * time.Minute)}, a, 0},
		{"weak key", "too weak", gatetest.LeafOptions{Names: gatetest.RepoHosts, Weak: true}, a, 0},
		{"self-signed", "self-signed", gatetest.LeafOptions{Names: gatetest.RepoHosts, Self: true, Issuer: "(STAGING) Fake"}, a, 0},
		{"another authority", "does not lead", gatetest.LeafOptions{Names: gatetest.RepoHosts}, other, 0},
		{"an authority of the same name", "does not lead", gatetest.LeafOptions{Names: gatetest.RepoHosts}, staging, 0},
		{"intermediate not sent", "does not lead", gatetest.LeafOptions{Names: gatetest.RepoHosts, Bare: true}, a, 0},
		{"Traefik's own default", "default certificate", gatetest.LeafOptions{Names: gatetest.RepoHosts, Self: true, Issuer: "TRAEFIK DEFAULT CERT"}, a, 0},
		{"old TLS", "outdated TLS", gatetest.LeafOptions{Names: gatetest.RepoHosts}, a, tls.VersionTLS10},
	} {
		t.Run(c.name, func(t *testing.T) {
			pair := c.from.Leaf(t, c.options)
			s := serve(t, a, max(c.least, tls.VersionTLS10), func(string) *tls.Certificate { return &pair.Certificate })
			if c.least == 0 {
				s = serve(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
			}
			r := gatetest.Run(context.Background(), servedWithin(200*time.Millisecond, 50*time.Millisecond), s)
			gatetest.WantFinding(t, r, "certificate www.example.org", c.problem)
		})
	}
}

// With the built-in roots the names are judged too: a self-made chain whose
// issuer says (STAGING) has the right name and the wrong root.
func TestACMEServedWithStagingRoots(t *testing.T) {
	for name, want := range map[string]string{"(STAGING) Pretend Pear X1": "does not lead", "ISRG Root X1": "not a staging one"} {
		a := gatetest.NewAuthority(t, name)
		pair := a.Leaf(t, gatetest.LeafOptions{Names: gatetest.RepoHosts})
		s := serve(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
		s.Target.ACME.Roots = ""
		r := gatetest.Run(context.Background(), servedWithin(200*time.Millisecond, 50*time.Millisecond), s)
		gatetest.WantFinding(t, r, "certificate example.org", want)
	}
}

func TestProductionRootIsToldApart(t *testing.T) {
	a := gatetest.NewAuthority(t, "Trusted Root")
	pair := a.Leaf(t, gatetest.LeafOptions{Names: gatetest.RepoHosts})
	chain, err := pemCertificates(pair.Pem())
	if err != nil {
		t.Fatal(err)
	}
	roots, err := loadRoots(stack.ACME{})
	if err != nil {
		t.Fatal(err)
	}
	roots.prodPool.AddCert(a.Cert)
	c := &servedCertificate{Host: "example.org", chain: chain}
	c.judge(roots, time.Now(), 0)
	if !slices.ContainsFunc(c.findings, func(f stack.Finding) bool {
		return f.Rule == issuerRule.ID && strings.Contains(f.Problem, "browsers trust")
	}) {
		t.Errorf("%+v", c.findings)
	}
	// The same root, allowed by the target, is no production root.
	mine, err := loadRoots(stack.ACME{Roots: writeRoots(t, a.Cert)})
	if err != nil {
		t.Fatal(err)
	}
	mine.prodPool.AddCert(a.Cert)
	c = &servedCertificate{Host: "example.org", chain: chain}
	c.judge(mine, time.Now(), 0)
	if len(c.findings) != 0 {
		t.Errorf("%+v", c.findings)
	}
}

// The first certificate takes a moment; that is readiness, and recorded.
func TestACMEServedWaitsForTheFirstCertificate(t *testing.T) {
	a := gatetest.NewAuthority(t, "Test Root")
	pair := a.Leaf(t, gatetest.LeafOptions{Names: gatetest.RepoHosts})
	first := a.Leaf(t, gatetest.LeafOptions{Self: true, Issuer: "TRAEFIK DEFAULT CERT"})
	var asked atomic.Int64
	s := serve(t, a, tls.VersionTLS12, func(string) *tls.Certificate {
		if asked.Add(1) <= int64(len(gatetest.RepoHosts)) {
			return &first.Certificate
		}
		return &pair.Certificate
	})
	r := gatetest.Run(context.Background(), servedWithin(10*time.Second, 50*time.Millisecond), s)
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
	s := gatetest.NewRepo(t).Subject(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	s.Server, s.Outside = gatetest.EdgeServer(s, nil), toListener{addr}
	r := gatetest.Run(context.Background(), servedWithin(100*time.Millisecond, 50*time.Millisecond), s)
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
	s := gatetest.NewRepo(t).Subject(t)
	s.Server, s.Outside = gatetest.EdgeServer(s, nil), toListener{l.Addr().String()}
	g := servedWithin(100*time.Millisecond, 50*time.Millisecond)
	g.Budget = 500 * time.Millisecond
	began := time.Now()
	if r := gatetest.Run(context.Background(), g, s); r.Status != stack.CouldNotJudge || time.Since(began) > 10*time.Second {
		t.Errorf("%s after %s", r.Status, time.Since(began))
	}
}

func TestACMEStoreOnTheServerIsRead(t *testing.T) {
	a := gatetest.NewAuthority(t, "Test Root")
	pair := a.Leaf(t, gatetest.LeafOptions{Names: gatetest.RepoHosts})
	s := serve(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
	s.Server = gatetest.EdgeServer(s, map[string]string{
		"/acme/acme.json": `{"old":{"Account":{"Registration":{"uri":"https://acme-v02.api.letsencrypt.org/acme/acct/7"}}}}`,
	})
	r := gatetest.Run(context.Background(), servedWithin(time.Second, 50*time.Millisecond), s)
	gatetest.WantFinding(t, r, "stored account old", "another certificate authority")
}

func TestAWrongClockIsNoReasonForANewCertificate(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	leaf := func(from, to time.Duration) *x509.Certificate {
		return &x509.Certificate{NotBefore: now.Add(from), NotAfter: now.Add(to)}
	}
	for name, c := range map[string]struct {
		leaf   *x509.Certificate
		ahead  time.Duration
		renews bool
		says   string
	}{
		"expired by both clocks":       {leaf(-90*time.Hour, -time.Hour), 3 * time.Second, true, "delete the stored"},
		"this machine is behind":       {leaf(time.Hour, 90*time.Hour), 2 * time.Hour, false, "by the server's clock the certificate is valid"},
		"this machine is ahead":        {leaf(-90*time.Hour, -time.Hour), -2 * time.Hour, false, "by the server's clock the certificate is valid"},
		"the server is off, too":       {leaf(-90*time.Hour, -time.Hour), 30 * time.Minute, false, "is 30m0s off"},
		"the authority's clock is off": {leaf(time.Hour, 90*time.Hour), 0, true, "its authority's clock"},
	} {
		got := mendDates(c.leaf, now, c.ahead)
		if strings.Contains(got, renew) != c.renews || !strings.Contains(got, c.says) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
