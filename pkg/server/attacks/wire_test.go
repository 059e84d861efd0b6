package attacks

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

// Messages whose end two readers could see in two places are refused by the
// application itself, too, not only by the edge.
func TestAttack123MessagesWithTwoEnds(t *testing.T) {
	s, _ := start(t)
	const tail = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, head := range map[string]string{
		"two lengths":            "Content-Length: 4\r\nContent-Length: 5\r\n",
		"a list of lengths":      "Content-Length: 4, 5\r\n",
		"a sign":                 "Content-Length: +4\r\n",
		"hexadecimal":            "Content-Length: 0x4\r\n",
		"a negative length":      "Content-Length: -1\r\n",
		"an unknown coding":      "Transfer-Encoding: xchunked\r\n",
		"chunked twice":          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"chunked, then identity": "Transfer-Encoding: chunked, identity\r\n",
		"a space before colon":   "Content-Length : 4\r\n",
		"a name with NUL":        "Content\x00-Length: 4\r\n",
		"a value with NUL":       "X: a\x00b\r\n",
		"a huge length":          "Content-Length: 99999999999999999999\r\n",
		"two hosts":              "Host: y\r\n",
	} {
		_, in := raw(t, s, "api", "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+head+"\r\n{}\r\n"+tail)
		text, _ := io.ReadAll(in) // the server ends the connection
		if !strings.HasPrefix(string(text), "HTTP/1.1 4") && !strings.HasPrefix(string(text), "HTTP/1.1 501") || strings.Count(string(text), "HTTP/1.1 ") != 1 {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// A token that comes after the body comes too late, and what asks for another
// protocol gets this one.
func TestAttack124TrailersAndUpgrades(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	body := `{"bio":"somebody else"}`
	_, in := raw(t, s, "api", fmt.Sprintf("PATCH /users/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: %s=%s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-CSRF-Token\r\n\r\n%x\r\n%s\r\n0\r\nX-CSRF-Token: %s\r\n\r\n",
		session, b.Cookies[session], len(body), body, b.Token()))
	if text, err := io.ReadAll(in); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 403") {
		t.Errorf("%v %q", err, text)
	}
	for _, upgrade := range []string{"h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", "websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13", "TLS/1.0"} {
		_, in := raw(t, s, "api", "GET /version HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: "+upgrade+"\r\n\r\n")
		if text, err := io.ReadAll(in); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200") {
			t.Errorf("%q: %v %q", upgrade, err, text)
		}
	}
	_, in = raw(t, s, "api", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if text, _ := io.ReadAll(in); strings.Contains(string(text), "200") {
		t.Errorf("%q", text)
	}
}

// A small body that unpacks to a large one is not unpacked.
func TestAttack125CompressedBodies(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(`{"bio":"` + strings.Repeat("a", 8<<20) + `"}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, coding := range []string{"gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x"} {
		header := withToken(b)
		header.Set("Content-Encoding", coding)
		b.Do("PATCH", "/users/me", header, packed.String()).Want(t, http.StatusUnsupportedMediaType)
	}
	b.Do("PATCH", "/users/me", withToken(b), packed.String()).Want(t, http.StatusBadRequest)
}

// A private answer comes whole or not at all: no part of it, no tag that tells
// whether it changed, no answer without a session because a cache may have one.
func TestAttack126PartsAndTagsOfPrivateAnswers(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for _, path := range []string{"/users/me", "/users/me/sessions", "/users/me/identities", "/auth/csrf"} {
		a := b.Do("GET", path, http.Header{"Range": {"bytes=0-3"}, "If-None-Match": {"*"}, "If-Modified-Since": {"Mon, 01 Jan 2035 00:00:00 GMT"}, "Accept": {"text/html"}, "Accept-Encoding": {"gzip"}, "Cache-Control": {"only-if-cached"}}, "")
		if a.Status != http.StatusOK || a.Header.Get("Etag") != "" || a.Header.Get("Last-Modified") != "" || a.Header.Get("Accept-Ranges") != "" || a.Header.Get("Content-Encoding") != "" || a.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: %d %v", path, a.Status, a.Header)
		}
	}
	b.Raw = true
	if a := b.Do("HEAD", "/users/me", nil, ""); a.Status == http.StatusOK && a.Header.Get("Cache-Control") != "no-store" || len(a.Body) > 0 {
		t.Errorf("HEAD: %d %v", a.Status, a.Header)
	}
	if a := b.Fresh().Get("/users/me"); a.Status != http.StatusUnauthorized || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
}

// A session is in its cookie or it is not there.
func TestAttack127SessionInOtherPlaces(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	token := b.Cookies[session]
	stranger := s.Browser()
	for name, header := range map[string]http.Header{
		"bearer":             {"Authorization": {"Bearer " + token}},
		"basic":              {"Authorization": {"Basic " + token}},
		"a header":           {"X-Session": {token}, "X-Auth-Token": {token}, session: {token}},
		"another name":       {"Cookie": {"session=" + token + "; __Secure-session=" + token + "; __host-session=" + token}},
		"quotes in quotes":   {"Cookie": {session + `="\"` + token + `\""`}},
		"a cookie in one":    {"Cookie": {`x="a; ` + session + `=` + token + `"`}},
		"a comma":            {"Cookie": {"x=a, " + session + "=" + token}},
		"padding":            {"Cookie": {session + "=" + token + "="}},
		"percent":            {"Cookie": {session + "=%" + fmt.Sprintf("%x", token[0]) + token[1:]}},
		"space in the name":  {"Cookie": {session + " =" + token + "x"}},
		"two, the right one": {"Cookie": {session + "=" + strings.Repeat("A", 43) + "; " + session + "=" + token}},
	} {
		if a := stranger.Do("GET", "/users/me", header, ""); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, a.Status)
		}
	}
	stranger.Get("/users/me?session="+token+"&"+session+"="+token+"&access_token="+token).Want(t, http.StatusUnauthorized)
	if strings.Contains(s.Log.String(), token) {
		t.Error("the token stands in the log")
	}
}

// No path of the site's files leads out of them, and none of the API leads to a
// page: a client that got lost must not take one for an answer.
func TestAttack128PathsOfFiles(t *testing.T) {
	s := apptest.New(t)
	s.Start("web", "static")
	get := func(role, path string) (int, string) {
		conn, in := raw(t, s, role, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		defer func() { _ = conn.Close() }()
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return resp.StatusCode, string(text)
	}
	for _, path := range []string{"/static/", "/static", "/static/../admin.css", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/..%2f..%2fetc/passwd", "/static/admin.css/", "/static/admin.css%00.html", "/static//admin.css", "/etc/passwd", "/static/templates/head.html", "/static/.%2e/templates/head.html", "/static/ADMIN.CSS", "/static/admin.css;x", `/static/..\..\etc\passwd`} {
		if status, text := get("static", path); status == http.StatusOK || strings.Contains(text, "root:") || strings.Contains(text, "{{") {
			t.Errorf("%s: %d %.80s", path, status, text)
		}
	}
	for _, path := range []string{"/assets/", "/assets", "/assets/../../etc/passwd", "/assets/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2findex.html", "/..%2f..%2fetc/passwd", "/.keep", "/index.html.br", "/embed.go", `/..\..\etc\passwd`, "/%00", "/.env", "/.git/config"} {
		if status, text := get("web", path); strings.Contains(text, "root:") || strings.Contains(text, "package web") || strings.HasPrefix(path, "/assets/") && status == http.StatusOK {
			t.Errorf("%s: %d %.80s", path, status, text)
		}
	}
	for _, path := range []string{"/api", "/api/", "/api/users/me", "/API/users/me", "/%61pi/users/me", "//api/users/me", "/api;x/users/me", "/api%2fusers/me"} {
		if status, text := get("web", path); status == http.StatusOK {
			t.Errorf("%s: %d %.80s", path, status, text)
		}
	}
}
