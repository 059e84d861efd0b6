package main

import (
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const redirect = "https://site.example/callback"

// flow is a relying party of well-kept libraries at a running provider.
type flow struct {
	t        *testing.T
	provider *oidc.Provider
	config   oauth2.Config
}

func started(t *testing.T) flow {
	t.Helper()
	var p *provider
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.handler().ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	p, err := newProvider(server.URL, "sandbox", redirect)
	if err != nil {
		t.Fatal(err)
	}
	found, err := oidc.NewProvider(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return flow{t, found, oauth2.Config{ClientID: "sandbox", ClientSecret: "made-up", Endpoint: found.Endpoint(), RedirectURL: redirect, Scopes: []string{"openid", "email"}}}
}

const verifier = "a-verifier-that-is-long-enough-for-rfc-7636-to-take-it"

func (f flow) start() string {
	return f.config.AuthCodeURL("the-state", oidc.Nonce("the-nonce"), oauth2.S256ChallengeOption(verifier))
}

// submit sends the page's form and gives what the browser brings back.
func (f flow) submit(form url.Values) url.Values {
	f.t.Helper()
	resp, err := http.Get(f.start())
	if err != nil {
		f.t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	action := regexp.MustCompile(`action="([^"]+)"`).FindSubmatch(page)
	if err != nil || action == nil {
		f.t.Fatalf("no form in %s (%v)", page, err)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err = browser.PostForm(strings.TrimSuffix(f.config.Endpoint.AuthURL, "/authorize")+html.UnescapeString(string(action[1])), form)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := resp.Location()
	if err != nil || !strings.HasPrefix(back.String(), redirect+"?") {
		f.t.Fatalf("answered %s, leads to %v (%v)", resp.Status, back, err)
	}
	return back.Query()
}

func yes(lie string) url.Values {
	return url.Values{"answer": {"yes"}, "sub": {"7"}, "email": {"ada@example.com"}, "verified": {"on"}, "name": {"Ada"}, "lie": {lie}}
}

// token exchanges a code and judges the token as the site does.
func (f flow) token(code string) (*oidc.IDToken, error) {
	tokens, err := f.config.Exchange(context.Background(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, err
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("no token")
	}
	token, err := f.provider.Verifier(&oidc.Config{ClientID: "sandbox"}).Verify(context.Background(), raw)
	if err == nil && token.Nonce != "the-nonce" {
		err = errors.New("another nonce")
	}
	return token, err
}

func TestAnHonestAnswerIsBelieved(t *testing.T) {
	f := started(t)
	back := f.submit(yes(""))
	if back.Get("state") != "the-state" {
		t.Errorf("the state is %q", back.Get("state"))
	}
	token, err := f.token(back.Get("code"))
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if err := token.Claims(&claims); err != nil || token.Subject != "7" || claims.Email != "ada@example.com" || !claims.Verified {
		t.Errorf("the claims are %+v of %s (%v)", claims, token.Subject, err)
	}
	if _, err := f.token(back.Get("code")); err == nil {
		t.Error("a code is exchanged twice")
	}
}

func TestEachLieIsOne(t *testing.T) {
	f := started(t)
	for _, l := range lies[1:] {
		back := f.submit(yes(l.Name))
		switch l.Name {
		case "state":
			if back.Get("state") == "the-state" {
				t.Error("state: it is the right one")
			}
		case "mixup":
			if back.Get("iss") != "https://another.example" {
				t.Errorf("mixup: iss is %q", back.Get("iss"))
			}
		case "error":
			if back.Get("error") != "server_error" || back.Has("code") {
				t.Errorf("error: %v", back)
			}
		default:
			if _, err := f.token(back.Get("code")); err == nil {
				t.Errorf("%s: the token is good", l.Name)
			}
		}
	}
	if back := f.submit(url.Values{"answer": {"no"}}); back.Get("error") != "access_denied" || back.Has("code") {
		t.Errorf("a no leads to %v", back)
	}
}

func TestNobodyIsSentElsewhere(t *testing.T) {
	f := started(t)
	for name, change := range map[string]func(url.Values){
		"another address": func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") },
		"another client":  func(q url.Values) { q.Set("client_id", "other") },
		"no PKCE":         func(q url.Values) { q.Del("code_challenge") },
		"no nonce":        func(q url.Values) { q.Del("nonce") },
	} {
		u, err := url.Parse(f.start())
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		resp, err := http.Get(u.String())
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: answered %s %.100s", name, resp.Status, body)
		}
	}
}
