package auth

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// refused sends what must not be allowed and wants one of the given statuses.
func (r *run) refused(ctx context.Context, b *browser, q request, statuses ...int) error {
	return r.refusedBy(ctx, refusalsRule, b, q, statuses...)
}

// refusedBy is refused for a rule of its own.
func (r *run) refusedBy(ctx context.Context, rule stack.Rule, b *browser, q request, statuses ...int) error {
	reply, err := b.send(ctx, q)
	if err != nil {
		return err
	}
	want := strings.Trim(strings.ReplaceAll(fmt.Sprint(statuses), " ", " or "), "[]")
	ok := slices.Contains(statuses, reply.Status)
	r.last(ok, want)
	if !ok && reply.Status < 500 { // a failure of the server is told already
		r.find(rule, q.method+" "+q.path, "not refused as it must be: "+q.step, want, r.show(reply), rule.Fix)
	}
	return nil
}

// refuseStrangers asks without a session, or with one that nobody has.
func (r *run) refuseStrangers(ctx context.Context, a *browser) error {
	me := request{method: http.MethodGet, path: r.conf.Me}
	cases := []struct {
		step    string
		session *string
	}{{"no cookie", nil}, {"tampered cookie", new(tamper(a.cookies[r.conf.Cookie]))}, {"made-up cookie", new(strings.Repeat("A", 43))}}
	for _, c := range cases {
		b := r.browser()
		if c.session != nil {
			b.cookies[r.conf.Cookie] = *c.session
		}
		q := me
		q.step = c.step
		if err := r.refused(ctx, b, q, 401); err != nil {
			return err
		}
	}
	stranger := r.browser()
	if _, err := stranger.csrf(ctx, "a stranger's CSRF token"); err != nil {
		return err
	}
	q := request{step: "edit without a session", method: http.MethodPatch, path: r.conf.Me, body: map[string]any{r.field(): "without a session"}}
	if err := r.refused(ctx, stranger, q, 401, 403); err != nil {
		return err
	}
	if r.conf.Guarded == "" {
		return nil
	}
	q = request{step: "guarded path without a session", method: http.MethodGet, path: r.conf.Guarded}
	if err := r.refused(ctx, r.browser(), q, 401); err != nil {
		return err
	}
	q.step = "guarded path, not staff"
	return r.refused(ctx, a, q, 403)
}

// tamper changes a character in the middle of a token.
func tamper(token string) string {
	if token == "" {
		return "x"
	}
	i := len(token) / 2
	c := byte('A')
	if token[i] == c {
		c = 'B'
	}
	return token[:i] + string(c) + token[i+1:]
}

// refuseForgery sends edits that come from somewhere else. Each carries its
// own value, so that the profile tells which came through.
func (r *run) refuseForgery(ctx context.Context, a, b *browser, before string) error {
	random, err := random(32)
	if err != nil {
		return err
	}
	evil, site := "https://evil.example", "https://other."+probe.Domain(r.s)
	type forgery struct {
		step, token string
		noToken     bool
		header      http.Header
		form        string
	}
	cases := []forgery{
		{step: "no CSRF header", noToken: true},
		{step: "made-up CSRF token", token: random},
		{step: "CSRF token from before login", token: before},
		{step: "cross-site (Sec-Fetch-Site and Origin)", header: http.Header{"Origin": {evil}, "Sec-Fetch-Site": {"cross-site"}}},
		{step: "wrong origin alone", header: http.Header{"Origin": {evil}, "Sec-Fetch-Site": nil}},
		{step: "cross-site without an origin", header: http.Header{"Origin": nil, "Sec-Fetch-Site": {"cross-site"}}},
		{step: "origin null", header: http.Header{"Origin": {"null"}, "Sec-Fetch-Site": nil}},
		{step: "same-site, another host", header: http.Header{"Origin": {site}, "Sec-Fetch-Site": {"same-site"}}},
		{step: "form post", form: "application/x-www-form-urlencoded"},
		{step: "text/plain", form: "text/plain"},
	}
	if b != nil && b.token != "" && b.token != a.token {
		cases = append(cases, forgery{step: "CSRF token of another session", token: b.token})
	}
	for _, c := range cases {
		from := a.clone()
		if c.token != "" {
			from.token = c.token
		}
		q := request{step: c.step, method: http.MethodPatch, path: r.conf.Me, header: c.header, noToken: c.noToken,
			body: map[string]any{r.field(): c.step}}
		statuses := []int{400, 401, 403, 419}
		if c.form != "" {
			q.body, q.contentType, statuses = nil, c.form, []int{400, 403, 415, 422}
			if q.raw = fmt.Sprintf(`{%q: %q}`, r.field(), c.step); c.form != "text/plain" {
				q.raw = r.field() + "=" + strings.ReplaceAll(c.step, " ", "+")
			}
		}
		if err := r.refused(ctx, from, q, statuses...); err != nil {
			return err
		}
	}
	return r.refuseReflection(ctx, a)
}

// refuseBareCalls calls every operation of the contract that changes
// something with a session but without a CSRF header.
func (r *run) refuseBareCalls(ctx context.Context, a *browser) error {
	if r.contract == nil {
		return nil
	}
	for _, o := range r.contract.Operations() {
		if slices.Contains([]string{"get", "head", "options", "trace"}, o.Method) || !r.contract.Guarded(o, r.conf.Header) {
			continue
		}
		path := pathParameter.ReplaceAllString(o.Path, nobody)
		q := request{step: "no CSRF header, empty body", method: strings.ToUpper(o.Method), path: path, body: map[string]any{}, noToken: true}
		if err := r.refused(ctx, a.clone(), q, 400, 401, 403, 404, 409, 415, 419, 422); err != nil {
			return err
		}
	}
	return nil
}

// refuseReflection looks for CORS that lets another site read with cookies.
func (r *run) refuseReflection(ctx context.Context, a *browser) error {
	for _, origin := range []string{"https://evil.example", "null"} {
		reply, err := a.clone().send(ctx, request{step: "read from another site (" + origin + ")", method: http.MethodGet, path: r.conf.Me,
			header: http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"cross-site"}}})
		if err != nil {
			return err
		}
		allowed := reply.Header.Get("Access-Control-Allow-Origin")
		bad := (allowed == origin || allowed == "*") && strings.EqualFold(reply.Header.Get("Access-Control-Allow-Credentials"), "true") || allowed == origin
		r.last(!bad, "no CORS for another site")
		if bad {
			r.find(crossOriginRule, "GET "+r.conf.Me, "another site may read private answers", "no Access-Control-Allow-Origin for it", allowed, "allow no other origin")
		}
	}
	return nil
}

// refuseLoginForgery sends sign-up and login that come from somewhere else.
func (r *run) refuseLoginForgery(ctx context.Context) error {
	account, err := r.account()
	if err != nil {
		return err
	}
	for _, path := range []string{r.conf.Login, r.conf.SignUp} {
		b := r.browser()
		if _, err := b.csrf(ctx, "token for a forgery"); err != nil {
			return err
		}
		q := request{step: "no CSRF header", method: http.MethodPost, path: path, body: r.credentials(path, account), noToken: true}
		if err := r.refused(ctx, b, q, 400, 403, 419); err != nil {
			return err
		}
		q.step, q.noToken = "cross-site", false
		q.header = http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}
		if err := r.refused(ctx, b, q, 400, 403, 419); err != nil {
			return err
		}
		q = request{step: "broken JSON", method: http.MethodPost, path: path, raw: `{"email": `}
		if err := r.refused(ctx, b, q, 400, 422); err != nil {
			return err
		}
	}
	return nil
}

// refuseGet tries to change state by GET, and to log out from elsewhere.
func (r *run) refuseGet(ctx context.Context, a *browser) error {
	for _, path := range []string{r.conf.Logout, r.conf.Login, r.conf.SignUp} {
		q := request{step: "state change by GET", method: http.MethodGet, path: path}
		if err := r.refused(ctx, a.clone(), q, 400, 403, 404, 405); err != nil {
			return err
		}
	}
	q := request{step: "logout without CSRF header", method: http.MethodPost, path: r.conf.Logout, noToken: true}
	return r.refused(ctx, a.clone(), q, 400, 401, 403, 419)
}

var privileges = map[string]any{"is_staff": true, "is_admin": true, "isAdmin": true, "is_superuser": true, "staff": true, "role": "admin", "roles": []string{"admin"}}

// refuseExtra tries to become staff through the profile and the sign-up. To
// ignore the members is as good as to refuse them.
func (r *run) refuseExtra(ctx context.Context, a *browser) error {
	for _, name := range slices.Sorted(maps.Keys(privileges)) {
		q := request{step: "set " + name + " through the profile", method: http.MethodPatch, path: r.conf.Me, body: map[string]any{name: privileges[name]}}
		if _, err := a.clone().send(ctx, q); err != nil {
			return err
		}
	}
	if err := r.ordinary(ctx, a, "PATCH "+r.conf.Me); err != nil {
		return err
	}
	account, err := r.account()
	if err != nil {
		return err
	}
	b := r.browser()
	if _, err := b.csrf(ctx, "sign up as staff: token"); err != nil {
		return err
	}
	body := r.credentials(r.conf.SignUp, account)
	maps.Copy(body, privileges)
	reply, err := b.send(ctx, request{step: "sign up as staff", method: http.MethodPost, path: r.conf.SignUp, body: body})
	if err != nil || reply.Status/100 != 2 {
		return err
	}
	r.accounts = append(r.accounts, account)
	if reply, err = b.logIn(ctx, "log in after signing up as staff", account); err != nil || reply.Status/100 != 2 {
		return err
	}
	return r.ordinary(ctx, b, "POST "+r.conf.SignUp)
}

// ordinary wants a user without privileges.
func (r *run) ordinary(ctx context.Context, b *browser, subject string) error {
	reply, err := b.send(ctx, request{step: "look for privileges", method: http.MethodGet, path: r.conf.Me})
	if err != nil {
		return err
	}
	for name, value := range reply.values {
		want, known := privileges[name]
		if known && (value == want || holds(value, "admin")) {
			r.last(false, "no privileges")
			r.find(privilegesRule, subject, "a user can make itself staff: "+name, "the member refused or ignored", fmt.Sprintf("%s: %v", name, value), "take only the members that a user may set")
		}
	}
	if r.conf.Guarded == "" || subject != "POST "+r.conf.SignUp {
		return nil
	}
	return r.refused(ctx, b, request{step: "guarded path after signing up as staff", method: http.MethodGet, path: r.conf.Guarded}, 403)
}

// fixation logs in with a session cookie that an attacker planted, and gives
// that second browser.
func (r *run) fixation(ctx context.Context, account account) (*browser, error) {
	planted, err := random(32)
	if err != nil {
		return nil, err
	}
	b := r.browser()
	b.cookies[r.conf.Cookie] = planted
	reply, err := b.logIn(ctx, "log in with a planted session", account)
	if err != nil {
		return nil, err
	}
	if reply.Status/100 != 2 { // refused: nothing is adopted
		b = r.browser()
		if reply, err = b.logIn(ctx, "log in a second time", account); err != nil || reply.Status/100 != 2 {
			return nil, err
		}
	}
	thief := r.browser()
	thief.cookies[r.conf.Cookie] = planted
	q := request{step: "the planted session after login", method: http.MethodGet, path: r.conf.Me}
	return b, r.refusedBy(ctx, fixationRule, thief, q, 401)
}

// cookieLines judges cookies as they come over the wire (RFC 6265bis).
func (r *run) cookieLines(lines []string) {
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			continue
		}
		if c.MaxAge < 0 || c.Value == "" {
			continue // clears a cookie
		}
		bad := func(rule stack.Rule, problem, expected, observed string) {
			r.find(rule, "cookie "+c.Name, problem, expected, observed, "set the cookie with Secure, HttpOnly, SameSite and Path=/, without Domain")
		}
		if !c.Secure {
			bad(cookiesRule, "cookie without Secure", "Secure", "not there")
		}
		if c.SameSite != http.SameSiteLaxMode && c.SameSite != http.SameSiteStrictMode {
			bad(cookiesRule, "cookie without SameSite", "SameSite=Lax or Strict", sameSite(line))
		}
		if c.Domain != "" {
			bad(cookiesRule, "cookie for other hosts", "no Domain", "Domain="+c.Domain)
		}
		if c.Name != r.conf.Cookie {
			continue
		}
		if !c.HttpOnly {
			bad(cookiesRule, "session cookie without HttpOnly", "HttpOnly", "not there")
		}
		if c.Path != "/" {
			bad(cookiesRule, "session cookie not for the whole site", "Path=/", fmt.Sprintf("Path=%q", c.Path))
		}
		if !strings.HasPrefix(c.Name, "__Host-") {
			bad(cookiesRule, "session cookie that a subdomain can set", "a name with __Host-", c.Name)
		}
		if longest := 400 * 24 * time.Hour; c.MaxAge > int(longest/time.Second) || time.Until(c.Expires) > longest {
			// RFC 6265bis, section 5.5: browsers cut it there too.
			bad(cookiesRule, "session cookie that never ends", "400 days at most", line[strings.IndexByte(line, ';')+1:])
		}
		if len(c.Value) < 22 {
			bad(cookiesRule, "session token that can be guessed", "at least 128 bits", fmt.Sprintf("%d characters", len(c.Value)))
		}
	}
}

func sameSite(line string) string {
	for part := range strings.SplitSeq(line, ";") {
		if part = strings.TrimSpace(part); strings.HasPrefix(strings.ToLower(part), "samesite") {
			return part
		}
	}
	return "not there"
}

func cookieNames(lines []string) string {
	var names []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, stack.Short(name, 40))
	}
	if len(names) == 0 {
		return "no cookie"
	}
	return strings.Join(names, ", ")
}
