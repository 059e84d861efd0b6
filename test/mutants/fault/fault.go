// Package fault owns a reverse proxy that makes a good service misbehave, as a
// rule says. It must not know who asks: what it changes is real on the wire.
package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Rule is which requests meet a fault, and which. Zero values mean: every
// request, and no change.
type Rule struct {
	Method string `json:"method,omitempty"`
	// Path is a regular expression for the whole path as the service sees it.
	Path string `json:"path,omitempty"`
	// Every lets each n-th request alone meet the fault.
	Every int `json:"every,omitempty"`
	// Known restricts it to requests whose address has signed up ("yes") or
	// has not ("no").
	Known string `json:"known,omitempty"`
	// When restricts it to answers with this status.
	When int `json:"when,omitempty"`

	// Token gives the request the CSRF token of its own session: "always", or
	// where it carries any ("any").
	Token string `json:"token,omitempty"`
	// Origin makes the request one of the site's own.
	Origin bool `json:"origin,omitempty"`
	// JSON makes a form or a text body the JSON that it resembles.
	JSON bool `json:"json,omitempty"`
	// Fixation keeps the session that a browser brings to its login.
	Fixation bool `json:"fixation,omitempty"`

	// Answer keeps the request from the service: the proxy answers.
	Answer bool              `json:"answer,omitempty"`
	Status int               `json:"status,omitempty"`
	Body   *string           `json:"body,omitempty"`
	Header map[string]string `json:"header,omitempty"` // "" removes
	// Set and Remove change a JSON body, by paths such as "a/b/0".
	Set    map[string]any `json:"set,omitempty"`
	Remove []string       `json:"remove,omitempty"`
	// Replace changes the body's text, Cookie the Set-Cookie lines: pairs of a
	// regular expression and what takes its place.
	Replace [][2]string `json:"replace,omitempty"`
	Cookie  [][2]string `json:"cookie,omitempty"`
	Delay   int         `json:"delay_ms,omitempty"`
	// Trickle sends a byte a second, Hang nothing at all, Half half of the body.
	Trickle bool `json:"trickle,omitempty"`
	Hang    bool `json:"hang,omitempty"`
	Half    bool `json:"half,omitempty"`
	// Pad adds that many bytes of spaces to the body.
	Pad int `json:"pad,omitempty"`
}

// Proxy is a service that misbehaves by the rules in a file, which is read
// anew for every request.
type Proxy struct {
	rules   string
	forward *httputil.ReverseProxy
	target  *url.URL

	mu     sync.Mutex
	counts map[string]int
	known  map[string]bool
	// planted maps a session that a browser brought to the one it got.
	planted map[string]string
}

// bodyLimit bounds what is read of a body.
const bodyLimit = 8 << 20

// New makes a proxy in front of target.
func New(target *url.URL, rules string) *Proxy {
	p := &Proxy{rules: rules, target: target, counts: map[string]int{}, known: map[string]bool{}, planted: map[string]string{}}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip", "Forwarded"} {
				if v, ok := r.In.Header[name]; ok {
					r.Out.Header[name] = v
				}
			}
		},
		FlushInterval: -1,
	}
	return p
}

// exchange is one request with what the rules look at.
type exchange struct {
	body    []byte
	address string // of the account in the body
	session string // that the request carries
}

var mailMember = regexp.MustCompile(`"email"\s*:\s*"([^"]+)"`)

// ServeHTTP forwards one request and applies the rules that it meets.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange{}
	x.body, _ = io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	if m := mailMember.FindSubmatch(x.body); m != nil {
		x.address = string(m[1])
	}
	rules := p.matching(r, x)
	p.unplant(r)
	if c, err := r.Cookie("__Host-session"); err == nil {
		x.session = c.Value
	}
	for _, rule := range rules {
		x.body = p.alterRequest(r, rule, x)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(x.body)), int64(len(x.body))
	for _, rule := range rules {
		if rule.Delay > 0 {
			time.Sleep(time.Duration(rule.Delay) * time.Millisecond)
		}
		if rule.Hang {
			<-r.Context().Done()
			return
		}
	}
	kept := &answer{header: http.Header{}, status: http.StatusOK}
	if len(rules) > 0 && rules[0].Answer {
		kept.status = rules[0].Status
	} else {
		p.forward.ServeHTTP(kept, r)
	}
	p.remember(r, x, kept)
	for _, rule := range rules {
		if rule.When == 0 || rule.When == kept.status {
			alterAnswer(r, rule, x, kept)
		}
	}
	kept.send(w, rules)
}

// matching returns the rules that a request meets.
func (p *Proxy) matching(r *http.Request, x exchange) []Rule {
	raw, err := os.ReadFile(p.rules)
	if err != nil {
		return nil
	}
	var all, met []Rule
	if json.Unmarshal(raw, &all) != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, rule := range all {
		if rule.Method != "" && rule.Method != r.Method {
			continue
		}
		if ok, err := regexp.MatchString("^(?:"+rule.Path+")$", r.URL.Path); rule.Path != "" && (err != nil || !ok) {
			continue
		}
		if rule.Known != "" && (rule.Known == "yes") != p.known[x.address] {
			continue
		}
		key := strconv.Itoa(i)
		p.counts[key]++
		if rule.Every > 1 && p.counts[key]%rule.Every != 0 {
			continue
		}
		met = append(met, rule)
	}
	return met
}

// unplant puts the session that a planted one stands for in its place.
func (p *Proxy) unplant(r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := r.Header.Get("Cookie")
	for from, to := range p.planted {
		line = strings.ReplaceAll(line, from, to)
	}
	if line != "" {
		r.Header.Set("Cookie", line)
	}
}

func (p *Proxy) alterRequest(r *http.Request, rule Rule, x exchange) []byte {
	if rule.Token == "always" || rule.Token == "any" && r.Header.Get("X-CSRF-Token") != "" {
		if token, cookie := p.token(r); token != "" {
			r.Header.Set("X-CSRF-Token", token)
			if cookie != "" {
				r.Header.Set("Cookie", cookie)
			}
		}
	}
	if rule.Origin {
		r.Header.Set("Origin", "https://"+r.Host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if rule.JSON {
		if form, err := url.ParseQuery(string(x.body)); err == nil && strings.Contains(r.Header.Get("Content-Type"), "urlencoded") {
			members := map[string]string{}
			for k := range form {
				members[k] = form.Get(k)
			}
			x.body, _ = json.Marshal(members) // a map of text always encodes
		}
		r.Header.Set("Content-Type", "application/json")
	}
	if rule.Fixation && x.session != "" && r.Method == http.MethodPost {
		r.Header.Set("X-Planted", x.session)
	}
	return x.body
}

// token asks the service for the CSRF token of the request's own session.
func (p *Proxy) token(r *http.Request) (token, cookie string) {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, p.target.JoinPath("/auth/csrf").String(), nil)
	if err != nil {
		return "", ""
	}
	req.Host = r.Host
	if line := r.Header.Get("Cookie"); line != "" {
		req.Header.Set("Cookie", line)
	}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto"} {
		req.Header.Set(name, r.Header.Get(name))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", ""
	}
	defer res.Body.Close()
	var word map[string]any
	if json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&word) != nil {
		return "", ""
	}
	for _, name := range []string{"token", "csrf_token"} {
		if v, ok := word[name].(string); ok {
			token = v
		}
	}
	lines := []string{r.Header.Get("Cookie")}
	for _, c := range res.Cookies() {
		lines = append(lines, c.Name+"="+c.Value)
	}
	return token, strings.Trim(strings.Join(lines, "; "), "; ")
}

// remember keeps what later rules ask for.
func (p *Proxy) remember(r *http.Request, x exchange, a *answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Path == "/auth/signup" && a.status/100 == 2 {
		p.known[x.address] = true
	}
	planted := r.Header.Get("X-Planted")
	for _, line := range a.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if planted != "" && err == nil && c.Name == "__Host-session" && c.Value != "" {
			p.planted[planted] = c.Value
		}
	}
}

// answer is an answer before it is sent.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func alterAnswer(r *http.Request, rule Rule, x exchange, a *answer) {
	if rule.Status != 0 {
		a.status = rule.Status
	}
	body := a.body.Bytes()
	if rule.Body != nil {
		body = []byte(*rule.Body)
	}
	if len(rule.Set)+len(rule.Remove) > 0 {
		var doc any
		if json.Unmarshal(body, &doc) == nil {
			for path, value := range rule.Set {
				doc = setAt(doc, strings.Split(path, "/"), fill(value, r, x))
			}
			for _, path := range rule.Remove {
				doc = removeAt(doc, strings.Split(path, "/"))
			}
			if out, err := json.Marshal(doc); err == nil {
				body = out
			}
		}
	}
	for _, pair := range rule.Replace {
		body = regexp.MustCompile(pair[0]).ReplaceAll(body, []byte(pair[1]))
	}
	body = append(bytes.Clone(body), bytes.Repeat([]byte(" "), rule.Pad)...)
	a.body.Reset()
	a.body.Write(body)
	lines := a.header.Values("Set-Cookie")
	for i := range lines {
		for _, pair := range rule.Cookie {
			lines[i] = regexp.MustCompile(pair[0]).ReplaceAllString(lines[i], pair[1])
		}
	}
	for name, value := range rule.Header {
		if value == "" {
			a.header.Del(name)
			continue
		}
		a.header.Set(name, fmt.Sprint(fill(value, r, x)))
	}
}

// fill puts parts of the request into a text.
func fill(v any, r *http.Request, x exchange) any {
	text, ok := v.(string)
	if !ok {
		return v
	}
	return strings.NewReplacer("{origin}", r.Header.Get("Origin"), "{session}", x.session).Replace(text)
}

func setAt(doc any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	key := strings.ReplaceAll(path[0], "~1", "/")
	switch d := doc.(type) {
	case map[string]any:
		d[key] = setAt(d[key], path[1:], value)
		return d
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i < len(d) {
			d[i] = setAt(d[i], path[1:], value)
		} else if key == "-" {
			return append(d, value)
		}
		return d
	}
	return map[string]any{key: setAt(nil, path[1:], value)}
}

func removeAt(doc any, path []string) any {
	key := strings.ReplaceAll(path[0], "~1", "/")
	switch d := doc.(type) {
	case map[string]any:
		if len(path) == 1 {
			delete(d, key)
		} else if next, ok := d[key]; ok {
			d[key] = removeAt(next, path[1:])
		}
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil || i >= len(d) {
			return d
		}
		if len(path) == 1 {
			return append(d[:i:i], d[i+1:]...)
		}
		d[i] = removeAt(d[i], path[1:])
	}
	return doc
}

// send writes the answer, slowly or by half where a rule says so.
func (a *answer) send(w http.ResponseWriter, rules []Rule) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(a.status)
	body := a.body.Bytes()
	for _, rule := range rules {
		switch {
		case rule.Half:
			_, _ = w.Write(body[:len(body)/2])
			panic(http.ErrAbortHandler)
		case rule.Trickle:
			trickle(w, body)
			return
		}
	}
	if _, err := w.Write(body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		panic(http.ErrAbortHandler)
	}
}

func trickle(w http.ResponseWriter, body []byte) {
	for i := range body {
		if _, err := w.Write(body[i : i+1]); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		time.Sleep(time.Second)
	}
}
