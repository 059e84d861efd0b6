// Package oidc owns the talk with an OpenID provider (OpenID Connect Core 1.0,
// authorization code with PKCE). It must not know users, cookies or HTTP
// handlers.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"stackctl/pkg/server/app"
)

// Settings say which provider, and who we are there.
type Settings struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	// Callback is the one address that the provider sends browsers back to.
	Callback string
}

// Provider is app.Provider over the network. It learns the provider's
// addresses when they are first needed.
type Provider struct {
	settings Settings
	client   *http.Client

	mu    sync.Mutex
	found *gooidc.Provider
}

// New makes a Provider.
func New(s Settings) *Provider {
	return &Provider{settings: s, client: &http.Client{
		Timeout: 8 * time.Second,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout: 3 * time.Second, MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
	}}
}

// Issuer is the provider's own name.
func (p *Provider) Issuer() string { return p.settings.Issuer }

// AuthURL is where a browser is sent to log in.
func (p *Provider) AuthURL(ctx context.Context, state, nonce, verifier string) (string, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	return p.config(found).AuthCodeURL(state, gooidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// Exchange turns a code into claims.
func (p *Provider) Exchange(ctx context.Context, code, verifier, nonce string) (app.Claims, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return app.Claims{}, err
	}
	ctx = gooidc.ClientContext(ctx, p.client)
	tokens, err := p.config(found).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return app.Claims{}, down("exchange a code", err)
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return app.Claims{}, errors.New("exchange a code: the answer has no ID token")
	}
	// The signature, the issuer, the audience and the time are judged here.
	token, err := found.VerifierContext(ctx, &gooidc.Config{ClientID: p.settings.ClientID}).Verify(ctx, raw)
	if err != nil {
		return app.Claims{}, down("verify an ID token", err)
	}
	if token.Nonce != nonce || nonce == "" {
		return app.Claims{}, errors.New("verify an ID token: it was made for another sign-in")
	}
	var claims struct {
		Email         string `json:"email"`
		EmailVerified bool   `json:"email_verified"`
		Name          string `json:"name"`
		Party         string `json:"azp"`
	}
	if err := token.Claims(&claims); err != nil {
		return app.Claims{}, fmt.Errorf("read an ID token: %w", err)
	}
	if claims.Party != "" && claims.Party != p.settings.ClientID || token.Subject == "" || len(token.Subject) > 255 {
		return app.Claims{}, errors.New("verify an ID token: it is for somebody else, or for nobody")
	}
	return app.Claims{Issuer: token.Issuer, Subject: token.Subject, Email: claims.Email, EmailVerified: claims.EmailVerified, Name: claims.Name}, nil
}

func (p *Provider) config(found *gooidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.settings.ClientID, ClientSecret: p.settings.ClientSecret, Endpoint: found.Endpoint(),
		RedirectURL: p.settings.Callback, Scopes: []string{gooidc.ScopeOpenID, "email", "profile"},
	}
}

// discover asks the provider for its addresses, once it has answered never
// again. The keys that it fetches later come over the same bounded client.
func (p *Provider) discover(ctx context.Context) (*gooidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// The provider keeps this context for fetching keys: it must outlive the
	// request. The client bounds each call.
	found, err := gooidc.NewProvider(gooidc.ClientContext(context.WithoutCancel(ctx), p.client), p.settings.Issuer)
	if err != nil {
		return nil, app.Unavailable("The provider does not answer.", fmt.Errorf("ask %s for its configuration: %w", p.settings.Issuer, err))
	}
	p.found = found
	return found, nil
}

// down tells a provider that does not answer from one whose answer is bad.
func down(what string, err error) error {
	var network net.Error
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.Response != nil && answer.Response.StatusCode >= 500 || errors.As(err, &network) {
		return app.Unavailable("The provider does not answer.", fmt.Errorf("%s: %w", what, err))
	}
	return fmt.Errorf("%s: %w", what, err)
}
