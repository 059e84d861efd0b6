package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/testdb"
)

func startWithProvider(t *testing.T) (*apptest.Site, *apptest.Provider, *apptest.Browser) {
	t.Helper()
	s := apptest.New(t)
	p := s.Provider()
	s.Start("api")
	return s, p, s.Browser()
}

type identity struct {
	ID, Provider, Email string
}

func identities(t *testing.T, b *apptest.Browser) []identity {
	t.Helper()
	var out struct{ Identities []identity }
	b.Get("/users/me/identities").Into(t, http.StatusOK, &out)
	return out.Identities
}

func TestGoogleSignUpAndLogIn(t *testing.T) {
	_, p, b := startWithProvider(t)
	to, err := url.Parse(b.Google("/account?tab=sessions"))
	if err != nil {
		t.Fatal(err)
	}
	q := to.Query()
	if q.Get("redirect_uri") != "https://"+apptest.Domain+"/api/auth/google/callback" || q.Get("response_type") != "code" || !strings.Contains(q.Get("scope"), "openid") ||
		len(q.Get("state")) < 40 || len(q.Get("nonce")) < 40 || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
		t.Errorf("asked with %v", q)
	}
	if at := b.ComeBack(p.Approve(to.String())); at != "/account?tab=sessions" {
		t.Fatalf("came back to %s", at)
	}
	var me struct {
		user
		HasPassword bool `json:"has_password"`
	}
	b.Get("/users/me").Into(t, http.StatusOK, &me)
	if me.Email != "ada@example.com" || !me.EmailVerified || me.DisplayName != "Ada" || me.HasPassword {
		t.Errorf("%+v", me)
	}
	if ids := identities(t, b); len(ids) != 1 || ids[0].Provider != "google" {
		t.Errorf("%v", ids)
	}
	other := b.Fresh()
	p.Who["email"] = "ada@elsewhere.example.com" // the address may change, the subject not
	if at := other.ComeBack(p.Approve(other.Google(""))); at != "/account" {
		t.Fatalf("came back to %s", at)
	}
	var again user
	other.Get("/users/me").Into(t, http.StatusOK, &again)
	if again.ID != me.ID {
		t.Error("a second account was made")
	}
}

func TestGoogleWithoutProvider(t *testing.T) {
	_, b := start(t)
	var out struct{ Google bool }
	b.Get("/auth/providers").Into(t, http.StatusOK, &out)
	if out.Google {
		t.Error("a provider is offered")
	}
	b.Get("/auth/google/start").Want(t, http.StatusNotFound)
	b.Get("/auth/google/callback").Want(t, http.StatusNotFound)
	b.Enter("ada@example.com")
	b.Send("POST", "/users/me/identities/google", nil).Want(t, http.StatusNotFound)
}

func TestGoogleLinkAndUnlink(t *testing.T) {
	s, p, b := startWithProvider(t)
	b.Enter("bea@example.com")
	var link struct{ URL string }
	b.Send("POST", "/users/me/identities/google", nil).Into(t, http.StatusOK, &link)
	if at := b.ComeBack(p.Approve(link.URL)); at != "/account?linked=google" {
		t.Fatalf("came back to %s", at)
	}
	visitor := s.Browser()
	if at := visitor.ComeBack(p.Approve(visitor.Google("/"))); at != "/" {
		t.Fatalf("log in with the linked account: %s", at)
	}
	var me user
	visitor.Get("/users/me").Into(t, http.StatusOK, &me)
	if me.Email != "bea@example.com" {
		t.Errorf("logged in as %s", me.Email)
	}
	eve := s.Browser()
	eve.Enter("eve@example.com")
	eve.Send("POST", "/users/me/identities/google", nil).Into(t, http.StatusOK, &link)
	if at := eve.ComeBack(p.Approve(link.URL)); at != "/account?error=google_taken" {
		t.Errorf("somebody else's identity: %s", at)
	}
	id := identities(t, b)[0].ID
	eve.Send("DELETE", "/users/me/identities/"+id, nil).Want(t, http.StatusNotFound)
	b.Send("DELETE", "/users/me/identities/"+id, nil).Want(t, http.StatusNoContent)
	b.Send("DELETE", "/users/me/identities/"+id, nil).Want(t, http.StatusNotFound)
	b.Send("DELETE", "/users/me/identities/not-a-uuid", nil).Want(t, http.StatusBadRequest)
	if ids := identities(t, b); len(ids) != 0 {
		t.Errorf("%v", ids)
	}
}

func TestGoogleCancelledOrBroken(t *testing.T) {
	_, p, b := startWithProvider(t)
	for name, c := range map[string]struct {
		spoil func(p *apptest.Provider, back url.Values)
		want  string
	}{
		"cancelled":        {func(_ *apptest.Provider, back url.Values) { back.Del("code"); back.Set("error", "access_denied") }, "cancelled"},
		"provider error":   {func(_ *apptest.Provider, back url.Values) { back.Set("error", "server_error") }, "failed"},
		"no code":          {func(_ *apptest.Provider, back url.Values) { back.Del("code") }, "failed"},
		"made-up code":     {func(_ *apptest.Provider, back url.Values) { back.Set("code", "x") }, "failed"},
		"other issuer":     {func(_ *apptest.Provider, back url.Values) { back.Set("iss", "https://evil.example") }, "failed"},
		"no token":         {func(p *apptest.Provider, _ url.Values) { p.NoToken = true }, "failed"},
		"forged":           {func(p *apptest.Provider, _ url.Values) { p.Forge = true }, "failed"},
		"wrong nonce":      {func(p *apptest.Provider, _ url.Values) { p.Spoil = set("nonce", "x") }, "failed"},
		"no nonce":         {func(p *apptest.Provider, _ url.Values) { p.Spoil = set("nonce", "") }, "failed"},
		"wrong audience":   {func(p *apptest.Provider, _ url.Values) { p.Spoil = set("aud", "other") }, "failed"},
		"wrong issuer":     {func(p *apptest.Provider, _ url.Values) { p.Spoil = set("iss", "https://evil.example") }, "failed"},
		"over":             {func(p *apptest.Provider, _ url.Values) { p.Spoil = set("exp", 1000) }, "failed"},
		"other party":      {func(p *apptest.Provider, _ url.Values) { p.Spoil = set("azp", "other") }, "failed"},
		"nobody":           {func(p *apptest.Provider, _ url.Values) { p.Spoil = set("sub", "") }, "failed"},
		"address unsure":   {func(p *apptest.Provider, _ url.Values) { p.Spoil = set("email_verified", false) }, "unverified"},
		"no address":       {func(p *apptest.Provider, _ url.Values) { p.Spoil = set("email", "") }, "unverified"},
		"provider is down": {func(p *apptest.Provider, _ url.Values) { p.Down = true }, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			p.NoToken, p.Forge, p.Down, p.Spoil = false, false, false, nil
			back := p.Approve(b.Google("/"))
			c.spoil(p, back)
			if at := b.ComeBack(back); at != "/login?error=google_"+c.want {
				t.Errorf("came back to %s", at)
			}
			b.Get("/users/me").Want(t, http.StatusUnauthorized)
		})
	}
	b.Get("/auth/google/start?return_to="+strings.Repeat("x", 600)).Want(t, http.StatusBadRequest)
	b.Get("/auth/google/callback?state="+strings.Repeat("x", 600)).Want(t, http.StatusBadRequest)
}

func set(name string, value any) func(map[string]any) {
	return func(claims map[string]any) { claims[name] = value }
}

func TestGoogleWithoutRedisOrDatabase(t *testing.T) {
	cluster := testdb.Own(t)
	s := apptest.On(t, cluster)
	p := s.Provider()
	s.Start("api")
	b, member := s.Browser(), s.Browser()
	member.Enter("bea@example.com")
	b.Google("/")
	token := member.Token()
	back := p.Approve(b.Google("/"))
	cluster.Stop()
	if at := b.ComeBack(back); at != "/login?error=google_unavailable" {
		t.Errorf("callback without database: %s", at)
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	s.Wait("the database to be back", func() bool { return member.Get("/users/me").Status == http.StatusOK })
	s.Redis.Stop()
	if a := b.Get("/auth/google/start").Want(t, http.StatusFound); a.Header.Get("Location") != "/login?error=google_unavailable" {
		t.Errorf("start without redis: %s", a.Header.Get("Location"))
	}
	if at := b.ComeBack(url.Values{"state": {"x"}, "code": {"y"}}); at != "/login?error=google_unavailable" {
		t.Errorf("callback without redis: %s", at)
	}
	member.Do("POST", "/users/me/identities/google", http.Header{"X-Csrf-Token": {token}}, "").Want(t, http.StatusServiceUnavailable)
}

func TestGoogleOfADisabledUserIsRefused(t *testing.T) {
	s, p, b := startWithProvider(t)
	b.ComeBack(p.Approve(b.Google("/")))
	if _, err := s.DB.SQL.Exec(`UPDATE users SET disabled_at = now()`); err != nil {
		t.Fatal(err)
	}
	if at := b.ComeBack(p.Approve(b.Google("/"))); at != "/login?error=google_refused" {
		t.Errorf("came back to %s", at)
	}
	b.Get("/users/me").Want(t, http.StatusUnauthorized)
}

func TestAttack52UnlinkingTheLastWayIn(t *testing.T) {
	s, p, b := startWithProvider(t)
	b.ComeBack(p.Approve(b.Google("/")))
	id := identities(t, b)[0].ID
	b.Send("DELETE", "/users/me/identities/"+id, nil).Want(t, http.StatusConflict)
	if ids := identities(t, b); len(ids) != 1 {
		t.Errorf("%v", ids)
	}
	b.Send("PUT", "/users/me/password", map[string]string{"new_password": nextPassword}).Want(t, http.StatusNoContent)
	b.Send("DELETE", "/users/me/identities/"+id, nil).Want(t, http.StatusNoContent)
	s.Browser().LogIn("ada@example.com", nextPassword).Want(t, http.StatusOK)
}

func TestLinkingNeedsAFreshLoginAndHasALimit(t *testing.T) {
	s, _, b := startWithProvider(t)
	b.Enter("ada@example.com")
	for range 100 {
		b.Send("POST", "/users/me/identities/google", nil).Want(t, http.StatusOK)
	}
	b.Send("POST", "/users/me/identities/google", nil).Want(t, http.StatusTooManyRequests)
	if _, err := s.DB.SQL.Exec(`UPDATE sessions SET created_at = now() - interval '11 minutes'`); err != nil {
		t.Fatal(err)
	}
	b.Send("POST", "/users/me/identities/google", nil).Want(t, http.StatusConflict)
}
