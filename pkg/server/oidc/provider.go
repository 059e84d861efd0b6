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
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

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
	asking   singleflight.Group

	mu    sync.Mutex
	found *discovered
}

// discovered is what the provider has said about itself.
type discovered struct {
	*gooidc.Provider
	// alwaysNamed reports whether every callback carries the issuer (RFC 9207).
	alwaysNamed bool
}

// New makes a Provider.
func New(s Settings) *Provider {
	return &Provider{settings: s, client: newClient()}
}

// NamedBy reports whether a callback that names this issuer may come from the
// provider.
func (p *Provider) NamedBy(issuer string) bool {
	if issuer != "" {
		return issuer == p.settings.Issuer
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found == nil || !p.found.alwaysNamed
}

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
	return p.claims(ctx, found, raw, tokens.AccessToken, nonce)
}

// skew is how far the provider's clock may be ahead of ours.
const skew = 5 * time.Minute

// claims judges an ID token (OpenID Connect Core 1.0, 3.1.3.7).
func (p *Provider) claims(ctx context.Context, found *discovered, raw, access, nonce string) (app.Claims, error) {
	// The signature, the issuer, the audience and the end are judged here.
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
	party := claims.Party
	if party == "" && len(token.Audience) == 1 {
		party = p.settings.ClientID
	}
	if party != p.settings.ClientID || token.Subject == "" || len(token.Subject) > 255 {
		return app.Claims{}, errors.New("verify an ID token: it is for somebody else, or for nobody")
	}
	if token.IssuedAt.Unix() <= 0 || token.IssuedAt.After(time.Now().Add(skew)) {
		return app.Claims{}, errors.New("verify an ID token: it does not say when it was made, or a time to come")
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(access); err != nil {
			return app.Claims{}, fmt.Errorf("verify an ID token: it goes with another access token: %w", err)
		}
	}
	return app.Claims{Issuer: token.Issuer, Subject: token.Subject, Email: claims.Email, EmailVerified: claims.EmailVerified, Name: claims.Name}, nil
}

func (p *Provider) config(found *discovered) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.settings.ClientID, ClientSecret: p.settings.ClientSecret, Endpoint: found.Endpoint(),
		RedirectURL: p.settings.Callback, Scopes: []string{gooidc.ScopeOpenID, "email", "profile"},
	}
}

// discover asks the provider for its addresses, once it has answered never
// again. Those who come while it is asked wait for that answer, each no longer
// than their own request. The keys that it fetches later come over the same
// bounded client.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	if found != nil {
		return found, nil
	}
	// The provider keeps its context for fetching keys: it must outlive the
	// request. The client bounds each call.
	asked := p.asking.DoChan("", func() (any, error) { return p.ask(context.WithoutCancel(ctx)) })
	select {
	case answer := <-asked:
		if answer.Err != nil {
			return nil, app.Unavailable("The provider does not answer.", fmt.Errorf("ask %s for its configuration: %w", p.settings.Issuer, answer.Err))
		}
		return answer.Val.(*discovered), nil
	case <-ctx.Done():
		return nil, app.Unavailable("The provider does not answer.", ctx.Err())
	}
}

func (p *Provider) ask(ctx context.Context) (*discovered, error) {
	provider, err := gooidc.NewProvider(gooidc.ClientContext(ctx, p.client), p.settings.Issuer)
	if err != nil {
		return nil, err
	}
	var said struct {
		Authorization string `json:"authorization_endpoint"`
		Token         string `json:"token_endpoint"`
		Keys          string `json:"jwks_uri"`
		AlwaysNamed   bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&said); err != nil {
		return nil, err
	}
	for _, address := range []string{said.Authorization, said.Token, said.Keys} {
		if strings.HasPrefix(p.settings.Issuer, "https://") && !strings.HasPrefix(address, "https://") {
			return nil, fmt.Errorf("it names the address %q, which is not https as its own is", address)
		}
	}
	found := &discovered{Provider: provider, alwaysNamed: said.AlwaysNamed}
	p.mu.Lock()
	defer p.mu.Unlock()
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
