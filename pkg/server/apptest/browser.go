package apptest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Browser is a client of the API that keeps cookies and sends what a browser
// sends. Every answer of the API is held against the contract.
type Browser struct {
	t    testing.TB
	base string
	// Cookies are kept by name.
	Cookies map[string]string
	// Header is added to every request.
	Header http.Header
	// Raw leaves the contract out of it, for requests that no operation has.
	Raw  bool
	http *http.Client
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Browser makes a browser without cookies that talks to the API.
func (s *Site) Browser() *Browser {
	return &Browser{
		t: s.t, base: s.URLs["api"], Cookies: map[string]string{}, Header: http.Header{},
		http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// Fresh makes another browser without cookies.
func (b *Browser) Fresh() *Browser {
	return &Browser{t: b.t, base: b.base, Cookies: map[string]string{}, Header: http.Header{}, http: b.http}
}

// Do sends a request as it stands, with the browser's cookies.
func (b *Browser) Do(method, path string, header http.Header, body string) Answer {
	b.t.Helper()
	req, err := http.NewRequest(method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, h := range []http.Header{b.Header, header} {
		for name, values := range h {
			for _, v := range values {
				req.Header.Add(name, v)
			}
		}
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host // the client sends this one, not the header
	}
	for name, value := range b.Cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.Cookies, c.Name)
			continue
		}
		b.Cookies[c.Name] = c.Value
	}
	if !b.Raw {
		check(b.t, req, resp, text)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: text}
}

// Get reads a path.
func (b *Browser) Get(path string) Answer { return b.Do(http.MethodGet, path, nil, "") }

// Send sends JSON with a fresh CSRF token, as the web app does.
func (b *Browser) Send(method, path string, body any) Answer {
	b.t.Helper()
	header := http.Header{"X-Csrf-Token": {b.Token()}, "Sec-Fetch-Site": {"same-origin"}}
	text := []byte{}
	if body != nil {
		header.Set("Content-Type", "application/json")
		var err error
		if text, err = json.Marshal(body); err != nil {
			b.t.Fatal(err)
		}
	}
	return b.Do(method, path, header, string(text))
}

// Token fetches a CSRF token.
func (b *Browser) Token() string {
	b.t.Helper()
	var out struct{ Token string }
	a := b.Get("/auth/csrf")
	a.Into(b.t, http.StatusOK, &out)
	return out.Token
}

// SignUp creates an account.
func (b *Browser) SignUp(email, password string) {
	b.t.Helper()
	b.Send(http.MethodPost, "/auth/signup", map[string]string{"email": email, "password": password}).Want(b.t, http.StatusAccepted)
}

// LogIn logs in.
func (b *Browser) LogIn(email, password string) Answer {
	b.t.Helper()
	return b.Send(http.MethodPost, "/auth/login", map[string]string{"email": email, "password": password})
}

// Enter signs up and logs in.
func (b *Browser) Enter(email string) {
	b.t.Helper()
	b.SignUp(email, GoodPassword)
	b.LogIn(email, GoodPassword).Want(b.t, http.StatusOK)
}

// GoodPassword is a password that the rules accept.
const GoodPassword = "plum-lantern-41-orbit"

// Want fails the test where the status is another.
func (a Answer) Want(t testing.TB, status int) Answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// Into reads the body.
func (a Answer) Into(t testing.TB, status int, v any) {
	t.Helper()
	a.Want(t, status)
	if err := json.Unmarshal(a.Body, v); err != nil {
		t.Fatalf("read %s: %v", a.Body, err)
	}
}

// Problem is the type of the problem in the body, without its prefix.
func (a Answer) Problem() string {
	var p struct{ Type string }
	_ = json.Unmarshal(a.Body, &p)
	return strings.TrimPrefix(p.Type, "urn:problem:")
}

// seen notes which documented answers the tests of a binary got.
var seen sync.Map

// Seen reports whether an operation gave a status in any test so far.
func Seen(operation, status string) bool {
	_, ok := seen.Load(operation + " " + status)
	return ok
}

func note(operation, status string) { seen.Store(operation+" "+status, true) }
