//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ask sends one request to the edge and gives the answer; nil: it was refused
// without one.
func ask(t *testing.T, port, name, text string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := outside(ctx, "tcp", net.JoinHostPort(on(t).Address.String(), port))
	if err != nil {
		t.Fatal(err)
	}
	if port == "443" {
		secure := tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) // gate G1 judges the certificate
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil // a name that is nobody's may be refused here
		}
		conn = secure
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return nil
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what came is judged
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	return resp
}

func bodyOf(resp *http.Response) string {
	text, _ := io.ReadAll(resp.Body) // it was read before
	return string(text)
}

// basic is the header with the edge's own password for staff.
func basic(t *testing.T) string {
	t.Helper()
	password := strings.TrimSpace(read(t, filepath.Join(on(t).secrets, "staff_password")))
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("staff:"+password)) + "\r\n"
}

// TestUnknownHostsRevealNoService: whatever the name, in TLS and in the request,
// a host that is nobody's gets a bare 404 or no answer (SPEC R7).
func TestUnknownHostsRevealNoService(t *testing.T) {
	visiting(t)
	get := func(host string) string { return "GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n" }
	for _, host := range []string{"evil.example", "", "127.0.0.1", on(t).Address.String(), "x." + domain, domain + ".evil.example",
		"user@evil.example", "evil.example:443", "evil.example." + domain, "api", "web:8080", "localhost:8090", "[::1]", domain + "/", domain + "%00.evil"} {
		for _, port := range []string{"80", "443"} {
			resp := ask(t, port, domain, get(host))
			if resp == nil {
				continue
			}
			body := bodyOf(resp)
			if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusBadRequest || strings.Contains(body, "<!doctype") || resp.Header.Get("Location") != "" {
				t.Errorf("host %q on port %s: status %d, Location %q, %.80q", host, port, resp.StatusCode, resp.Header.Get("Location"), body)
			}
		}
	}
	for _, port := range []string{"80", "443"} {
		for _, text := range []string{"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: " + domain + "\r\nConnection: close\r\n\r\n"} {
			if resp := ask(t, port, domain, text); resp != nil && resp.StatusCode < 400 {
				t.Errorf("%q on port %s: status %d", text, port, resp.StatusCode)
			}
		}
	}
}

// TestOneSiteHasManySpellings: case, a dot at the end and the port name the same
// site; they neither escape its routes nor poison what is answered.
func TestOneSiteHasManySpellings(t *testing.T) {
	visiting(t)
	for _, host := range []string{domain, strings.ToUpper(domain), domain + ":443"} {
		resp := ask(t, "443", domain, "GET /api/users/me HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if resp == nil || resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("host %q: %+v", host, resp)
		}
	}
	for _, lines := range []string{"X-Forwarded-Host: evil.example\r\n", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Port: 8443\r\n", "X-Forwarded-Prefix: /evil\r\n", "X-Original-URL: /admin\r\n", "X-Rewrite-URL: /admin\r\n",
		"X-HTTP-Method-Override: DELETE\r\n", "Forwarded: host=evil.example;proto=http\r\n"} {
		resp := ask(t, "443", domain, "GET / HTTP/1.1\r\nHost: "+domain+"\r\nConnection: close\r\n"+lines+"\r\n")
		if resp == nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%q: %+v", lines, resp)
		} else if body := bodyOf(resp); strings.Contains(body, "evil") || !strings.Contains(strings.ToLower(body), "<!doctype html>") {
			t.Errorf("%q changes the page: %.200s", lines, body)
		}
		resp = ask(t, "80", "", "GET /x?y HTTP/1.1\r\nHost: "+domain+"\r\nConnection: close\r\n"+lines+"\r\n")
		if resp == nil || resp.StatusCode/100 != 3 || resp.Header.Get("Location") != "https://"+domain+"/x?y" {
			t.Errorf("%q on port 80: %+v", lines, resp)
		}
	}
}

// TestTheCertificatesNameOpensNoOtherDoor: a request whose host is not the name
// in TLS meets the guards of its host, never those of the name.
func TestTheCertificatesNameOpensNoOtherDoor(t *testing.T) {
	visiting(t)
	for _, name := range []string{domain, "www." + domain, "evil.example"} {
		for _, host := range []string{"admin.", "jobs.", "traefik.", "pgadmin."} {
			resp := ask(t, "443", name, "GET / HTTP/1.1\r\nHost: "+host+domain+"\r\nConnection: close\r\n\r\n")
			if resp != nil && resp.StatusCode < 400 {
				t.Errorf("host %s behind the name %s: status %d without a password", host, name, resp.StatusCode)
			}
		}
	}
	// And with the password, so that the refusals above are the guard's.
	resp := ask(t, "443", "admin."+domain, "GET /login HTTP/1.1\r\nHost: admin."+domain+"\r\n"+basic(t)+"Connection: close\r\n\r\n")
	if resp == nil || resp.StatusCode != http.StatusOK {
		t.Errorf("with the password: %+v", resp)
	}
}

// TestOddMethodsAndSizesAreRefused: TRACE shows nothing, CONNECT leads nowhere,
// and what is too large is refused before it is kept (ASVS 4.1.2, 4.2.3).
func TestOddMethodsAndSizesAreRefused(t *testing.T) {
	visiting(t)
	for _, method := range []string{"TRACE", "CONNECT", "TRACK", "DEBUG", "PROPFIND", "FOO", "get"} {
		for _, path := range []string{"/", "/api/users/me"} {
			resp := ask(t, "443", domain, method+" "+path+" HTTP/1.1\r\nHost: "+domain+"\r\nX-Secret: canary-3141\r\nConnection: close\r\n\r\n")
			if resp == nil {
				continue
			}
			if body := bodyOf(resp); resp.StatusCode < 400 || resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented || strings.Contains(body, "canary-3141") {
				t.Errorf("%s %s: status %d %.100q", method, path, resp.StatusCode, body)
			}
		}
	}
	big := strings.Repeat("x", 2<<20)
	for name, text := range map[string]string{
		"a header":     "GET / HTTP/1.1\r\nHost: " + domain + "\r\nX-Big: " + big + "\r\n\r\n",
		"a path":       "GET /" + big + " HTTP/1.1\r\nHost: " + domain + "\r\n\r\n",
		"many headers": "GET / HTTP/1.1\r\nHost: " + domain + "\r\n" + strings.Repeat("X-Many: x\r\n", 200_000) + "\r\n",
		"a cookie":     "GET /api/users/me HTTP/1.1\r\nHost: " + domain + "\r\nCookie: __Host-session=" + big + "\r\n\r\n",
		"a body":       fmt.Sprintf("POST /api/auth/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", domain, len(big), big),
	} {
		if resp := ask(t, "443", domain, text); resp != nil && (resp.StatusCode < 400 || resp.StatusCode >= 500) {
			t.Errorf("%s of 2 MB: status %d", name, resp.StatusCode)
		}
	}
	if !serves(t, client(t)) {
		t.Error("the site does not answer afterwards")
	}
}

// TestSlowClientsAreCutAndHarmNobody: two hundred clients that send a byte now
// and then hold no other client up, and lose their connections in the end
// (slowloris; ASVS 15.2.2).
func TestSlowClientsAreCutAndHarmNobody(t *testing.T) {
	visiting(t)
	const many = 200
	var slow []net.Conn
	t.Cleanup(func() {
		for _, conn := range slow {
			_ = conn.Close()
		}
	})
	begin := time.Now()
	for range many {
		conn, err := tls.Dial("tcp", edgeAddress(t), &tls.Config{ServerName: domain, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) // gate G1 judges the certificate
		if err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+domain+"\r\nX-A: "); err != nil {
			t.Fatal(err)
		}
	}
	if !serves(t, client(t)) {
		t.Errorf("with %d slow clients the site does not answer", many)
	}
	// The edge gives a request's head a minute (readTimeout).
	one := slow[0]
	cut := make(chan error, 1)
	go func() {
		_, err := io.ReadAll(one)
		cut <- err
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-cut:
			if took := time.Since(begin); took < 30*time.Second {
				t.Errorf("cut after %s: before an honest slow client could finish", took)
			}
			return
		case <-tick.C:
			_, _ = one.Write([]byte("x")) // a connection that was cut refuses it
			if time.Since(begin) > 90*time.Second {
				t.Fatal("after 90 s the edge still waits for the head of a request")
			}
		}
	}
}
