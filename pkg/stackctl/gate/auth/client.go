package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/openapi"
	"stackctl/pkg/stackctl/stack"
)

const none = "stackctl.yaml names no gates.auth.login"

// absent reports whether the project has no accounts to look at.
func absent(s gate.Subject) bool { return s.Config.Gates.Auth.Login == "" }

// step is one request as it stands in the artifact. It holds no body and
// no token.
type step struct {
	Step     string  `json:"step"`
	Method   string  `json:"method"`
	Path     string  `json:"path"`
	Status   int     `json:"status"`
	TookMS   float64 `json:"took_ms"`
	Expected string  `json:"expected,omitempty"`
	OK       bool    `json:"ok"`
}

// run is one walk of the gate: what it asked, what it found.
type run struct {
	s        gate.Subject
	conf     stack.AuthGate
	http     *http.Client
	base     string
	contract *openapi.Doc // nil where there is none

	steps    []step
	findings []stack.Finding
	attempts []stack.Attempt
	accounts []account
	// tokens are the session tokens seen so far: no answer may repeat them.
	tokens []string
}

// account is an account that the gate made.
type account struct{ email, password string }

func newAuthRun(s gate.Subject) (*run, error) {
	client, err := probe.Edge(s)
	if err != nil {
		return nil, err
	}
	r := &run{s: s, conf: s.Config.Gates.Auth, http: client, base: "https://" + probe.Domain(s)}
	if doc, err := openapi.Parse(s.Release.Contract, true); err == nil {
		r.contract = doc // gate G2 judges it; here it only names fields
	}
	return r, nil
}

func (r *run) find(rule stack.Rule, subject, problem, expected, observed, fix string) {
	f := stack.Finding{Subject: subject, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Evidence: artifact, Fix: fix}
	if !slices.Contains(r.findings, f) {
		r.findings = append(r.findings, f)
	}
}

// browser is one browser: cookies, and the CSRF token it was given.
type browser struct {
	run     *run
	cookies map[string]string
	token   string
}

func (r *run) browser() *browser { return &browser{run: r, cookies: map[string]string{}} }

// clone is a browser with the same cookies and token.
func (b *browser) clone() *browser {
	c := b.run.browser()
	for k, v := range b.cookies {
		c.cookies[k] = v
	}
	c.token = b.token
	return c
}

// request is one request of a browser. Zero values are what a browser on
// the site's own page sends.
type request struct {
	step, method, path string
	body               any    // encoded as JSON
	raw                string // instead of body
	contentType        string
	noToken            bool
	header             http.Header // replaces single headers; nil values remove
	// limit reports whether a 429 is an answer, not a reason to wait.
	limit bool
	// foreign reports whether something else than the API may answer.
	foreign bool
}

// reply is an answer with the cookies that it set.
type reply struct {
	probe.Reply
	setCookies []string
	values     map[string]any // the body, where it is a JSON object
}

// send makes one request. What must hold for every answer is judged here.
func (b *browser) send(ctx context.Context, q request) (reply, error) {
	for try := 0; ; try++ {
		reply, err := b.once(ctx, q)
		if err != nil || reply.Status != http.StatusTooManyRequests || q.limit {
			return reply, err
		}
		b.run.attempts = append(b.run.attempts, stack.Attempt{At: time.Now(), Result: q.step + ": answered 429, asked again"})
		if wait, err := strconv.Atoi(reply.Header.Get("Retry-After")); err == nil && wait > patience {
			return reply, fmt.Errorf("%s: answered 429; the site's rate limit asks to wait %d s, run the gate again then", q.step, wait)
		}
		if try == tries || !probe.Pause(ctx, reply.Header, time.Second) {
			return reply, fmt.Errorf("%s: still answered 429 after %d tries; raise the rate limit or wait until it forgets", q.step, try+1)
		}
	}
}

func (b *browser) once(ctx context.Context, q request) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := b.request(ctx, q)
	if err != nil {
		return reply{}, err
	}
	p, err := probe.Do(b.run.http, req, 1<<20)
	if err != nil {
		return reply{}, fmt.Errorf("%s: %s %s: %s", q.step, q.method, q.path, probe.Reason(err))
	}
	reply := reply{Reply: p, setCookies: p.Header.Values("Set-Cookie")}
	_ = json.Unmarshal(p.Body, &reply.values) // many answers are no JSON object
	b.keep(reply.setCookies)
	b.run.judge(q, reply)
	return reply, nil
}

func (b *browser) request(ctx context.Context, q request) (*http.Request, error) {
	body := []byte(q.raw)
	if q.body != nil {
		var err error
		if body, err = json.Marshal(q.body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, q.method, b.run.base+b.run.s.Config.Contract.Prefix+q.path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) stackctl-gate")
	h.Set("Accept", "application/json, application/problem+json")
	h.Set("Sec-Fetch-Site", "same-origin")
	h.Set("Sec-Fetch-Mode", "cors")
	h.Set("Sec-Fetch-Dest", "empty")
	if q.method != http.MethodGet && q.method != http.MethodHead {
		h.Set("Origin", b.run.base)
		if b.token != "" && !q.noToken {
			h.Set(b.run.conf.Header, b.token)
		}
	}
	if len(body) > 0 {
		h.Set("Content-Type", "application/json")
	}
	if q.contentType != "" {
		h.Set("Content-Type", q.contentType)
	}
	for _, name := range openapi.Keys(authAny(b.cookies)) {
		req.AddCookie(&http.Cookie{Name: name, Value: b.cookies[name]}) //nolint:gosec // a request names no attributes
	}
	for k, v := range q.header {
		if len(v) == 0 {
			h.Del(k)
		} else {
			h[http.CanonicalHeaderKey(k)] = v
		}
	}
	return req, nil
}

func authAny(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// keep stores cookies as a lax browser would: attributes are judged apart.
func (b *browser) keep(lines []string) {
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			continue
		}
		if c.MaxAge < 0 || c.Value == "" || !c.Expires.IsZero() && c.Expires.Before(time.Now()) {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
		if c.Name == b.run.conf.Cookie && len(c.Value) >= 16 && !slices.Contains(b.run.tokens, c.Value) {
			b.run.tokens = append(b.run.tokens, c.Value)
		}
	}
}

// judge holds for every answer: no failure of the server, errors as problem
// details without inner workings, no session token outside of Set-Cookie.
func (r *run) judge(q request, a reply) {
	r.steps = append(r.steps, step{Step: q.step, Method: q.method, Path: q.path, Status: a.Status,
		TookMS: float64(a.Took.Microseconds()) / 1000, OK: true})
	subject := q.method + " " + q.path
	if a.Status >= 500 {
		r.find(noFailureRule, subject, "failure of the server ("+q.step+")", "an answer below 500", fmt.Sprint(a.Status), "see the API's log for this request")
		r.last(false, "below 500")
	}
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if a.Status >= 400 && !q.foreign && a.Status != http.StatusTooManyRequests && q.method != http.MethodHead && kind != "application/problem+json" {
		r.find(problemDetailsRule, subject, "error without problem details ("+q.step+")", "application/problem+json", fmt.Sprintf("%d %q", a.Status, stack.Short(kind, 60)),
			"answer every error as RFC 9457 says")
	}
	text := string(a.Body)
	for _, sign := range []string{"goroutine ", "panic:", "Traceback (most recent", "SQLSTATE", ".go:", "    at "} {
		if a.Status >= 400 && strings.Contains(text, sign) {
			r.find(noInnerWorkingsRule, subject, "an error answer shows inner workings ("+q.step+")", "no trace, no driver message", "it contains "+fmt.Sprintf("%q", sign),
				"log the cause and answer with a general sentence")
		}
	}
	for name, values := range a.Header {
		if name != "Set-Cookie" {
			text += "\n" + strings.Join(values, "\n")
		}
	}
	for _, token := range r.tokens {
		if strings.Contains(text, token) || strings.Contains(text, url.QueryEscape(token)) {
			r.find(tokenInCookieOnlyRule, subject, "an answer carries a session token outside of Set-Cookie ("+q.step+")", "the token in the cookie alone", "found in the body or a header",
				"never write the token anywhere else")
		}
	}
}

// last marks the step that was taken last.
func (r *run) last(ok bool, expected string) {
	s := &r.steps[len(r.steps)-1]
	s.OK, s.Expected = s.OK && ok, expected
}

// csrf fetches a token. A browser without one gets findings at every step
// that follows, so a missing token is told once, here.
func (b *browser) csrf(ctx context.Context, step string) (reply, error) {
	b.token = ""
	reply, err := b.send(ctx, request{step: step, method: http.MethodGet, path: b.run.conf.CSRF})
	if err != nil {
		return reply, err
	}
	for _, name := range []string{"token", "csrf_token", "csrfToken", "csrf"} {
		if v, ok := reply.values[name].(string); ok && v != "" {
			b.token = v
			return reply, nil
		}
	}
	b.token = reply.Header.Get(b.run.conf.Header)
	return reply, nil
}

// logIn gets a token, logs in and gets the token of the new session.
func (b *browser) logIn(ctx context.Context, step string, a account) (reply, error) {
	if _, err := b.csrf(ctx, step+": token"); err != nil {
		return reply{}, err
	}
	reply, err := b.send(ctx, request{step: step, method: http.MethodPost, path: b.run.conf.Login, body: b.run.credentials(b.run.conf.Login, a)})
	if err != nil || reply.Status/100 != 2 {
		return reply, err
	}
	_, err = b.csrf(ctx, step+": token of the session")
	return reply, err
}

// credentials is the body of sign-up and login: what the contract requires.
func (r *run) credentials(path string, a account) map[string]any {
	body := map[string]any{"email": a.email, "password": a.password}
	schema := r.bodySchema(path, http.MethodPost)
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(map[string]any)
	if len(required) == 0 {
		return body
	}
	body = map[string]any{}
	for _, v := range required {
		name := fmt.Sprint(v)
		p := r.contract.Schema(properties[name])
		switch low := strings.ToLower(name); {
		case strings.Contains(low, "password"):
			body[name] = a.password
		case strings.Contains(low, "mail") || p["format"] == "email" || low == "username" || low == "login" || low == "identifier":
			body[name] = a.email
		case slices.Contains(types(p), "boolean"):
			body[name] = true // terms and the like
		default:
			body[name] = marker
		}
	}
	return body
}

func types(schema map[string]any) []any {
	types, _ := schema["type"].([]any)
	return types
}

// bodySchema is the JSON schema of a request body; empty where the contract
// says nothing.
func (r *run) bodySchema(path, method string) map[string]any {
	if r.contract == nil {
		return nil
	}
	for _, o := range r.contract.Operations() {
		if o.Path != path || !strings.EqualFold(o.Method, method) {
			continue
		}
		media := openapi.Media(r.contract.Object(o.Op["requestBody"])["content"])
		return r.contract.Schema(r.contract.Object(media["application/json"])["schema"])
	}
	return nil
}

// account makes up an account. Its address is in a domain that no mail
// leaves for (RFC 2606), all have the same length, and the marker tells where
// they come from.
func (r *run) account() (account, error) {
	text, err := random(12)
	if err != nil {
		return account{}, err
	}
	return account{email: "gate-" + text[:16] + "@gate.example.com", password: "Gate-" + text + "-pass"}, nil
}

func random(bytes int) (string, error) {
	b := make([]byte, bytes)
	if _, err := rand.Read(b); err != nil {
		return "", errors.New("make up an account: no random numbers")
	}
	return hex.EncodeToString(b), nil
}
