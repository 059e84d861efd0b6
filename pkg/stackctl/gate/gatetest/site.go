package gatetest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/openapi"
)

// user is an account of the fake site.
type user struct {
	Password, name string
	staff          bool
}

// site does what the contract says, and one thing wrong for each bug.
type site struct {
	Contract []byte
	key      []byte
	// Hash is how long a password hash takes.
	Hash time.Duration

	Mu       sync.Mutex
	Bugs     map[string]bool
	Ready    map[string]any
	Users    map[string]*user
	Sessions map[string]string // token → address, "" before login
	failed   int
	Asked    map[string]int
	Wrap     func(w http.ResponseWriter, r *http.Request) bool
}

func newFakeSite(t testing.TB, contract []byte) *site {
	t.Helper()
	doc, err := openapi.Parse(contract, true)
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	ok := map[string]any{"status": "ok"}
	return &site{
		Contract: []byte(openapi.Text(doc.Root)), key: key,
		Bugs: map[string]bool{}, Users: map[string]*user{}, Sessions: map[string]string{}, Asked: map[string]int{},
		Ready: map[string]any{"status": "ok", "release": ReleaseID, "commit": Commit,
			"checks": map[string]any{"database": ok, "redis": ok, "schema": map[string]any{"status": "ok", "version": 3}}},
	}
}

func (f *site) bug(name string) bool { return f.Bugs[name] }

// edge is the site as seen from outside.
func (f *site) edge(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api"); ok {
		r.URL.Path = rest
		r.Host = Domain
	}
	f.ServeHTTP(w, r)
}

func (f *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.Mu.Lock()
	f.Asked[r.URL.Path]++
	wrap := f.Wrap
	f.Mu.Unlock()
	if wrap != nil && wrap(w, r) {
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		fmt.Fprint(w, "<!doctype html><title>site</title>")
	case "GET /health/live":
		f.answer(w, 200, map[string]any{"status": "ok"})
	case "GET /health/ready":
		f.answer(w, 200, f.Ready)
	case "GET /version":
		f.answer(w, 200, map[string]any{"commit": Commit, "built": "unknown", "release": ReleaseID})
	case "GET /openapi.json":
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(f.Contract)
	case "GET /auth/csrf":
		f.csrf(w, r)
	case "POST /auth/signup":
		f.change(w, r, f.signUp)
	case "POST /auth/login":
		f.change(w, r, f.logIn)
	case "POST /auth/logout":
		f.change(w, r, f.logOut)
	case "GET /users/me":
		f.me(w, r, nil)
	case "PATCH /users/me":
		f.change(w, r, f.me)
	case "GET /auth/logout":
		if f.bug("logout by GET") {
			f.logOut(w, r, nil)
			return
		}
		f.Problem(w, 404)
	case "GET /staff/users":
		f.guarded(w, r)
	default:
		f.Problem(w, 404)
	}
}

func (f *site) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	if !f.bug("cacheable") {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (f *site) Problem(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	if f.bug("plain errors") {
		w.Header().Set("Content-Type", "text/plain")
	}
	w.WriteHeader(status)
	body := map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status}
	if f.bug("stack trace") {
		body["detail"] = "goroutine 1 [running]: main.go:7"
	}
	_ = json.NewEncoder(w).Encode(body)
}

// Cookie is the name of the session's cookie; pre is that of the one before login.
const Cookie, pre = "__Host-session", "__Host-pre"

func (f *site) SetCookie(w http.ResponseWriter, name, value string) {
	line := name + "=" + value
	for _, part := range []string{"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} {
		if !f.bug("cookie without " + part) {
			line += "; " + part
		}
	}
	if f.bug("cookie for ten years") {
		line += "; Max-Age=315360000"
	}
	if f.bug("cookie with Domain") {
		line += "; Domain=" + Domain
	}
	if value == "" {
		line += "; Max-Age=0"
	}
	w.Header().Add("Set-Cookie", line)
}

func (f *site) token(of string) string {
	m := hmac.New(sha256.New, f.key)
	m.Write([]byte(of))
	return hex.EncodeToString(m.Sum(nil))
}

// binding is the cookie that a browser's CSRF token is bound to.
func (f *site) binding(r *http.Request) string {
	if c, err := r.Cookie(Cookie); err == nil {
		f.Mu.Lock()
		_, ok := f.Sessions[c.Value]
		f.Mu.Unlock()
		if ok {
			return c.Value
		}
	}
	if c, err := r.Cookie(pre); err == nil {
		return c.Value
	}
	return ""
}

func (f *site) csrf(w http.ResponseWriter, r *http.Request) {
	of := f.binding(r)
	if of == "" {
		of = Token()
		f.SetCookie(w, pre, of)
	}
	if f.bug("one CSRF token for all") {
		of = "all"
	}
	body := map[string]any{"token": f.token(of)}
	if f.bug("token in body") {
		body["session"] = of
	}
	f.answer(w, 200, body)
}

// Token is a random value that no other has.
func Token() string {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return hex.EncodeToString(b)
}

type handler func(w http.ResponseWriter, r *http.Request, body map[string]any)

// change guards what changes state.
func (f *site) change(w http.ResponseWriter, r *http.Request, next handler) {
	if f.bug("allows CORS") && r.Header.Get("Origin") != "" {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	}
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	if !f.bug("no origin check") {
		foreign := site != "" && site != "same-origin" && site != "none"
		if site == "" && origin != "" && origin != "https://"+Domain {
			foreign = true
		}
		if foreign && !(f.bug("trusts same-site") && site == "same-site") {
			f.Problem(w, 403)
			return
		}
	}
	of := f.binding(r)
	if f.bug("one CSRF token for all") {
		of = "all"
	}
	got := r.Header.Get("X-CSRF-Token")
	needed := !f.bug("no CSRF on "+r.URL.Path) && !f.bug("no CSRF")
	if needed && (of == "" || got != f.token(of)) && !(f.bug("any CSRF token") && got != "") {
		f.Problem(w, 403)
		return
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body := map[string]any{}
	switch {
	case r.ContentLength == 0:
	case kind == "application/json" || f.bug("takes text/plain") && kind == "text/plain":
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			if f.bug("broken JSON fails") {
				f.Problem(w, 500)
				return
			}
			f.Problem(w, 400)
			return
		}
	case f.bug("takes forms") && kind == "application/x-www-form-urlencoded":
		_ = r.ParseForm()
		for k := range r.PostForm {
			body[k] = r.PostForm.Get(k)
		}
	default:
		f.Problem(w, 415)
		return
	}
	next(w, r, body)
}

func text(body map[string]any, name string) string {
	s, _ := body[name].(string)
	return s
}

func (f *site) signUp(w http.ResponseWriter, _ *http.Request, body map[string]any) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	email := text(body, "email")
	if email == "" || len(text(body, "password")) < 12 {
		f.Problem(w, 400)
		return
	}
	if len(body) > 3 && !f.bug("staff by sign-up") && !f.bug("ignores extra members") {
		f.Problem(w, 400)
		return
	}
	if _, exists := f.Users[email]; exists {
		if f.bug("sign-up tells") {
			f.Problem(w, 409)
			return
		}
	} else {
		u := &user{Password: text(body, "password")}
		u.staff = body["is_staff"] == true && f.bug("staff by sign-up")
		f.Users[email] = u
	}
	f.answer(w, 202, map[string]any{"status": "accepted"})
}

func (f *site) logIn(w http.ResponseWriter, r *http.Request, body map[string]any) {
	f.Mu.Lock()
	u := f.Users[text(body, "email")]
	f.failed++
	limited := f.failed > 120 && !f.bug("no limit")
	f.Mu.Unlock()
	believed := r.Header.Get("X-Forwarded-For") != "" && f.bug("trusts X-Forwarded-For") || r.Header.Get("CF-Connecting-IP") != "" && f.bug("trusts CF-Connecting-IP")
	if limited && !believed {
		if !f.bug("429 without Retry-After") {
			w.Header().Set("Retry-After", "60")
		}
		f.Problem(w, 429)
		return
	}
	if u != nil || !f.bug("no hash for unknown accounts") {
		time.Sleep(f.Hash)
	}
	if u == nil || u.Password != text(body, "password") {
		switch {
		case f.bug("bad login is 500"):
			f.Problem(w, 500)
		case u == nil && f.bug("login status tells"):
			f.Problem(w, 404)
		case u == nil && f.bug("login body tells"):
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(401)
			fmt.Fprint(w, `{"type":"about:blank","title":"No such account","status":401}`)
		case u == nil && f.bug("login header tells"):
			w.Header().Set("X-Account", "no")
			f.Problem(w, 401)
		default:
			f.Problem(w, 401)
		}
		return
	}
	token := Token()
	if c, err := r.Cookie(Cookie); err == nil && f.bug("adopts a planted session") {
		token = c.Value
	}
	f.Mu.Lock()
	f.failed--
	f.Sessions[token] = text(body, "email")
	f.Mu.Unlock()
	f.SetCookie(w, cookieName(f), token)
	f.answer(w, 200, f.user(text(body, "email"), u))
}

func cookieName(f *site) string {
	if f.bug("cookie of another name") {
		return "session"
	}
	return Cookie
}

func (f *site) user(email string, u *user) map[string]any {
	m := map[string]any{"id": "1", "email": email, "email_verified": false, "display_name": u.name, "avatar_url": "", "bio": "", "created_at": "2026-01-01T00:00:00Z"}
	if u.staff {
		m["is_staff"] = true
	}
	return m
}

// Current is the user of a request; nil without a session.
func (f *site) current(r *http.Request) (string, *user) {
	c, err := r.Cookie(Cookie)
	if err != nil {
		return "", nil
	}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	email, ok := f.Sessions[c.Value]
	if !ok && f.bug("takes any cookie") && len(f.Users) > 0 {
		email, ok = SlicesFirst(f.Users), true
	}
	if !ok {
		return "", nil
	}
	return email, f.Users[email]
}

// SlicesFirst is any key of a map; empty where there is none.
func SlicesFirst(m map[string]*user) string {
	for k := range maps.Keys(m) {
		return k
	}
	return ""
}

func (f *site) me(w http.ResponseWriter, r *http.Request, body map[string]any) {
	if origin := r.Header.Get("Origin"); origin != "" && f.bug("reflects CORS") {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	email, u := f.current(r)
	if u == nil {
		switch {
		case f.bug("stranger gets 200"):
			f.answer(w, 200, map[string]any{})
		case f.bug("stranger is redirected"):
			http.Redirect(w, r, "/login", http.StatusFound)
		default:
			f.Problem(w, 401)
		}
		return
	}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for name, v := range body {
		switch {
		case name == "display_name" && !f.bug("edit is lost"):
			u.name, _ = v.(string)
		case name == "display_name":
		case name == "is_staff" && f.bug("staff by profile"):
			u.staff = v == true
		case !f.bug("ignores extra members") && !f.bug("staff by profile"):
			f.Problem(w, 400)
			return
		}
	}
	f.answer(w, 200, f.user(email, u))
}

func (f *site) logOut(w http.ResponseWriter, r *http.Request, _ map[string]any) {
	if _, u := f.current(r); u == nil {
		f.Problem(w, 401)
		return
	}
	c, _ := r.Cookie(Cookie)
	f.Mu.Lock()
	if !f.bug("session outlives logout") {
		delete(f.Sessions, c.Value)
	}
	f.Mu.Unlock()
	if !f.bug("cookie outlives logout") {
		f.SetCookie(w, Cookie, "")
	}
	w.WriteHeader(204)
}

func (f *site) guarded(w http.ResponseWriter, r *http.Request) {
	_, u := f.current(r)
	switch {
	case u == nil && !f.bug("guarded path open"):
		f.Problem(w, 401)
	case (u == nil || !u.staff) && !f.bug("guarded path open") && !f.bug("guarded path for all users"):
		f.Problem(w, 403)
	default:
		f.answer(w, 200, []string{})
	}
}
