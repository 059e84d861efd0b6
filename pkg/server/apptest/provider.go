package apptest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Provider is an OpenID provider on loopback that signs real tokens, and
// misbehaves on request.
type Provider struct {
	URL string
	// Who is the person who logs in there: the claims of the ID token.
	Who map[string]any
	// Spoil changes the claims of a token before it is signed.
	Spoil func(claims map[string]any)
	// Forge signs with a key that the provider does not publish.
	Forge bool
	// NoToken leaves the ID token out; Down answers 503.
	NoToken, Down bool
	// Instead answers for a path in the provider's place.
	Instead map[string]http.HandlerFunc
	// Compose makes the ID token of the claims in the provider's place.
	Compose func(claims map[string]any) string

	kid    string
	mu     sync.Mutex
	key    *rsa.PrivateKey
	other  *rsa.PrivateKey
	server *httptest.Server
	codes  map[string]url.Values // code → what the browser asked with
}

// Provider starts a provider and points the site's API at it; call it before
// Start.
func (s *Site) Provider() *Provider {
	s.t.Helper()
	p := &Provider{codes: map[string]url.Values{}, kid: "one", Instead: map[string]http.HandlerFunc{}, Who: map[string]any{"sub": "1001", "email": "ada@example.com", "email_verified": true, "name": "Ada"}}
	for _, key := range []**rsa.PrivateKey{&p.key, &p.other} {
		made, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			s.t.Fatal(err)
		}
		*key = made
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.configuration)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("POST /token", p.token)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if instead, ok := p.Instead[r.URL.Path]; ok {
			instead(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	p.URL = p.server.URL
	s.t.Cleanup(p.server.Close)
	secret := filepath.Join(s.t.TempDir(), "oauth")
	if err := os.WriteFile(secret, []byte("client-secret"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.Env["OAUTH_ISSUER"], s.Env["OAUTH_CLIENT_ID"], s.Env["OAUTH_CLIENT_SECRET_FILE"] = p.URL, "client", secret
	return p
}

func (p *Provider) configuration(w http.ResponseWriter, _ *http.Request) {
	answer(w, p.Configuration())
}

// Configuration is what the provider says about itself.
func (p *Provider) Configuration() map[string]any {
	return map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	}
}

// Rotate signs with another key from now on, and publishes that one alone.
func (p *Provider) Rotate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.other, p.kid = p.other, p.key, p.kid+"x"
}

// PublicKey is the modulus of the key that the provider publishes.
func (p *Provider) PublicKey() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key.N.Bytes()
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	b64 := base64.RawURLEncoding
	p.mu.Lock()
	defer p.mu.Unlock()
	answer(w, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": p.kid,
		"n": b64.EncodeToString(p.key.N.Bytes()), "e": b64.EncodeToString(big.NewInt(int64(p.key.E)).Bytes()),
	}}})
}

// Approve is the person saying yes: it takes the address that the site sent
// the browser to, and gives the code and the state to bring back.
func (p *Provider) Approve(to string) (back url.Values) {
	u, err := url.Parse(to)
	if err != nil {
		return nil
	}
	code := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[code] = u.Query()
	return url.Values{"code": {code}, "state": {u.Query().Get("state")}}
}

// token exchanges a code once, for whoever has the PKCE verifier (RFC 7636).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	asked, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	fits := asked.Get("code_challenge") == base64.RawURLEncoding.EncodeToString(sum[:]) && asked.Get("code_challenge_method") == "S256"
	if id, secret, _ := r.BasicAuth(); id != "client" || secret != "client-secret" {
		fits = fits && r.PostFormValue("client_secret") == "client-secret"
	}
	if !ok || !fits || asked.Get("redirect_uri") != r.PostFormValue("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]string{"error": "invalid_grant"})
		return
	}
	out := map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 60}
	if !p.NoToken {
		out["id_token"] = p.sign(asked)
	}
	answer(w, out)
}

func (p *Provider) sign(asked url.Values) string {
	claims := map[string]any{"iss": p.URL, "aud": "client", "nonce": asked.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	maps.Copy(claims, p.Who)
	if p.Spoil != nil {
		p.Spoil(claims)
	}
	if p.Compose != nil {
		return p.Compose(claims)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	text := Part(map[string]string{"alg": "RS256", "kid": p.kid, "typ": "JWT"}) + "." + Part(claims)
	sum := sha256.Sum256([]byte(text))
	key := p.key
	if p.Forge {
		key = p.other
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// Part is one part of a token: JSON in base64 (RFC 7515).
func Part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of texts and numbers always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Google starts a sign-in and gives the address of the provider.
func (b *Browser) Google(returnTo string) string {
	b.t.Helper()
	a := b.Get("/auth/google/start?"+url.Values{"return_to": {returnTo}}.Encode()).Want(b.t, http.StatusFound)
	to := a.Header.Get("Location")
	if !strings.Contains(to, "/authorize?") {
		b.t.Fatalf("sent to %s", to)
	}
	return to
}

// ComeBack brings values back to the callback and gives where that leads.
func (b *Browser) ComeBack(values url.Values) string {
	b.t.Helper()
	return b.Get("/auth/google/callback?"+values.Encode()).Want(b.t, http.StatusFound).Header.Get("Location")
}
