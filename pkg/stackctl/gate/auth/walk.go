// Package auth owns gate G4: accounts work, and what must be refused is
// refused. It must not know the other families.
package auth

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/openapi"
	"stackctl/pkg/stackctl/stack"
)

const (
	artifact = "auth-flow.json"
	marker   = "stackctl gate"
	budget   = 150 * time.Second
	// patience is how many seconds a rate limit may ask the gate to wait:
	// a limit by the minute, whole. It waits in pieces of 5 s.
	patience = 65
	tries    = 14
)

// Walk walks through the site as a new user does, and tries what must be
// refused.
func Walk() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G4", Name: "auth", Phase: stack.PhasePost, Mutates: true, Budget: budget,
		Question:  "Can a user sign up, log in, edit and log out, and is everything else refused?",
		Refs:      []string{"SPEC A1", "SPEC A2", "SPEC A3", "SPEC A4", "SPEC A6", "ASVS 3.3.1", "ASVS 3.5.1", "ASVS 6.3.8", "ASVS 7.2.4", "ASVS 7.4.1"},
		Inspects:  "every request of a new user's first visit, and each request that must be refused",
		Artifacts: []string{artifact},
		Check:     check,
	}
}

// word is the artifact.
type word struct {
	Gate      string   `json:"gate"`
	Base      string   `json:"base"`
	Steps     []step   `json:"steps"`
	Accounts  []string `json:"accounts_made"`
	Remaining []string `json:"accounts_remaining"`
	Timing    any      `json:"timing,omitempty"`
}

func check(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	if absent(s) {
		return gate.Answer{Skip: none}, nil
	}
	r, err := newAuthRun(s)
	if err != nil {
		return gate.Answer{}, err
	}
	defer r.http.CloseIdleConnections()
	walkErr := r.walk(ctx)
	return r.answer(ctx, "requests", nil, walkErr)
}

// answer cleans up, keeps the evidence and gives what was found.
func (r *run) answer(ctx context.Context, of string, timing any, err error) (gate.Answer, error) {
	remaining := r.cleanUp(ctx)
	word := word{Gate: "auth", Base: r.base, Steps: r.steps, Remaining: remaining, Timing: timing}
	for _, a := range r.accounts {
		word.Accounts = append(word.Accounts, a.email)
	}
	a := gate.Answer{Inspected: len(r.steps), Of: of, Findings: r.findings, Attempts: r.attempts}
	if keep := probe.JSON(r.s, artifact, word); err == nil {
		err = keep
	}
	return a, err
}

// walk is the story. A step that everything after it stands on ends it.
func (r *run) walk(ctx context.Context) error {
	account, err := r.account()
	if err != nil {
		return err
	}
	a := r.browser()
	before, made, err := r.signUp(ctx, a, account)
	if err != nil || made == nil {
		return err
	}
	ok, err := r.firstLogin(ctx, a, account)
	if err != nil || !ok {
		return err
	}
	value, ok, err := r.profile(ctx, a, account)
	if err != nil || !ok {
		return err
	}
	b, err := r.fixation(ctx, account)
	if err != nil {
		return err
	}
	for _, part := range []func() error{
		func() error { return r.refuseStrangers(ctx, a) },
		func() error { return r.refuseForgery(ctx, a, b, before) },
		func() error { return r.refuseBareCalls(ctx, a) },
		func() error { return r.refuseLoginForgery(ctx) },
		func() error { return r.refuseGet(ctx, a) },
		func() error { return r.refuseExtra(ctx, a) },
		func() error { return r.unchanged(ctx, a, value) },
		func() error { return r.enumeration(ctx, account, *made) },
		func() error { return r.oauth(ctx) },
		func() error { return r.logOut(ctx, a) },
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// signUp makes the account and gives the token from before login, and the
// answer; nil: sign-up does not work.
func (r *run) signUp(ctx context.Context, b *browser, account account) (token string, made *reply, err error) {
	reply, err := b.csrf(ctx, "first visit: CSRF token")
	if err != nil {
		return "", nil, err
	}
	r.noStore(reply, http.MethodGet, r.conf.CSRF)
	if b.token == "" {
		r.last(false, "200 with a token")
		r.find(csrfTokenRule, "GET "+r.conf.CSRF, "no CSRF token before login", "200 with a token in the body", fmt.Sprint(reply.Status), "serve a token that is bound to a cookie, before login too")
		return "", nil, nil
	}
	r.cookieLines(reply.setCookies)
	token = b.token
	reply, err = b.send(ctx, request{step: "sign up", method: http.MethodPost, path: r.conf.SignUp, body: r.credentials(r.conf.SignUp, account)})
	if err != nil {
		return token, nil, err
	}
	if reply.Status/100 != 2 {
		r.last(false, "2xx")
		r.find(signUpRule, "POST "+r.conf.SignUp, "sign-up is refused", "2xx for a new address", r.show(reply), "see the API's log for this request")
		return token, nil, nil
	}
	r.accounts = append(r.accounts, account)
	r.last(true, "2xx")
	return token, &reply, nil
}

// firstLogin logs in and looks at the session cookie on the wire.
func (r *run) firstLogin(ctx context.Context, b *browser, account account) (bool, error) {
	if _, err := b.csrf(ctx, "log in: token"); err != nil {
		return false, err
	}
	old := b.cookies[r.conf.Cookie]
	reply, err := b.send(ctx, request{step: "log in", method: http.MethodPost, path: r.conf.Login, body: r.credentials(r.conf.Login, account)})
	if err != nil {
		return false, err
	}
	if reply.Status/100 != 2 {
		r.last(false, "2xx")
		r.find(loginRule, "POST "+r.conf.Login, "login is refused", "2xx for the account that was just made", r.show(reply), "see the API's log for this request")
		return false, nil
	}
	r.last(true, "2xx with the session cookie")
	r.noStore(reply, http.MethodPost, r.conf.Login)
	r.cookieLines(reply.setCookies)
	session := slices.ContainsFunc(reply.setCookies, func(line string) bool { return strings.HasPrefix(line, r.conf.Cookie+"=") })
	if !session || b.cookies[r.conf.Cookie] == "" {
		r.find(cookiesRule, "POST "+r.conf.Login, "login sets no session cookie of the agreed name", "Set-Cookie: "+r.conf.Cookie, cookieNames(reply.setCookies), "set "+r.conf.Cookie+" at login")
		return false, nil
	}
	if old != "" && old == b.cookies[r.conf.Cookie] {
		r.find(fixationRule, "POST "+r.conf.Login, "the session id stays the same at login", "a new one", "the one from before", "make a new session at every login")
	}
	if _, err := b.csrf(ctx, "token of the session"); err != nil {
		return false, err
	}
	return true, nil
}

// profile reads the user, edits the profile and reads it again.
func (r *run) profile(ctx context.Context, b *browser, account account) (value string, ok bool, err error) {
	reply, err := b.send(ctx, request{step: "read myself", method: http.MethodGet, path: r.conf.Me})
	if err != nil {
		return "", false, err
	}
	if reply.Status != http.StatusOK || !holds(reply.values, account.email) {
		r.last(false, "200 with the address that signed up")
		r.find(loginRule, "GET "+r.conf.Me, "a logged-in user cannot read itself", "200 with the address that signed up", r.show(reply), "see the API's log for this request")
		return "", false, nil
	}
	r.last(true, "200 with the address that signed up")
	r.noStore(reply, http.MethodGet, r.conf.Me)
	value = marker + " " + account.email[5:13]
	reply, err = b.send(ctx, request{step: "edit the profile", method: http.MethodPatch, path: r.conf.Me, body: map[string]any{r.field(): value}})
	if err != nil {
		return "", false, err
	}
	if reply.Status/100 != 2 {
		r.last(false, "2xx")
		r.find(loginRule, "PATCH "+r.conf.Me, "a profile edit is refused", "2xx", r.show(reply), "see the API's log for this request")
		return "", false, nil
	}
	r.last(true, "2xx")
	return value, true, r.unchanged(ctx, b, value)
}

// unchanged reads the profile: the last change that was allowed stands, and
// nothing that was refused came through.
func (r *run) unchanged(ctx context.Context, b *browser, value string) error {
	reply, err := b.send(ctx, request{step: "read the profile again", method: http.MethodGet, path: r.conf.Me})
	if err != nil {
		return err
	}
	got, _ := reply.values[r.field()].(string)
	r.last(reply.Status == http.StatusOK && got == value, "200 with the last value that was allowed")
	if reply.Status != http.StatusOK {
		r.find(loginRule, "GET "+r.conf.Me, "the session ended without a logout", "200", r.show(reply), "let only a logout end a session")
	} else if got != value {
		r.find(loginRule, "PATCH "+r.conf.Me, "the profile is not what was allowed last", fmt.Sprintf("%s %q", r.field(), value), fmt.Sprintf("%q", stack.Short(got, 80)),
			"store what is accepted, and nothing of what is refused")
	}
	return nil
}

// logOut ends the session and uses it again.
func (r *run) logOut(ctx context.Context, b *browser) error {
	used := b.clone()
	reply, err := b.send(ctx, request{step: "log out", method: http.MethodPost, path: r.conf.Logout})
	if err != nil {
		return err
	}
	r.last(reply.Status/100 == 2, "2xx")
	if reply.Status/100 != 2 {
		r.find(logoutRule, "POST "+r.conf.Logout, "logout is refused", "2xx", r.show(reply), "see the API's log for this request")
		return nil
	}
	if b.cookies[r.conf.Cookie] != "" && b.cookies[r.conf.Cookie] == used.cookies[r.conf.Cookie] {
		r.find(cookiesRule, "POST "+r.conf.Logout, "logout leaves the session cookie in the browser", "Set-Cookie that clears "+r.conf.Cookie, "none", "clear the cookie at logout")
	}
	if err := r.refused(ctx, used, request{step: "used session after logout", method: http.MethodGet, path: r.conf.Me}, 401); err != nil {
		return err
	}
	return r.refused(ctx, used, request{step: "edit with a used session", method: http.MethodPatch, path: r.conf.Me,
		body: map[string]any{r.field(): "after logout"}}, 401, 403)
}

// field is the member of the profile that the gate edits.
func (r *run) field() string {
	properties, _ := r.bodySchema(r.conf.Me, http.MethodPatch)["properties"].(map[string]any)
	for _, name := range []string{"display_name", "displayName", "name", "bio"} {
		if _, ok := properties[name]; ok || len(properties) == 0 {
			return name
		}
	}
	for _, name := range openapi.Keys(properties) {
		p := r.contract.Schema(properties[name])
		if slices.Contains(types(p), any("string")) && p["format"] == nil && p["enum"] == nil {
			return name
		}
	}
	return "display_name"
}

// noStore wants private answers out of every cache.
func (r *run) noStore(a reply, method, path string) {
	if !strings.Contains(strings.ToLower(a.Header.Get("Cache-Control")), "no-store") {
		r.find(noStoreRule, method+" "+path, "a private answer may be stored by caches", "Cache-Control: no-store", fmt.Sprintf("%q", a.Header.Get("Cache-Control")), "send no-store with it")
	}
}

// show is an answer in a finding: never its cookies.
func (r *run) show(a reply) string {
	title, _ := a.values["title"].(string)
	detail, _ := a.values["detail"].(string)
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", a.Status, stack.Short(title, 80), stack.Short(detail, 120)))
}

// holds looks for a text value anywhere in a JSON document.
func holds(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return strings.EqualFold(v, text)
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return holds(e, text) })
	case map[string]any:
		for _, e := range v {
			if holds(e, text) {
				return true
			}
		}
	}
	return false
}

// cleanUp removes the accounts that were made, and gives those that remain.
func (r *run) cleanUp(ctx context.Context) []string {
	remaining := []string{}
	for _, a := range r.accounts {
		if !r.remove(ctx, a) {
			remaining = append(remaining, a.email)
		}
	}
	return remaining
}

func (r *run) remove(ctx context.Context, a account) bool {
	if path := r.deletePath(); path != "" {
		b := r.browser()
		reply, err := b.logIn(ctx, "clean up: log in", a)
		if err != nil || reply.Status/100 != 2 {
			return false
		}
		reply, err = b.send(ctx, request{step: "clean up: delete the account", method: http.MethodDelete, path: path,
			body: map[string]any{"password": a.password}})
		return err == nil && reply.Status/100 == 2
	}
	c := r.conf.Cleanup
	if len(c.Command) == 0 || r.s.Server == nil {
		return false
	}
	container, err := r.cleaner(ctx, c.Service)
	if err != nil {
		return false
	}
	argv := make([]string, len(c.Command))
	for i, word := range c.Command {
		argv[i] = strings.ReplaceAll(word, "{email}", a.email)
	}
	out, err := r.s.Server.Exec(ctx, container, argv...)
	return err == nil && out.Exit == 0
}

// deletePath is where a user deletes itself: as configured, or as the
// contract says.
func (r *run) deletePath() string {
	if r.conf.Delete != "" || r.contract == nil {
		return r.conf.Delete
	}
	for _, o := range r.contract.Operations() {
		if o.Method == "delete" && o.Path == r.conf.Me {
			return o.Path
		}
	}
	return ""
}

// cleaner is a container of the service: of this release, or of the layers
// that outlive a release.
func (r *run) cleaner(ctx context.Context, service string) (string, error) {
	containers, err := probe.Containers(ctx, r.s, service)
	if err == nil {
		return containers[0].ID, nil
	}
	lasting, lastingErr := probe.Lasting(ctx, r.s, service)
	if lastingErr != nil {
		return "", err
	}
	return lasting.ID, nil
}
