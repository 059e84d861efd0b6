package attacks

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"stackctl/pkg/server/apptest"
)

func TestAttack118ClaimsOfAnotherType(t *testing.T) {
	_, p, b := withProvider(t)
	for name, spoil := range map[string]func(map[string]any){
		"a number as subject":        func(c map[string]any) { c["sub"] = 1001 },
		"a list as subject":          func(c map[string]any) { c["sub"] = []string{"1001"} },
		"no subject at all":          func(c map[string]any) { delete(c, "sub") },
		"a subject with NUL":         func(c map[string]any) { c["sub"] = "10\x0001" },
		"a text as verified":         func(c map[string]any) { c["email_verified"] = "true" },
		"a number as verified":       func(c map[string]any) { c["email_verified"] = 1 },
		"a list as address":          func(c map[string]any) { c["email"] = []string{"ada@example.com"} },
		"an object as name":          func(c map[string]any) { c["name"] = map[string]string{"a": "b"} },
		"an object as audience":      func(c map[string]any) { c["aud"] = map[string]string{"client": "client"} },
		"no audience":                func(c map[string]any) { c["aud"] = []string{} },
		"a number as party":          func(c map[string]any) { c["azp"] = 1 },
		"a number as nonce":          func(c map[string]any) { c["nonce"] = 1 },
		"the issuer with a slash":    func(c map[string]any) { c["iss"] = p.URL + "/" },
		"the issuer in capitals":     func(c map[string]any) { c["iss"] = strings.ToUpper(p.URL) },
		"the audience with a space":  func(c map[string]any) { c["aud"] = "client " },
		"the audience in capitals":   func(c map[string]any) { c["aud"] = "CLIENT" },
		"a token that never was new": func(c map[string]any) { c["iat"] = -1 },
	} {
		p.Spoil = spoil
		refusedSignIn(t, name, b, p)
	}
}

// What a provider says about a person is bounded and cleaned before it is kept
// or shown.
func TestAttack119ProviderThatTellsTales(t *testing.T) {
	s, p, b := withProvider(t)
	b.Enter("bea@example.com")
	p.Who = map[string]any{"sub": "1001", "email": strings.Repeat("a", 200<<10) + "@example.com", "email_verified": true, "name": "x"}
	link(t, b, p)
	p.Who = map[string]any{"sub": "1002", "email": "a\u202e\r\nBcc: eve@example.com<script>", "email_verified": true}
	link(t, b, p)
	var longest int
	var all string
	if err := s.DB.SQL.Get(&longest, `SELECT max(char_length(email)) FROM identities`); err != nil || longest > 254 {
		t.Errorf("%d characters, err %v", longest, err)
	}
	if err := s.DB.SQL.Get(&all, `SELECT string_agg(email, '') FROM identities`); err != nil || strings.ContainsAny(all, "\u202e\r\n") {
		t.Errorf("%.100q, err %v", all, err)
	}
	for i, name := range []string{"\u202egnp.exe", "a\u200bdmin", "a\x00b", "a\r\nb", strings.Repeat("n", 81), "\ufeff"} {
		p.Who = map[string]any{"sub": "2" + strings.Repeat("0", i), "email": strings.Repeat("n", i+1) + "@example.com", "email_verified": true, "name": name}
		other := s.Browser()
		if at := other.ComeBack(p.Approve(other.Google("/"))); at != "/" {
			t.Fatalf("%q leads to %s", name, at)
		}
		var me struct {
			DisplayName string `json:"display_name"`
		}
		other.Get("/users/me").Into(t, http.StatusOK, &me)
		if me.DisplayName != "" {
			t.Errorf("%q became %q", name, me.DisplayName)
		}
	}
}

// Subjects that look alike are different people.
func TestAttack120SubjectsThatLookAlike(t *testing.T) {
	s, p, b := withProvider(t)
	p.Who = map[string]any{"sub": "abc", "email": "ada@example.com", "email_verified": true}
	if at := b.ComeBack(p.Approve(b.Google("/"))); at != "/" {
		t.Fatalf("leads to %s", at)
	}
	for _, sub := range []string{"ABC", "abc ", " abc", "abc\u200b", "\uff41bc", "a%62c", "abc\t", "abc%"} {
		p.Who = map[string]any{"sub": sub, "email": "ada@example.com", "email_verified": true}
		other := s.Browser()
		if at := other.ComeBack(p.Approve(other.Google("/"))); other.Cookies[session] != "" || at == "/" {
			t.Errorf("%q leads to %s", sub, at)
		}
	}
}

// The key of a token is one that the provider publishes, whatever its head says.
func TestAttack121TokenThatBringsItsOwnKey(t *testing.T) {
	_, p, b := withProvider(t)
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer thief.Close()
	b64 := base64.RawURLEncoding
	jwk := map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": b64.EncodeToString(own.N.Bytes()), "e": b64.EncodeToString(big.NewInt(int64(own.E)).Bytes())}
	for name, head := range map[string]map[string]any{
		"jwk": {"alg": "RS256", "kid": "one", "jwk": jwk}, "jwk alone": {"alg": "RS256", "jwk": jwk}, "jku": {"alg": "RS256", "kid": "one", "jku": thief.URL},
		"x5u": {"alg": "RS256", "kid": "one", "x5u": thief.URL}, "a path as kid": {"alg": "RS256", "kid": "../../dev/null"}, "SQL as kid": {"alg": "RS256", "kid": "x' OR '1'='1"},
		"no kid": {"alg": "RS256"}, "crit": {"alg": "RS256", "kid": "one", "crit": []string{"b64"}, "b64": false}, "another algorithm": {"alg": "PS256", "kid": "one"},
	} {
		p.Compose = func(claims map[string]any) string {
			text := apptest.Part(head) + "." + apptest.Part(claims)
			sum := sha256.Sum256([]byte(text))
			signature, err := rsa.SignPKCS1v15(rand.Reader, own, crypto.SHA256, sum[:])
			if err != nil {
				panic(err)
			}
			return text + "." + b64.EncodeToString(signature)
		}
		refusedSignIn(t, name, b, p)
	}
	p.Compose = func(claims map[string]any) string { // the answer of another flow, with its signature cut off or doubled
		return apptest.Part(map[string]string{"alg": "RS256", "kid": "one"}) + "." + apptest.Part(claims) + ".." + strings.Repeat("A", 342)
	}
	refusedSignIn(t, "two signatures", b, p)
	if asked.Load() > 0 {
		t.Errorf("%d keys were fetched from elsewhere", asked.Load())
	}
}

// A parameter that is given twice has no second meaning.
func TestAttack122CallbackParametersTwice(t *testing.T) {
	s, p, b := withProvider(t)
	attacker := s.Browser()
	stolen := p.Approve(attacker.Google("/"))
	for name, mix := range map[string]func(own url.Values) string{
		"code":           func(own url.Values) string { return "code=" + stolen.Get("code") + "&" + own.Encode() },
		"state":          func(own url.Values) string { return own.Encode() + "&state=" + stolen.Get("state") },
		"state first":    func(own url.Values) string { return "state=" + stolen.Get("state") + "&" + own.Encode() },
		"error and code": func(own url.Values) string { return own.Encode() + "&error=access_denied" },
		"list":           func(own url.Values) string { return own.Encode() + "&code[]=" + stolen.Get("code") },
		"another issuer": func(own url.Values) string { return own.Encode() + "&iss=https://evil.example" },
		"issuer and both": func(own url.Values) string {
			return own.Encode() + "&iss=" + url.QueryEscape(p.URL) + "&iss=https://evil.example"
		},
	} {
		victim := s.Browser()
		a := victim.Get("/auth/google/callback?" + mix(p.Approve(victim.Google("/"))))
		at := a.Header.Get("Location")
		if a.Status != http.StatusBadRequest && a.Status != http.StatusFound {
			t.Errorf("%s: %d", name, a.Status)
		}
		if name != "list" && at == "/" || strings.Contains(at, "evil") {
			t.Errorf("%s leads to %s", name, at)
		}
	}
	_ = b
}
