//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
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
	_ = conn.SetReadDeadline(time.Now().Add(4 * time.Second))
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

func edgeAddress(t *testing.T) string { return net.JoinHostPort(on(t).Address.String(), "443") }

// TestAttack54SpoofedAddressOpensNoStaffPage: with the right password, but from
// an address that is not on the list, no header opens the staff pages
// (ASVS 4.1.3).
func TestAttack54SpoofedAddressOpensNoStaffPage(t *testing.T) {
	visiting(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := host.Dial(ctx, host.Options{Address: on(t).Address.String(), User: "deploy", Key: on(t).Key(), KnownHosts: on(t).KnownHosts()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	address := strings.TrimSpace(onDroplet(t, "docker inspect -f '{{(index .NetworkSettings.Networks \"stack_edge\").IPAddress}}' stack-traefik-1"))
	password := strings.TrimSpace(read(t, filepath.Join(on(t).secrets, "staff_password")))
	basic := base64.StdEncoding.EncodeToString([]byte("staff:" + password))
	name := "admin." + domain
	allowed := on(t).Gateway.String()
	ask := func(lines string) int {
		statuses, _ := raw(t, conn.DialContext, net.JoinHostPort(address, "443"), name,
			"GET / HTTP/1.1\r\nHost: "+name+"\r\nAuthorization: Basic "+basic+"\r\nConnection: close\r\n"+lines+"\r\n")
		if len(statuses) == 0 {
			return 0
		}
		return statuses[0]
	}
	for _, lines := range []string{"", "X-Forwarded-For: " + allowed + "\r\n", "X-Real-IP: " + allowed + "\r\n", "Forwarded: for=" + allowed + "\r\n",
		"Connection: X-Forwarded-For\r\nX-Forwarded-For: " + allowed + "\r\n", "X-Forwarded-For: " + allowed + "\r\nX-Forwarded-For: " + allowed + "\r\n",
		"Connection: X-Forwarded-For, X-Real-IP\r\nX-Forwarded-For: " + allowed + "\r\nX-Real-IP: " + allowed + "\r\n",
		"x_forwarded_for: " + allowed + "\r\n", "X-Forwarded-For : " + allowed + "\r\n", "True-Client-IP: " + allowed + "\r\n",
		"X-Forwarded-Host: " + domain + "\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\nX-Forwarded-Prefix: /\r\n"} {
		if got := ask(lines); got != http.StatusForbidden && got != http.StatusBadRequest {
			t.Errorf("%q: status %d, want 403, or 400 for what is no header", lines, got)
		}
	}
	// The same password from an address on the list: the refusals above are the list's.
	statuses, _ := raw(t, outside, edgeAddress(t), name, "GET / HTTP/1.1\r\nHost: "+name+"\r\nAuthorization: Basic "+basic+"\r\nConnection: close\r\n\r\n")
	if len(statuses) == 0 || statuses[0] >= 400 {
		t.Errorf("from an address on the list: %v", statuses)
	}
}

// insidePaths are spellings of pages that are not for the outside.
func insidePaths() []string {
	paths := []string{"/api/../admin", "/api/..%2fadmin", "/api/%2e%2e/users", "//admin/users", "/api//../../users", "/..;/admin/users", "/api/..;/metrics",
		"/api/%2e%2e%2fmetrics", "/api/..\\metrics", "/%61pi/../metrics", "/api/./../dashboard/", "/api/rawdata", "/metrics", "/dashboard/",
		"/api%2f..%2fadmin", "/api%5c..%5cmetrics", "/api/%5c../metrics", "/api/%252e%252e/metrics", "/api/.%2e/.%2e/metrics", "/api/..%00/metrics", "/api/..%0d%0a/metrics",
		"/api/;/../metrics", "/api/..%c0%afmetrics", "/api/%ef%bc%8e%ef%bc%8e/metrics", "///metrics", "/./metrics", "/api///metrics", "/api/metrics", "/api/metrics/", "/api/debug/pprof/",
		"/api/http/routers", "/api/overview", "/api/version/../rawdata", "/ping", "/api/health/../../metrics", "/API/metrics", "/static/../users", "/jobs", "/pgadmin"}
	// A proxy's form of the same (RFC 9112, section 3.2.2).
	for _, host := range []string{domain, "admin." + domain, "api:9090", "127.0.0.1:8090", "traefik:8090"} {
		paths = append(paths, "http://"+host+"/metrics", "http://"+host+"/api/rawdata")
	}
	return paths
}

// TestAttack55EncodedPathsReachNoInsidePage (ASVS 4.1.4).
func TestAttack55EncodedPathsReachNoInsidePage(t *testing.T) {
	visiting(t)
	for _, path := range insidePaths() {
		statuses, body := raw(t, outside, edgeAddress(t), domain, "GET "+path+" HTTP/1.1\r\nHost: "+domain+"\r\nConnection: close\r\n\r\n")
		for _, sign := range []string{"# HELP", `"routers"`, `"rule"`, "<title>Traefik", "Staff pages", "go_goroutines", "goroutine profile"} {
			if strings.Contains(body, sign) {
				t.Errorf("%s: status %v reveals %q", path, statuses, sign)
			}
		}
		if len(statuses) == 0 || statuses[0] >= 500 {
			t.Errorf("%s: status %v", path, statuses)
		}
	}
}
