package attacks

import (
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

const change = `{"bio":"changed by somebody else"}`

// refusedChange tries to change the profile and sees that it did not.
func refusedChange(t *testing.T, b *apptest.Browser, header http.Header, body string, status int) {
	t.Helper()
	b.Do("PATCH", "/users/me", header, body).Want(t, status)
	if strings.Contains(string(b.Get("/users/me").Want(t, http.StatusOK).Body), "somebody else") {
		t.Error("the profile was changed")
	}
}

func TestAttack11TokenOfAnotherSession(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	eve := s.Browser()
	eve.Enter("eve@example.com")
	refusedChange(t, b, withToken(eve), change, http.StatusForbidden)
	same := s.Browser()
	same.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	refusedChange(t, b, withToken(same), change, http.StatusForbidden)
}

func TestAttack12InjectedDoubleSubmitCookie(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	attacker := s.Browser()
	header := withToken(attacker) // a good pair of cookie and token, from before a login
	b.Cookies["__Host-visitor"] = attacker.Cookies["__Host-visitor"]
	refusedChange(t, b, header, change, http.StatusForbidden)
	header.Set("X-Csrf-Token", attacker.Cookies["__Host-visitor"])
	refusedChange(t, b, header, change, http.StatusForbidden)
}

func TestAttack13TokenFromBeforeLogin(t *testing.T) {
	_, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	before := withToken(b)
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	refusedChange(t, b, before, change, http.StatusForbidden)
}

func TestAttack14LoginAndLogoutCSRF(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	json := http.Header{"Content-Type": {"application/json"}}
	b.Do("POST", "/auth/logout", nil, "").Want(t, http.StatusForbidden)
	visitor := s.Browser()
	body := `{"email":"ada@example.com","password":"` + apptest.GoodPassword + `"}`
	visitor.Do("POST", "/auth/login", json, body).Want(t, http.StatusForbidden)
	cross := withToken(visitor)
	cross.Set("Sec-Fetch-Site", "cross-site")
	visitor.Do("POST", "/auth/login", cross, body).Want(t, http.StatusForbidden)
	visitor.Do("POST", "/auth/signup", cross, body).Want(t, http.StatusForbidden)
	if visitor.Cookies[session] != "" {
		t.Error("a session was set")
	}
	b.Get("/users/me").Want(t, http.StatusOK)
}

func TestAttack15JSONAsTextOrForm(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; application/json", ""} {
		header := withToken(b)
		header.Del("Content-Type")
		if kind != "" {
			header.Set("Content-Type", kind)
		}
		refusedChange(t, b, header, change, http.StatusUnsupportedMediaType)
	}
}

func TestAttack16ChangeByGet(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	b.Raw = true
	for _, path := range []string{"/auth/logout", "/auth/login", "/auth/signup", "/auth/password/forgot", "/auth/password/reset", "/users/me/verification", "/users/me/password"} {
		b.Get(path+"?bio=x&password=x").Want(t, http.StatusMethodNotAllowed)
	}
	b.Do("GET", "/users/me", http.Header{"X-Http-Method-Override": {"DELETE"}, "X-Method-Override": {"DELETE"}}, change).Want(t, http.StatusOK)
	b.Get("/users/me?_method=DELETE&bio=x").Want(t, http.StatusOK)
	if strings.Contains(string(b.Get("/users/me").Want(t, http.StatusOK).Body), `"bio":"x"`) {
		t.Error("changed by GET")
	}
}

func TestAttack17And18ForeignOrigins(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for name, headers := range map[string]http.Header{
		"null origin":      {"Origin": {"null"}},
		"other origin":     {"Origin": {"https://evil.example"}},
		"subdomain":        {"Origin": {"https://evil." + apptest.Domain}},
		"name with prefix": {"Origin": {"https://" + apptest.Domain + ".evil.example"}},
		"same site":        {"Sec-Fetch-Site": {"same-site"}},
		"cross site":       {"Sec-Fetch-Site": {"cross-site"}},
	} {
		t.Run(name, func(t *testing.T) {
			header := withToken(b) // even a good token does not help
			for k, v := range headers {
				header[k] = v
			}
			refusedChange(t, b, header, change, http.StatusForbidden)
		})
	}
}

func TestAttack19ReflectedCORS(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	b.Raw = true
	evil := http.Header{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"PATCH"}, "Access-Control-Request-Headers": {"x-csrf-token"}}
	for _, a := range []apptest.Answer{b.Do("GET", "/users/me", evil, ""), b.Do("OPTIONS", "/users/me", evil, ""), b.Do("GET", "/auth/csrf", evil, "")} {
		for name := range a.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", name, a.Header.Get(name))
			}
		}
	}
}

func TestAttack56PrivateAnswersInCaches(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for _, path := range []string{"/users/me", "/users/me/sessions", "/users/me/identities", "/auth/csrf", "/auth/providers", "/health/ready"} {
		if got := b.Get(path).Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
	if got := b.Fresh().Get("/users/me").Want(t, http.StatusUnauthorized).Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("401: Cache-Control %q", got)
	}
}
