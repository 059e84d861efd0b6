package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("").Parse(pageText))

// codeLife is how long a code may be exchanged; maxCodes bounds how many wait.
const (
	codeLife = time.Minute
	maxCodes = 1000
)

// provider is one OpenID provider with one client.
type provider struct {
	issuer, client, redirect string
	published, other         *rsa.PrivateKey
	kid                      string

	mu    sync.Mutex
	codes map[string]grant
}

// grant is what a code stands for.
type grant struct {
	until            time.Time
	challenge, nonce string
	who              person
	lie              string
}

// person is who logs in.
type person struct {
	Subject, Email, Name string
	Verified             bool
}

func newProvider(issuer, client, redirect string) (*provider, error) {
	p := &provider{issuer: issuer, client: client, redirect: redirect, kid: rand.Text(), codes: map[string]grant{}}
	for _, key := range []**rsa.PrivateKey{&p.published, &p.other} {
		made, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
		*key = made
	}
	return p, nil
}

func (p *provider) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.configuration)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.ask)
	mux.HandleFunc("POST /authorize", p.answer)
	mux.HandleFunc("POST /token", p.token)
	return mux
}

func (p *provider) configuration(w http.ResponseWriter, _ *http.Request) {
	asJSON(w, http.StatusOK, map[string]any{
		"issuer": p.issuer, "authorization_endpoint": p.issuer + "/authorize", "token_endpoint": p.issuer + "/token", "jwks_uri": p.issuer + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
	})
}

func (p *provider) keys(w http.ResponseWriter, _ *http.Request) {
	asJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.published.Public(), KeyID: p.kid, Algorithm: "RS256", Use: "sig"}}})
}

// refusal returns why a request of the site's is no good; a browser must not be
// sent to an address that nobody registered.
func (p *provider) refusal(q url.Values) string {
	switch {
	case q.Get("client_id") != p.client:
		return "client_id is not " + p.client
	case q.Get("redirect_uri") != p.redirect:
		return "redirect_uri is not " + p.redirect
	case q.Get("response_type") != "code":
		return "response_type is not code"
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return "PKCE with S256 is needed"
	case q.Get("state") == "" || q.Get("nonce") == "":
		return "state and nonce are needed"
	}
	return ""
}

// ask shows the page.
func (p *provider) ask(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if why := p.refusal(q); why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = page.Execute(w, map[string]any{"Action": "/authorize?" + r.URL.RawQuery, "Redirect": p.redirect, "Lies": lies}) // the client is gone: nobody to tell
}

// answer sends the browser back with a code, or with a no.
func (p *provider) answer(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if why := p.refusal(q); why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	back := url.Values{"state": {q.Get("state")}, "iss": {p.issuer}}
	lie := r.PostFormValue("lie")
	switch {
	case r.PostFormValue("answer") != "yes":
		back.Set("error", "access_denied")
	default:
		who := person{Subject: r.PostFormValue("sub"), Email: r.PostFormValue("email"), Name: r.PostFormValue("name"), Verified: r.PostFormValue("verified") != ""}
		back.Set("code", p.grant(grant{challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), who: who, lie: lie}))
	}
	switch lie {
	case "state":
		back.Set("state", rand.Text())
	case "mixup":
		back.Set("iss", "https://another.example")
	case "error":
		back.Del("code")
		back.Set("error", "server_error")
	}
	http.Redirect(w, r, p.redirect+"?"+back.Encode(), http.StatusSeeOther)
}

func (p *provider) grant(g grant) (code string) {
	code = rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for c, old := range p.codes {
		if now.After(old.until) || len(p.codes) >= maxCodes {
			delete(p.codes, c)
		}
	}
	g.until = now.Add(codeLife)
	p.codes[code] = g
	return code
}

// token exchanges a code once, for the client, and whoever has the verifier
// (RFC 7636). The client's secret is whatever its operator made it: any will do.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != p.client || secret == "" {
		asJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	code := r.PostFormValue("code")
	p.mu.Lock()
	g, ok := p.codes[code]
	if g.lie != "down" { // who is down takes nothing away: clients try again
		delete(p.codes, code)
	}
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if !ok || time.Now().After(g.until) || subtle.ConstantTimeCompare([]byte(challenge), []byte(g.challenge)) != 1 || r.PostFormValue("redirect_uri") != p.redirect {
		asJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	if g.lie == "down" {
		asJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "temporarily_unavailable"})
		return
	}
	out := map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 60}
	if g.lie != "missing" {
		signed, err := p.sign(g)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		out["id_token"] = signed
	}
	asJSON(w, http.StatusOK, out)
}

func asJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}
