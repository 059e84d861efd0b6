package httpapi_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/testdb"
)

// TestMain also asks, when all tests ran, whether every answer that the
// contract names was given in one of them.
func TestMain(m *testing.M) {
	flag.Parse()
	code := testdb.Run(m)
	if all := flag.Lookup("test.run").Value.String() == ""; code == 0 && all {
		code = unseen()
	}
	os.Exit(code)
}

func unseen() int {
	doc, err := contract.Load()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	code := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status := range op.Responses.Map() {
				if status != "default" && !apptest.Seen(op.OperationID, status) {
					fmt.Printf("no test got %s from %s %s\n", status, method, path)
					code = 1
				}
			}
		}
	}
	return code
}

func start(t *testing.T) (*apptest.Site, *apptest.Browser) {
	t.Helper()
	s := apptest.New(t)
	s.Start("api")
	return s, s.Browser()
}

type user struct {
	ID            string
	Email         string
	EmailVerified bool   `json:"email_verified"`
	DisplayName   string `json:"display_name"`
	AvatarURL     string `json:"avatar_url"`
	Bio           string
}

func TestSignUpLogInProfileLogOut(t *testing.T) {
	_, b := start(t)
	b.Get("/users/me").Want(t, http.StatusUnauthorized)
	b.Send("POST", "/auth/signup", map[string]string{"email": "Ada@Example.com", "password": apptest.GoodPassword, "display_name": "Ada"}).Want(t, http.StatusAccepted)
	b.Get("/users/me").Want(t, http.StatusUnauthorized)
	var me user
	b.LogIn("ada@example.com", apptest.GoodPassword).Into(t, http.StatusOK, &me)
	if me.Email != "ada@example.com" || me.DisplayName != "Ada" || me.EmailVerified || me.ID == "" {
		t.Errorf("logged in as %+v", me)
	}
	b.Send("PATCH", "/users/me", map[string]string{"display_name": "Ada L.", "bio": "line one\nline two", "avatar_url": "https://img.example.com/a.png"}).Into(t, http.StatusOK, &me)
	var again user
	b.Get("/users/me").Into(t, http.StatusOK, &again)
	if again != me || me.DisplayName != "Ada L." || me.Bio != "line one\nline two" || me.AvatarURL != "https://img.example.com/a.png" {
		t.Errorf("profile %+v, then %+v", me, again)
	}
	b.Send("PATCH", "/users/me", map[string]string{"bio": ""}).Into(t, http.StatusOK, &again)
	if again.Bio != "" || again.DisplayName != "Ada L." {
		t.Errorf("a member that was left out changed: %+v", again)
	}
	b.Send("POST", "/auth/logout", nil).Want(t, http.StatusNoContent)
	if b.Cookies["__Host-session"] != "" {
		t.Error("the session cookie is still there")
	}
	b.Get("/users/me").Want(t, http.StatusUnauthorized)
}

func TestSessionCookieAttributes(t *testing.T) {
	_, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	a := b.LogIn("ada@example.com", apptest.GoodPassword)
	var got string
	for _, c := range a.Header.Values("Set-Cookie") {
		if strings.HasPrefix(c, "__Host-session=") {
			got = c
		}
	}
	for _, want := range []string{"Path=/", "Max-Age=", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(got, want) {
			t.Errorf("cookie without %s: %s", want, got)
		}
	}
	if strings.Contains(got, "Domain=") {
		t.Errorf("cookie with a domain: %s", got)
	}
}

func TestRefusedRequestsNameTheMembers(t *testing.T) {
	_, b := start(t)
	for name, c := range map[string]struct{ body, field string }{
		"no password":      {`{"email":"a@example.com"}`, "password"},
		"short password":   {`{"email":"a@example.com","password":"short"}`, "password"},
		"common password":  {`{"email":"a@example.com","password":"qwertyuiop123"}`, "password"},
		"long password":    {`{"email":"a@example.com","password":"` + strings.Repeat("ab1", 100) + `"}`, "password"},
		"no at":            {`{"email":"example.com","password":"` + apptest.GoodPassword + `"}`, "email"},
		"unicode address":  {`{"email":"ädä@example.com","password":"` + apptest.GoodPassword + `"}`, "email"},
		"unknown member":   {`{"email":"a@example.com","password":"` + apptest.GoodPassword + `","is_staff":true}`, "is_staff"},
		"number as text":   {`{"email":7,"password":"` + apptest.GoodPassword + `"}`, "email"},
		"null as text":     {`{"email":null,"password":"` + apptest.GoodPassword + `"}`, "email"},
		"control in name":  {`{"email":"a@example.com","password":"` + apptest.GoodPassword + `","display_name":"a\u0000b"}`, "display_name"},
		"newline in name":  {`{"email":"a@example.com","password":"` + apptest.GoodPassword + `","display_name":"a\nb"}`, "display_name"},
		"name turned over": {`{"email":"a@example.com","password":"` + apptest.GoodPassword + `","display_name":"a\u202eb"}`, "display_name"},
	} {
		t.Run(name, func(t *testing.T) {
			var p struct {
				Type      string
				RequestID string `json:"request_id"`
				Errors    []struct{ Field, Message string }
			}
			b.Send("POST", "/auth/signup", json.RawMessage(c.body)).Into(t, http.StatusBadRequest, &p)
			if p.Type != "urn:problem:invalid-request" || p.RequestID == "" || len(p.Errors) != 1 || p.Errors[0].Field != c.field || p.Errors[0].Message == "" {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestBadBodiesAreRefused(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for name, c := range map[string]struct {
		kind, body string
		status     int
	}{
		"text":            {"text/plain", `{"bio":"x"}`, http.StatusUnsupportedMediaType},
		"form":            {"application/x-www-form-urlencoded", `bio=x`, http.StatusUnsupportedMediaType},
		"no type":         {"", `{"bio":"x"}`, http.StatusUnsupportedMediaType},
		"odd charset":     {"application/json; charset=utf-16", `{"bio":"x"}`, http.StatusUnsupportedMediaType},
		"half":            {"application/json", `{"bio":"x"`, http.StatusBadRequest},
		"two values":      {"application/json", `{"bio":"x"}{"bio":"y"}`, http.StatusBadRequest},
		"empty":           {"application/json", ``, http.StatusBadRequest},
		"empty object":    {"application/json", `{}`, http.StatusBadRequest},
		"array":           {"application/json", `[]`, http.StatusBadRequest},
		"invalid UTF-8":   {"application/json", "{\"bio\":\"\xff\"}", http.StatusBadRequest},
		"NUL in the text": {"application/json", `{"bio":"a\u0000b"}`, http.StatusBadRequest},
		"too large":       {"application/json", `{"bio":"` + strings.Repeat("x", 70<<10) + `"}`, http.StatusRequestEntityTooLarge},
		"deep":            {"application/json", `{"bio":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"X-Csrf-Token": {b.Token()}}
			if c.kind != "" {
				header.Set("Content-Type", c.kind)
			}
			a := b.Do("PATCH", "/users/me", header, c.body).Want(t, c.status)
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") || strings.Contains(string(a.Body), "goroutine") {
				t.Errorf("answer %s", a.Body)
			}
		})
	}
	for _, c := range calls {
		if c.body == "" {
			continue
		}
		header := http.Header{"X-Csrf-Token": {b.Token()}, "Content-Type": {"text/plain"}}
		b.Do(c.method, c.path, header, c.body).Want(t, http.StatusUnsupportedMediaType)
		header.Set("Content-Type", "application/json")
		b.Do(c.method, c.path, header, strings.Repeat(" ", 70<<10)).Want(t, http.StatusRequestEntityTooLarge)
		b.Do(c.method, c.path, header, `{"unknown":1}`).Want(t, http.StatusBadRequest)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	_, b := start(t)
	b.Raw = true
	if a := b.Get("/nothing").Want(t, http.StatusNotFound); a.Problem() != "not-found" {
		t.Errorf("%s", a.Body)
	}
	if a := b.Do("DELETE", "/auth/login", nil, "").Want(t, http.StatusMethodNotAllowed); a.Problem() != "method-not-allowed" || a.Header.Get("Allow") == "" {
		t.Errorf("%s, Allow %q", a.Body, a.Header.Get("Allow"))
	}
}

func TestHealthVersionAndContract(t *testing.T) {
	s, b := start(t)
	var ready struct {
		Status, Release, Commit string
		Checks                  struct {
			Database, Redis struct{ Status string }
			Schema          struct {
				Status  string
				Version int64
			}
		}
	}
	b.Get("/health/live").Want(t, http.StatusOK)
	b.Get("/health/ready").Into(t, http.StatusOK, &ready)
	if ready.Status != "ok" || ready.Release != "testrelease1" || ready.Commit == "" || ready.Checks.Schema.Version < 3 || ready.Checks.Redis.Status != "ok" {
		t.Errorf("%+v", ready)
	}
	b.Get("/version").Want(t, http.StatusOK)
	var doc struct{ Paths map[string]any }
	b.Get("/openapi.json").Into(t, http.StatusOK, &doc)
	if len(doc.Paths) < 8 {
		t.Errorf("the contract has %d paths", len(doc.Paths))
	}
	s.Redis.Stop()
	b.Get("/health/ready").Into(t, http.StatusServiceUnavailable, &ready)
	if ready.Status != "unavailable" || ready.Checks.Redis.Status != "unavailable" || ready.Checks.Database.Status != "ok" {
		t.Errorf("without redis: %+v", ready)
	}
	if err := s.Redis.Start(); err != nil {
		t.Fatal(err)
	}
	b.Get("/health/ready").Want(t, http.StatusOK)
	if _, err := s.DB.SQL.Exec(`DELETE FROM goose_db_version WHERE version_id >= 2`); err != nil {
		t.Fatal(err)
	}
	b.Get("/health/ready").Into(t, http.StatusServiceUnavailable, &ready)
	if ready.Checks.Schema.Status != "unavailable" || ready.Checks.Schema.Version != 1 {
		t.Errorf("behind: %+v", ready)
	}
}

func TestProductionHidesTheContract(t *testing.T) {
	s := apptest.New(t)
	s.Production()
	s.Start("api")
	for _, path := range []string{"/openapi.json", "/docs", "/docs/style.css"} {
		s.Browser().Get(path).Want(t, http.StatusNotFound)
	}
}

func TestAPIPageNeedsNothingFromOutside(t *testing.T) {
	_, b := start(t)
	a := b.Get("/docs").Want(t, http.StatusOK)
	page := string(a.Body)
	for _, want := range []string{"PATCH /users/me", `id="schema-ProfileUpdate"`, "a CSRF token and a session", `href="docs/style.css"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	for _, no := range []string{"<script", "style=", "http://", "//cdn"} {
		if strings.Contains(page, no) {
			t.Errorf("%q on the page", no)
		}
	}
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %q", csp)
	}
	b.Get("/docs/style.css").Want(t, http.StatusOK)
}

func TestDatabaseDownIsUnavailableAndComesBack(t *testing.T) {
	cluster := testdb.Own(t)
	s := apptest.On(t, cluster)
	s.Provider()
	s.Start("api")
	b, visitor := s.Browser(), s.Browser()
	b.Enter("ada@example.com")
	token, visitorToken := b.Token(), visitor.Token()
	cluster.Stop()
	send := func(b *apptest.Browser, method, path, token, body string) apptest.Answer {
		return b.Do(method, path, http.Header{"X-Csrf-Token": {token}, "Content-Type": {"application/json"}}, body)
	}
	var answers []apptest.Answer
	for _, c := range append(calls, reads...) {
		if c.visitor {
			answers = append(answers, send(visitor, c.method, c.path, visitorToken, c.body))
		} else {
			answers = append(answers, send(b, c.method, c.path, token, c.body))
		}
	}
	for _, a := range append(answers, b.Get("/auth/csrf")) {
		if a.Want(t, http.StatusServiceUnavailable); a.Problem() != "unavailable" || a.Header.Get("Retry-After") == "" {
			t.Errorf("%s", a.Body)
		}
	}
	if b.Cookies["__Host-session"] == "" {
		t.Error("the session cookie was cleared because the database was down")
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	s.Wait("the session to be good again", func() bool { return b.Get("/users/me").Status == http.StatusOK })
}

// anAnswer is one of no authenticator, good in form.
const anAnswer = `{"id":"eA","client_data":"eA","authenticator_data":"eA","signature":"eA"}`

// call is one operation with a body that is good in form.
type call struct {
	method, path, body string
	// visitor reports whether no session is needed.
	visitor bool
}

// calls are the operations that change something, reads the others that need
// a session.
var (
	calls = []call{
		{"POST", "/auth/signup", `{"email":"x@example.com","password":"` + apptest.GoodPassword + `"}`, true},
		{"POST", "/auth/login", `{"email":"ada@example.com","password":"` + apptest.GoodPassword + `"}`, true},
		{"POST", "/auth/password/forgot", `{"email":"ada@example.com"}`, true},
		{"POST", "/auth/password/reset", `{"token":"x","password":"` + apptest.GoodPassword + `"}`, true},
		{"POST", "/auth/login/code", `{"code":"123456"}`, true},
		{"POST", "/auth/passkey", anAnswer, true},
		{"POST", "/auth/login/passkey/options", ``, true},
		{"POST", "/auth/login/passkey", anAnswer, true},
		{"POST", "/users/me/proof/passkey/options", ``, false},
		{"POST", "/users/me/proof/passkey", anAnswer, false},
		{"POST", "/users/me/passkeys/options", ``, false},
		{"POST", "/users/me/passkeys", `{"name":"x","id":"eA","client_data":"eA","attestation":"eA"}`, false},
		{"PATCH", "/users/me/passkeys/00000000-0000-4000-8000-000000000000", `{"name":"x"}`, false},
		{"DELETE", "/users/me/passkeys/00000000-0000-4000-8000-000000000000", ``, false},
		{"POST", "/users/me/proof", `{"password":"x"}`, false},
		{"POST", "/users/me/factor", ``, false},
		{"PUT", "/users/me/factor", `{"code":"123456"}`, false},
		{"DELETE", "/users/me/factor", ``, false},
		{"POST", "/users/me/factor/codes", ``, false},
		{"POST", "/auth/logout", ``, false},
		{"PATCH", "/users/me", `{"bio":"x"}`, false},
		{"DELETE", "/users/me", `{"password":"x"}`, false},
		{"POST", "/users/me/verification", ``, false},
		{"PUT", "/users/me/verification", `{"token":"x"}`, false},
		{"PUT", "/users/me/password", `{"current_password":"x","new_password":"` + apptest.GoodPassword + `"}`, false},
		{"DELETE", "/users/me/sessions", ``, false},
		{"DELETE", "/users/me/sessions/00000000-0000-4000-8000-000000000000", ``, false},
		{"POST", "/users/me/identities/google", ``, false},
		{"DELETE", "/users/me/identities/00000000-0000-4000-8000-000000000000", ``, false},
	}
	reads = []call{{"GET", "/users/me", ``, false}, {"GET", "/users/me/sessions", ``, false}, {"GET", "/users/me/identities", ``, false}, {"GET", "/users/me/factor", ``, false},
		{"GET", "/users/me/passkeys", ``, false}}
)

func TestWhoMayNotCall(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	stranger := b.Fresh()
	json := http.Header{"Content-Type": {"application/json"}}
	for _, c := range slices.Concat(calls, []call{{"POST", "/auth/passkey/options", ``, true}}) { // which needs no database
		if a := b.Do(c.method, c.path, json, c.body).Want(t, http.StatusForbidden); a.Problem() != "csrf-token" {
			t.Errorf("%s without token: %s", c.path, a.Body)
		}
		cross := http.Header{"Content-Type": {"application/json"}, "X-Csrf-Token": {b.Token()}, "Sec-Fetch-Site": {"cross-site"}}
		if a := b.Do(c.method, c.path, cross, c.body).Want(t, http.StatusForbidden); a.Problem() != "cross-origin" {
			t.Errorf("%s from another site: %s", c.path, a.Body)
		}
	}
	for _, c := range append(calls, reads...) {
		if c.visitor {
			continue
		}
		stranger.Do(c.method, c.path, json, c.body).Want(t, http.StatusUnauthorized)
	}
	if a := stranger.LogIn("ada@example.com", "not the password at all").Want(t, http.StatusUnauthorized); a.Problem() != "invalid-credentials" {
		t.Errorf("%s", a.Body)
	}
	b.Get("/users/me").Want(t, http.StatusOK)
}
