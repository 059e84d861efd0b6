package attacks

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
)

func withProvider(t *testing.T) (*apptest.Site, *apptest.Provider, *apptest.Browser) {
	t.Helper()
	s := apptest.New(t)
	p := s.Provider()
	s.Start("api")
	return s, p, s.Browser()
}

func TestAttack46StateMissingReusedOrSwapped(t *testing.T) {
	s, p, b := withProvider(t)
	expired := "/login?error=google_expired"
	back := p.Approve(b.Google("/"))
	for name, values := range map[string]url.Values{
		"no state":      {"code": back["code"]},
		"made-up state": {"code": back["code"], "state": {string(app.NewToken())}},
		"empty":         {},
	} {
		if at := b.ComeBack(values); at != expired {
			t.Errorf("%s: %s", name, at)
		}
		b.Google("/") // the cookie was cleared
	}
	victim := s.Browser()
	victim.Google("/")
	back = p.Approve(b.Google("/"))
	if at := victim.ComeBack(back); at != expired || victim.Cookies[session] != "" {
		t.Errorf("another browser's state: %s", at)
	}
	back = p.Approve(b.Google("/"))
	if at := b.ComeBack(back); at != "/" {
		t.Fatalf("the good one: %s", at)
	}
	b.Google("/")
	if at := b.ComeBack(back); at != expired {
		t.Errorf("used twice: %s", at)
	}
	naked := s.Browser()
	back = p.Approve(naked.Google("/"))
	naked.Cookies = map[string]string{}
	if at := naked.ComeBack(back); at != expired {
		t.Errorf("without the cookie: %s", at)
	}
}

func TestAttack46CodeOfAnotherFlow(t *testing.T) {
	s, p, b := withProvider(t)
	attacker := s.Browser()
	stolen := p.Approve(attacker.Google("/"))
	mine := p.Approve(b.Google("/"))
	mine["code"] = stolen["code"] // PKCE ties the code to the attacker's flow
	if at := b.ComeBack(mine); at != "/login?error=google_failed" || b.Cookies[session] != "" {
		t.Errorf("somebody else's code: %s", at)
	}
}

func TestAttack47MixUpOfIssuers(t *testing.T) {
	_, p, b := withProvider(t)
	back := p.Approve(b.Google("/"))
	back.Set("iss", "https://other.example")
	if at := b.ComeBack(back); at != "/login?error=google_failed" {
		t.Errorf("%s", at)
	}
	back = p.Approve(b.Google("/"))
	back.Set("iss", p.URL)
	if at := b.ComeBack(back); at != "/" {
		t.Errorf("the right issuer: %s", at)
	}
}

func TestAttack48IdentityKeyedOnAddress(t *testing.T) {
	s, p, b := withProvider(t)
	b.ComeBack(p.Approve(b.Google("/")))
	p.Who = map[string]any{"sub": "2002", "email": "ada@example.com", "email_verified": true}
	other := s.Browser()
	if at := other.ComeBack(p.Approve(other.Google("/"))); at != "/login?error=google_known" || other.Cookies[session] != "" {
		t.Errorf("another subject with the same address: %s", at)
	}
}

func TestAttack49PreHijacking(t *testing.T) {
	s, p, attacker := withProvider(t)
	attacker.Enter("ada@example.com") // signs up with the victim's address
	victim := s.Browser()
	if at := victim.ComeBack(p.Approve(victim.Google("/"))); at != "/login?error=google_known" || victim.Cookies[session] != "" {
		t.Errorf("the victim landed in the attacker's account: %s", at)
	}
	// The reverse: the account of Google's user is not opened by a sign-up.
	p.Who = map[string]any{"sub": "3003", "email": "bea@example.com", "email_verified": true}
	bea := s.Browser()
	bea.ComeBack(p.Approve(bea.Google("/")))
	attacker = s.Browser()
	attacker.SignUp("bea@example.com", next)
	attacker.LogIn("bea@example.com", next).Want(t, http.StatusUnauthorized)
	bea.Get("/users/me").Want(t, http.StatusOK)
}

func TestAttack50UnverifiedAddress(t *testing.T) {
	s, p, b := withProvider(t)
	s.Browser().SignUp("ada@example.com", apptest.GoodPassword)
	p.Who["email_verified"] = false
	if at := b.ComeBack(p.Approve(b.Google("/"))); at != "/login?error=google_unverified" || b.Cookies[session] != "" {
		t.Errorf("%s", at)
	}
	p.Who["email_verified"] = "true" // a text is no truth value
	if at := b.ComeBack(p.Approve(b.Google("/"))); !strings.HasPrefix(at, "/login?error=") || b.Cookies[session] != "" {
		t.Errorf("%s", at)
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM identities`); err != nil || n != 0 {
		t.Errorf("%d identities, err %v", n, err)
	}
}

func TestAttack51OpenRedirect(t *testing.T) {
	_, p, b := withProvider(t)
	for _, to := range []string{
		`/\evil.example`, "//evil.example", "https:evil", "https://evil.example", "///evil.example", "/\t/evil.example", "/%09/evil.example\n", "javascript:alert(1)", `\/evil.example`, "evil.example", "/%5cevil.example", "/api/auth/logout", "",
	} {
		if at := b.ComeBack(p.Approve(b.Google(to))); at != "/account" {
			t.Errorf("%q leads to %s", to, at)
		}
	}
	if at := b.ComeBack(p.Approve(b.Google("/account?tab=sessions#x"))); at != "/account?tab=sessions#x" {
		t.Errorf("a good path leads to %s", at)
	}
}
