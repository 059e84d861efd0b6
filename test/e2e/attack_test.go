//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/host"
)

// raw sends bytes over TLS to the edge and reads answers until it is silent.
func raw(t *testing.T, dial func(ctx context.Context, network, address string) (net.Conn, error), address, name, text string) (statuses []int, bodies string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	plain, err := dial(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(plain, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) // gate G1 judges the certificate
	defer func() { _ = conn.Close() }()
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	for in := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses, bodies
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		_ = resp.Body.Close()
		statuses = append(statuses, resp.StatusCode)
		bodies += string(body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return statuses, bodies
		}
	}
}

func outside(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

func edgeAddress() string { return net.JoinHostPort(droplet.Address.String(), "443") }

// TestAttack53RequestSmuggling: two readers of one message must never differ in
// where it ends (RFC 9112, section 6.3; ASVS 4.2.1).
func TestAttack53RequestSmuggling(t *testing.T) {
	ensureGood(t)
	hidden := "GET /api/version?smuggled HTTP/1.1\r\nHost: " + droplet.Domain + "\r\n\r\n"
	for name, lines := range map[string]string{
		"length and chunks":    fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 5+len(hidden)),
		"chunks spelled oddly": fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 5),
		"chunks with a tab":    fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding:\tchunked, identity\r\n\r\n0\r\n\r\n", 5),
		"two lengths":          fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n", len(hidden)),
		"odd length":           "Content-Length: +0\r\n\r\n",
		"folded header":        "X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			statuses, bodies := raw(t, outside, edgeAddress(), droplet.Domain, "POST /api/auth/logout HTTP/1.1\r\nHost: "+droplet.Domain+"\r\n"+lines+hidden)
			if strings.Contains(bodies, `"commit"`) && len(statuses) > 0 && statuses[0] == http.StatusBadRequest {
				t.Errorf("after a refusal the rest was read as a request: %v %s", statuses, bodies)
			}
			// What is ambiguous is refused, or the connection ends after one answer.
			if len(statuses) > 0 && statuses[0] < 400 {
				t.Errorf("answered %v", statuses)
			}
		})
	}
}

// TestAttack54SpoofedAddressOpensNoStaffPage: with the right password, but from
// an address that is not on the list, no header opens the staff pages
// (ASVS 4.1.3).
func TestAttack54SpoofedAddressOpensNoStaffPage(t *testing.T) {
	ensureGood(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := host.Dial(ctx, host.Options{Address: droplet.Address.String(), User: "deploy", Key: droplet.Key(), KnownHosts: droplet.KnownHosts()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	address := strings.TrimSpace(onDroplet(t, "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' stack-traefik-1"))
	password := strings.TrimSpace(read(t, filepath.Join(secrets, "staff_password")))
	basic := base64.StdEncoding.EncodeToString([]byte("staff:" + password))
	name := "admin." + droplet.Domain
	allowed := droplet.Gateway.String()
	ask := func(lines string) int {
		statuses, _ := raw(t, conn.DialContext, net.JoinHostPort(address, "443"), name,
			"GET / HTTP/1.1\r\nHost: "+name+"\r\nAuthorization: Basic "+basic+"\r\nConnection: close\r\n"+lines+"\r\n")
		if len(statuses) == 0 {
			return 0
		}
		return statuses[0]
	}
	for _, lines := range []string{"", "X-Forwarded-For: " + allowed + "\r\n", "X-Real-IP: " + allowed + "\r\n", "Forwarded: for=" + allowed + "\r\n",
		"Connection: X-Forwarded-For\r\nX-Forwarded-For: " + allowed + "\r\n", "X-Forwarded-For: " + allowed + "\r\nX-Forwarded-For: " + allowed + "\r\n"} {
		if got := ask(lines); got != http.StatusForbidden {
			t.Errorf("%q: status %d, want 403", lines, got)
		}
	}
	// The same password from an address on the list: the refusals above are the list's.
	statuses, _ := raw(t, outside, edgeAddress(), name, "GET / HTTP/1.1\r\nHost: "+name+"\r\nAuthorization: Basic "+basic+"\r\nConnection: close\r\n\r\n")
	if len(statuses) == 0 || statuses[0] >= 400 {
		t.Errorf("from an address on the list: %v", statuses)
	}
}

// TestAttack55EncodedPathsReachNoInsidePage (ASVS 4.1.4).
func TestAttack55EncodedPathsReachNoInsidePage(t *testing.T) {
	ensureGood(t)
	for _, path := range []string{"/api/../admin", "/api/..%2fadmin", "/api/%2e%2e/users", "//admin/users", "/api//../../users", "/..;/admin/users", "/api/..;/metrics",
		"/api/%2e%2e%2fmetrics", "/api/..\\metrics", "/%61pi/../metrics", "/api/./../dashboard/", "/api/rawdata", "/metrics", "/dashboard/"} {
		statuses, body := raw(t, outside, edgeAddress(), droplet.Domain, "GET "+path+" HTTP/1.1\r\nHost: "+droplet.Domain+"\r\nConnection: close\r\n\r\n")
		for _, sign := range []string{"# HELP", `"routers"`, "<title>Traefik", "Staff", "go_goroutines"} {
			if strings.Contains(body, sign) {
				t.Errorf("%s: status %v reveals %q", path, statuses, sign)
			}
		}
		if len(statuses) == 0 || statuses[0] >= 500 {
			t.Errorf("%s: status %v", path, statuses)
		}
	}
}
