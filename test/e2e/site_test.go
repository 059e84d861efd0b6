//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"stackctl/test/load"
)

// client reaches the site at the droplet's own address, whatever its name.
func client(t *testing.T) *http.Client {
	t.Helper()
	s := on(t) // a connection may still be tried when the test has ended
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		var d net.Dialer
		return d.DialContext(ctx, network, net.JoinHostPort(s.Address.String(), port))
	}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots(t, s.Dir), MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// serves reports whether the site answers well: its pages and its API.
func serves(t *testing.T, c *http.Client) bool {
	t.Helper()
	for _, path := range []string{"/api/health/ready", "/"} {
		resp, err := c.Get("https://" + domain + path)
		if err != nil {
			return false
		}
		discard(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return false
		}
	}
	return true
}

// watched are requests that go on while something happens.
type watched struct{ *load.Load }

// watch asks the site for pages, twenty times a second.
func watch(t *testing.T) watched {
	t.Helper()
	return watched{load.Start(context.Background(), site(t).Anyone(20))}
}

// end sees that every visitor was answered. What ended within a second gets
// the rest of its twenty visitors afterwards.
func (v watched) end(t *testing.T) {
	t.Helper()
	until(t, 30*time.Second, "twenty visitors are answered or lost", func() bool { return v.Answered() >= 20 })
	if seen := v.Stop(); seen.Lost > 0 {
		t.Errorf("visitors: %s", seen)
	} else {
		t.Logf("visitors: %s", seen)
	}
}

// site is the droplet's site as a load reaches it.
func site(t *testing.T) load.Site {
	t.Helper()
	return load.Site{Domain: domain, Address: edgeAddress(t), Roots: roots(t, on(t).Dir)}
}

// roots are what verifies the certificates of a sandbox's ACME server.
func roots(t *testing.T, sandbox string) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(read(t, filepath.Join(sandbox, "acme-roots.pem")))) {
		t.Fatal("no roots of the ACME server")
	}
	return pool
}

// ensureServing makes sure that the site serves, for tests that change nothing
// of it: whatever good release serves will do.
func ensureServing(t *testing.T) {
	t.Helper()
	if !serves(t, client(t)) {
		ensureGood(t)
	}
}

// onGood is a project whose deploys begin with a release that serves, whichever that is: it
// may have other settings than the files.
func onGood(t *testing.T) project {
	t.Helper()
	ensureServing(t)
	return newProject(t)
}
