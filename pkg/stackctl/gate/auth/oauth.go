package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// oauth looks at the redirect to the identity provider and sends back what
// nobody asked for. It runs where the configuration names the start path.
func (r *run) oauth(ctx context.Context) error {
	if r.conf.OAuth == "" {
		return nil
	}
	b := r.browser()
	first, err := r.oauthStart(ctx, b)
	if err != nil || first == nil {
		return err
	}
	second, err := r.oauthStart(ctx, r.browser())
	if err != nil || second == nil {
		return err
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if v := first.Get(name); v != "" && v == second.Get(name) {
			r.find(oauthRedirectRule, "GET "+r.conf.OAuth, "the redirect's "+name+" is used twice", "a new one every time", "the same in two redirects", "draw it anew for every start")
		}
	}
	return r.oauthForged(ctx, b, first.Get("redirect_uri"), second.Get("state"))
}

func (r *run) oauthStart(ctx context.Context, b *browser) (url.Values, error) {
	reply, err := b.send(ctx, request{step: "start the sign-in with a provider", method: http.MethodGet, path: r.conf.OAuth,
		header: http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Accept": {"text/html"}}})
	if err != nil {
		return nil, err
	}
	subject := "GET " + r.conf.OAuth
	to, err := url.Parse(reply.Header.Get("Location"))
	if reply.Status/100 != 3 || err != nil || to.Host == "" {
		r.last(false, "a redirect to the provider")
		r.find(oauthRedirectRule, subject, "no redirect to the provider", "302 or 303 with Location", r.show(reply), "see the provider's settings")
		return nil, nil
	}
	q := to.Query()
	need := func(name, expected string, ok bool) {
		if !ok {
			r.last(false, name)
			r.find(oauthRedirectRule, subject, "the redirect's "+name+" is wrong", expected, presence(q.Get(name)), "see OpenID Connect Core, 3.1.2.1, and RFC 7636")
		}
	}
	need("response_type", "code", q.Get("response_type") == "code")
	need("client_id", "the client", q.Get("client_id") != "")
	need("scope", "openid among others", strings.Contains(" "+q.Get("scope")+" ", " openid "))
	need("state", "at least 128 random bits", len(q.Get("state")) >= 22)
	need("nonce", "at least 128 random bits", len(q.Get("nonce")) >= 22)
	need("code_challenge", "43 characters (SHA-256)", len(q.Get("code_challenge")) == 43)
	need("code_challenge_method", "S256", q.Get("code_challenge_method") == "S256")
	back, err := url.Parse(q.Get("redirect_uri"))
	need("redirect_uri", "an address of this site", err == nil && back.Scheme == "https" && back.Hostname() == probe.Domain(r.s))
	if err != nil || back.Hostname() != probe.Domain(r.s) {
		return nil, nil
	}
	return q, nil
}

func presence(v string) string {
	if v == "" {
		return "not there"
	}
	return fmt.Sprintf("%d characters", len(v))
}

// oauthForged calls the callback with answers that the provider never gave.
func (r *run) oauthForged(ctx context.Context, b *browser, redirect, otherState string) error {
	back, err := url.Parse(redirect)
	if err != nil {
		return nil // told already
	}
	path, ok := strings.CutPrefix(back.Path, r.s.Config.Contract.Prefix)
	if !ok {
		r.find(oauthRedirectRule, "GET "+r.conf.OAuth, "the redirect_uri is not below the API", r.s.Config.Contract.Prefix, stack.Short(back.Path, 80), "point it at the API's callback")
		return nil
	}
	for step, state := range map[string]string{"forged callback": strings.Repeat("x", 43), "callback with another browser's state": otherState, "callback without a state": ""} {
		c := b.clone()
		reply, err := c.send(ctx, request{step: step, method: http.MethodGet, path: path + "?code=forged&state=" + url.QueryEscape(state)})
		if err != nil {
			return err
		}
		ok := reply.Status/100 == 3 || reply.Status/100 == 4
		r.last(ok, "a refusal, or a redirect to the login page")
		if !ok {
			r.find(oauthCallbackRule, "GET "+path, "a "+step+" is not refused", "4xx, or a redirect to the login page", r.show(reply), "check the state against the browser that started")
		}
		if c.cookies[r.conf.Cookie] == "" {
			continue
		}
		if err := r.refused(ctx, c, request{step: "session after a " + step, method: http.MethodGet, path: r.conf.Me}, 401); err != nil {
			return err
		}
	}
	return nil
}
