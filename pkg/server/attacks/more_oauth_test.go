package attacks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/server/apptest"
)

const failed = "/login?error=google_failed"

// refusedSignIn comes back from the provider and is not let in.
func refusedSignIn(t *testing.T, name string, b *apptest.Browser, p *apptest.Provider) {
	t.Helper()
	if at := b.ComeBack(p.Approve(b.Google("/"))); at != failed || b.Cookies[session] != "" {
		t.Errorf("%s leads to %s", name, at)
	}
}

func TestAttack68TokenSignedByNobodyOrWithThePublicKey(t *testing.T) {
	_, p, b := withProvider(t)
	p.Compose = func(claims map[string]any) string {
		return apptest.Part(map[string]string{"alg": "none"}) + "." + apptest.Part(claims) + "."
	}
	refusedSignIn(t, "alg none", b, p)
	p.Compose = func(claims map[string]any) string {
		return apptest.Part(map[string]string{"alg": "nOnE"}) + "." + apptest.Part(claims) + "."
	}
	refusedSignIn(t, "alg nOnE", b, p)
	for _, key := range [][]byte{p.PublicKey(), []byte("client-secret")} {
		p.Compose = func(claims map[string]any) string {
			text := apptest.Part(map[string]string{"alg": "HS256", "kid": "one"}) + "." + apptest.Part(claims)
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(text))
			return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}
		refusedSignIn(t, "HS256", b, p)
	}
	p.Compose = func(map[string]any) string { return strings.Repeat("a.", 5000) }
	refusedSignIn(t, "no token at all", b, p)
	p.Compose, p.Forge = nil, true
	refusedSignIn(t, "a key that is not published", b, p)
}

func TestAttack69ClaimsOfATokenThatIsNotForUs(t *testing.T) {
	_, p, b := withProvider(t)
	for name, spoil := range map[string]func(map[string]any){
		"another audience":            func(c map[string]any) { c["aud"] = "somebody-else" },
		"two audiences, no party":     func(c map[string]any) { c["aud"] = []string{"client", "somebody-else"} },
		"another party":               func(c map[string]any) { c["azp"] = "somebody-else" },
		"another issuer":              func(c map[string]any) { c["iss"] = "https://accounts.example" },
		"no issuer":                   func(c map[string]any) { delete(c, "iss") },
		"expired":                     func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
		"no end":                      func(c map[string]any) { delete(c, "exp") },
		"made in the future":          func(c map[string]any) { c["iat"] = time.Now().Add(time.Hour).Unix() },
		"made at no time":             func(c map[string]any) { delete(c, "iat") },
		"not good before":             func(c map[string]any) { c["nbf"] = time.Now().Add(time.Hour).Unix() },
		"no nonce":                    func(c map[string]any) { delete(c, "nonce") },
		"another nonce":               func(c map[string]any) { c["nonce"] = "x" },
		"no subject":                  func(c map[string]any) { c["sub"] = "" },
		"a subject without end":       func(c map[string]any) { c["sub"] = strings.Repeat("9", 256) },
		"another access token's hash": func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" },
		"a number as time":            func(c map[string]any) { c["exp"] = 1e300 },
	} {
		p.Spoil = spoil
		refusedSignIn(t, name, b, p)
	}
	p.Spoil = func(c map[string]any) { c["aud"], c["azp"] = []string{"client", "another"}, "client" }
	if at := b.ComeBack(p.Approve(b.Google("/"))); at != "/" {
		t.Errorf("two audiences and our party: %s", at)
	}
}

func TestAttack70KeysAreChanged(t *testing.T) {
	_, p, b := withProvider(t)
	if at := b.ComeBack(p.Approve(b.Google("/"))); at != "/" {
		t.Fatalf("with the first key: %s", at)
	}
	p.Rotate()
	if at := b.ComeBack(p.Approve(b.Google("/"))); at != "/" {
		t.Errorf("with the new key: %s", at)
	}
	p.Forge = true // signs with the key from before
	b.Cookies = map[string]string{}
	refusedSignIn(t, "the old key", b, p)
}

// endless sends more than anybody should read.
func endless(sent *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		chunk := []byte(`{"keys":[` + strings.Repeat(" ", 64<<10))
		for range 1000 {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
}

func TestAttack71ProviderThatNeverEnds(t *testing.T) {
	for _, path := range []string{"/.well-known/openid-configuration", "/keys", "/token"} {
		t.Run(path, func(t *testing.T) {
			_, p, b := withProvider(t)
			var sent atomic.Int64
			p.Instead[path] = endless(&sent)
			a := b.Get("/auth/google/start").Want(t, http.StatusFound)
			at := a.Header.Get("Location")
			if strings.Contains(at, "/authorize?") {
				at = b.ComeBack(p.Approve(at))
			}
			if !strings.HasPrefix(at, "/login?error=google_") || b.Cookies[session] != "" {
				t.Errorf("leads to %s", at)
			}
			if sent.Load() > 16<<20 || sent.Load() == 0 {
				t.Errorf("%d bytes were read", sent.Load())
			}
		})
	}
}

func TestAttack72ProviderSendsTheSecretElsewhere(t *testing.T) {
	_, p, b := withProvider(t)
	var asked atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer thief.Close()
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect, http.StatusFound} {
		p.Instead["/token"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, thief.URL, status) }
		refusedSignIn(t, fmt.Sprint(status), b, p)
	}
	if asked.Load() > 0 {
		t.Errorf("%d requests went to another host", asked.Load())
	}
}

func TestAttack73CallbackWithoutThePromisedIssuer(t *testing.T) {
	_, p, b := withProvider(t)
	p.Instead["/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
		c := p.Configuration()
		c["authorization_response_iss_parameter_supported"] = true
		w.Header().Set("Content-Type", "application/json")
		text, _ := base64.RawURLEncoding.DecodeString(apptest.Part(c))
		_, _ = w.Write(text)
	}
	refusedSignIn(t, "no issuer", b, p)
	back := p.Approve(b.Google("/"))
	back.Set("iss", p.URL)
	if at := b.ComeBack(back); at != "/" {
		t.Errorf("with it: %s", at)
	}
}

func TestAttack74CodeUsedTwice(t *testing.T) {
	s, p, b := withProvider(t)
	back := p.Approve(b.Google("/"))
	if at := b.ComeBack(back); at != "/" {
		t.Fatalf("the first time: %s", at)
	}
	other := s.Browser()
	again := p.Approve(other.Google("/"))
	again["code"] = back["code"]
	if at := other.ComeBack(again); at != failed || other.Cookies[session] != "" {
		t.Errorf("the second time: %s", at)
	}
}

func TestAttack75CallbackThatSpeaksToTheReader(t *testing.T) {
	_, _, b := withProvider(t)
	for _, values := range []url.Values{
		{"error": {"<script>alert(1)</script>"}, "error_description": {"Call +1 555 0100"}, "state": {"x"}},
		{"error": {"x\r\nSet-Cookie: a=b"}, "state": {"\x00"}},
		{"state": {"../../x"}, "code": {"\u202e"}, "iss": {"javascript:alert(1)"}},
	} {
		b.Google("/")
		if at := b.ComeBack(values); at != "/login?error=google_expired" {
			t.Errorf("%v leads to %s", values, at)
		}
	}
	b.Get("/auth/google/callback?state=x&code=%ff%fe").Want(t, http.StatusBadRequest)
	if b.Cookies["a"] != "" {
		t.Error("a cookie was planted")
	}
}

func TestAttack76MoreOpenRedirects(t *testing.T) {
	_, p, b := withProvider(t)
	for _, to := range []string{
		"/%09/evil.example", "/\t//evil.example", `\\evil.example`, "/%5c%5cevil.example", "/%2f%2fevil.example", "/.//evil.example", "/..//evil.example", "/a/..//evil.example",
		"/\u2215\u2215evil.example", "/\uff0f\uff0fevil.example", "/%e2%80%ae", "/%0d%0aLocation:%20https://evil.example", "/\r\nSet-Cookie: a=b", "/%00", "//evil.example@site.example.com/",
		"/./api/auth/google/start", "/%61pi/auth/google/start", "/API/x", "/api", "http:///evil.example", "https:/evil.example", "@evil.example", ".evil.example", "?x", "#x", "/" + strings.Repeat("a", 490) + "/../x",
	} {
		if at := b.ComeBack(p.Approve(b.Google(to))); at != "/account" {
			t.Errorf("%q leads to %s", to, at)
		}
	}
	for _, to := range []string{"/", "/account", "/a-b_c/d.html?x=1&y=%2F%2Fevil#z", "/caf%C3%A9/"} {
		if at := b.ComeBack(p.Approve(b.Google(to))); at != to {
			t.Errorf("a good path %q leads to %s", to, at)
		}
	}
}

func TestAttack77FloodOfSignIns(t *testing.T) {
	s, _, b := withProvider(t)
	b.Enter("ada@example.com")
	busy := 0
	for range 110 {
		if b.Get("/auth/google/start").Want(t, http.StatusFound).Header.Get("Location") == "/login?error=google_unavailable" {
			busy++
		}
	}
	if busy != 10 {
		t.Errorf("%d of 110 were refused", busy)
	}
	b.Send("POST", "/users/me/identities/google", nil).Want(t, http.StatusTooManyRequests)
	from(s.Browser(), "203.0.113.7").Google("/")
}
