package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestHEADIsGETWithoutTheBody holds RFC 9110, 9.3.2, and that looking at a link
// does not use it up.
func TestHEADIsGETWithoutTheBody(t *testing.T) {
	_, b := start(t)
	b.Raw = true // the contract names no HEAD: it follows from GET
	for _, path := range []string{"/health/live", "/version", "/openapi.json", "/auth/providers", "/users/me"} {
		get, head := b.Get(path), b.Do("HEAD", path, nil, "")
		if head.Status != get.Status || len(head.Body) != 0 {
			t.Errorf("HEAD %s: %d with %d bytes, GET %d", path, head.Status, len(head.Body), get.Status)
		}
		for _, name := range []string{"Content-Type", "Cache-Control", "Content-Security-Policy"} {
			if head.Header.Get(name) != get.Header.Get(name) {
				t.Errorf("HEAD %s: %s %q, GET %q", path, name, head.Header.Get(name), get.Header.Get(name))
			}
		}
	}
	b.Enter("ada@example.com")
	b.Do("HEAD", "/users/me", nil, "").Want(t, http.StatusOK)
	b.Do("HEAD", "/nowhere", nil, "").Want(t, http.StatusNotFound)
	if a := b.Do("DELETE", "/auth/csrf", nil, ""); !strings.Contains(a.Header.Get("Allow"), "GET, HEAD") {
		t.Errorf("Allow %q", a.Header.Get("Allow"))
	}
	for _, path := range []string{"/auth/google/start", "/auth/google/callback?state=x&code=y"} {
		if a := b.Do("HEAD", path, nil, "").Want(t, http.StatusMethodNotAllowed); strings.Contains(a.Header.Get("Allow"), "HEAD") || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("HEAD %s: Allow %q, Set-Cookie %q", path, a.Header.Get("Allow"), a.Header.Get("Set-Cookie"))
		}
	}
}
