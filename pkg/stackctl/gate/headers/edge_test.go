package headers

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

// goodEdge answers as the repository's own edge does: real HTTP and TLS
// listeners, one pair for clients outside of the allowlist, one for the server.
type goodEdge struct {
	subject gate.Subject
	raw     map[string]any // what /api/rawdata tells
	// spoil changes an answer before it is written; nil leaves it.
	spoil func(r *http.Request, w *httptest.ResponseRecorder)
	// trusts means that claimed addresses are believed.
	trusts string
	// open are hosts whose password guard, address guard, or both, are gone.
	noPassword, noAllowlist string
	// extra ports answer from outside.
	ports map[string]string
	// handle answers instead of the edge where it says true.
	handle func(w http.ResponseWriter, r *http.Request) bool
}

const (
	publicCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; frame-ancestors 'none'"
	homePage  = `<!doctype html><title>Stack</title><script type="module" src="/assets/index-B4k9dQz1.js"></script><link href="/assets/index-c0FFee12.css" rel="stylesheet">`
)

type insideKey struct{}

func (e *goodEdge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	if e.handle == nil || !e.handle(rec, r) {
		e.answer(rec, r)
	}
	if e.spoil != nil {
		e.spoil(r, rec)
	}
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

func (e *goodEdge) answer(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(strings.ToLower(r.Host), ":")
	label, rest, _ := strings.Cut(host, ".")
	known := host == "example.org" || rest == "example.org" && strings.Contains(" www admin jobs pgadmin traefik ", " "+label+" ")
	switch {
	case !known:
		http.Error(w, "404 page not found", http.StatusNotFound)
	case r.TLS == nil:
		publicHeaders(w, false)
		w.Header().Set("Location", "https://"+host+r.URL.RequestURI())
		w.WriteHeader(http.StatusMovedPermanently)
	case host == "www.example.org":
		publicHeaders(w, true)
		http.Redirect(w, r, "https://example.org"+r.URL.Path, http.StatusMovedPermanently)
	case host == "example.org":
		publicHeaders(w, true)
		site(w, r)
	default:
		e.staff(w, r, host)
	}
}

func publicHeaders(w http.ResponseWriter, secure bool) {
	h := w.Header()
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=()")
	h.Set("Content-Security-Policy", publicCSP)
}

func site(w http.ResponseWriter, r *http.Request) {
	h, path := w.Header(), r.URL.Path
	problem := func(status int) {
		h.Set("Content-Type", "application/problem+json")
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"type":"about:blank","status":%d}`, status)
	}
	switch {
	case strings.HasPrefix(path, "/api/health/"):
		h.Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}`))
	case path == "/api/auth/csrf":
		http.SetCookie(w, &http.Cookie{Name: "__Host-pre", Value: "x", Path: "/", Secure: true, HttpOnly: true})
		h.Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(`{"token":"x"}`))
	case path == "/api/users/me":
		problem(http.StatusUnauthorized)
	case strings.HasPrefix(path, "/api/"):
		problem(http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		problem(http.StatusMethodNotAllowed)
	case path == "/assets/index-B4k9dQz1.js" || path == "/assets/index-c0FFee12.css":
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = w.Write([]byte("x"))
	case strings.HasPrefix(path, "/assets/"):
		problem(http.StatusNotFound)
	default: // the app's own router
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		_, _ = w.Write([]byte(homePage))
	}
}

func (e *goodEdge) staff(w http.ResponseWriter, r *http.Request, host string) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	inside, _ := r.Context().Value(insideKey{}).(bool)
	claimed := e.trusts != "" && r.Header.Get(e.trusts) != ""
	if !inside && !claimed && e.noAllowlist != host {
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	}
	user, password, _ := r.BasicAuth()
	if e.noPassword != host && (user != "staff" || password != gatetest.RepoSecrets["staff_password"]) {
		h.Set("WWW-Authenticate", `Basic realm="staff"`)
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	h.Set("Content-Type", "text/html")
	_, _ = w.Write([]byte("<title>Staff</title>"))
}

// inner is the entry point of the edge's API.
func (e *goodEdge) inner(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != "staff" || password != gatetest.RepoSecrets["staff_password"] {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(e.raw)
}

// newEdge starts the listeners and makes the subject.
func newEdge(t *testing.T, s gate.Subject) *goodEdge {
	t.Helper()
	e := &goodEdge{subject: s, raw: rawData(t, s.Release.Edge.Dynamic), ports: map[string]string{}}
	pair := gatetest.NewAuthority(t, "Edge").Leaf(t, gatetest.LeafOptions{Names: gatetest.RepoHosts})
	start := func(inside, secure bool) string {
		srv := httptest.NewUnstartedServer(e)
		srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, insideKey{}, inside)
		}
		if secure {
			// Elliptic curves: the test makes tens of thousands of handshakes.
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair.Certificate}, MinVersion: tls.VersionTLS12}
			srv.EnableHTTP2 = true
			srv.StartTLS()
		} else {
			srv.Start()
		}
		t.Cleanup(srv.Close)
		return srv.Listener.Addr().String()
	}
	inner := httptest.NewServer(http.HandlerFunc(e.inner))
	t.Cleanup(inner.Close)
	e.ports[gatetest.SiteAddress+":443"], e.ports[gatetest.SiteAddress+":80"] = start(false, true), start(false, false)
	e.ports["172.20.0.5:443"], e.ports["172.20.0.5:80"] = start(true, true), start(true, false)
	e.ports["172.20.0.5:8090"] = inner.Listener.Addr().String()
	dial := gatetest.DialerFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		at, ok := e.ports[address]
		if !ok {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		var d net.Dialer
		return d.DialContext(ctx, network, at)
	})
	e.subject.Outside = dial
	server := gatetest.EdgeServer(e.subject, nil)
	server.OnDial = dial
	server.OnRun = func(argv []string) (stack.Output, error) {
		if strings.Join(argv, " ") == "ip route get 172.20.0.5" {
			return stack.Output{Stdout: []byte("172.20.0.5 dev br-1 src 172.20.0.1 uid 0\n    cache\n")}, nil
		}
		return stack.Output{Exit: 1}, nil
	}
	server.List = []stack.Container{{ID: "e", Project: "stack", Service: "traefik", State: "running", Addresses: map[string]string{"stack_edge": "172.20.0.5"}}}
	e.subject.Server = server
	return e
}

// rawData is what Traefik's API tells of the files that it has loaded.
func rawData(t *testing.T, files []stack.File) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, f := range files {
		var doc struct {
			HTTP map[string]map[string]any `yaml:"http"`
		}
		if err := yaml.Unmarshal(f.Content, &doc); err != nil {
			t.Fatal(err)
		}
		for kind, all := range doc.HTTP {
			named := map[string]any{"internal@internal": map[string]any{}}
			for name, item := range all {
				if m, ok := item.(map[string]any); ok && kind == "routers" {
					m["status"], m["using"] = "enabled", m["entryPoints"]
				}
				named[name+"@file"] = item
			}
			out[kind] = named
		}
	}
	return out
}
