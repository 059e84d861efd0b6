package load

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync/atomic"
	"time"
)

// Site is where requests go: the address is dialled whatever the domain.
type Site struct {
	Domain string
	// Address is host:port of the edge; of several, with commas between them, one that
	// does not take a connection is passed over, as a browser does.
	Address string
	// Roots verify its certificate; nil: it is not verified.
	Roots *x509.CertPool
	// Patience is how long an answer is waited for; 0: 30 s.
	Patience time.Duration
}

// client speaks one protocol on connections that it keeps.
func (s Site) client(two bool, jar http.CookieJar) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(!two)
	protocols.SetHTTP2(two)
	return &http.Client{Timeout: cmp.Or(s.Patience, 30*time.Second), Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Protocols: &protocols, MaxIdleConnsPerHost: 64, IdleConnTimeout: 5 * time.Minute,
			TLSClientConfig: &tls.Config{ServerName: s.Domain, RootCAs: s.Roots, InsecureSkipVerify: s.Roots == nil},
			DialContext: func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
				var d net.Dialer
				for address := range strings.SplitSeq(s.Address, ",") {
					if conn, err = d.DialContext(ctx, network, address); err == nil {
						break
					}
				}
				return conn, err
			},
		}}
}

// User is somebody who is signed in at the site.
type User struct {
	site Site
	jar  http.CookieJar
	csrf string
}

// SignUp makes an account and signs in.
func (s Site) SignUp(ctx context.Context) (*User, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	u := &User{site: s, jar: jar}
	c := s.client(false, jar)
	defer c.CloseIdleConnections()
	account := map[string]string{"email": "load-" + strings.ToLower(rand.Text()) + "@example.org", "password": "Tr1ck1e " + rand.Text()}
	for _, step := range []struct {
		path string
		want int
	}{{"signup", http.StatusAccepted}, {"login", http.StatusOK}} {
		if err := u.token(ctx, c); err != nil {
			return nil, err
		}
		body, err := json.Marshal(account)
		if err != nil {
			return nil, err
		}
		if err := u.do(ctx, c, http.MethodPost, "/api/auth/"+step.path, bytes.NewReader(body), step.want, "", nil); err != nil {
			return nil, fmt.Errorf("%s: %w", step.path, err)
		}
	}
	return u, u.token(ctx, c)
}

// token fetches the token that changes need.
func (u *User) token(ctx context.Context, c *http.Client) error {
	var answer struct {
		Token string `json:"token"`
	}
	if err := u.do(ctx, c, http.MethodGet, "/api/auth/csrf", nil, http.StatusOK, "application/json", &answer); err != nil {
		return err
	}
	u.csrf = answer.Token
	return nil
}

// do makes one request; into may be nil.
func (u *User) do(ctx context.Context, c *http.Client, method, path string, body io.Reader, want int, kind string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "https://"+u.site.Domain+path, body)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-CSRF-Token", u.csrf)
		req.Header.Set("Origin", "https://"+u.site.Domain)
		if slow, ok := body.(*trickle); ok && slow.through {
			req.Header.Set("X-Trickle", "1")
		}
	}
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, errors.Unwrap(err))
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	case resp.StatusCode == http.StatusServiceUnavailable && want != resp.StatusCode && resp.Header.Get("Retry-After") != "":
		return fmt.Errorf("%s %s (%s): %w", method, path, resp.Proto, ErrBusy)
	case resp.StatusCode != want || !strings.HasPrefix(resp.Header.Get("Content-Type"), kind):
		return fmt.Errorf("%s %s (%s): %s, %s: %.120s", method, path, resp.Proto, resp.Status, resp.Header.Get("Content-Type"), raw)
	case into != nil:
		return json.Unmarshal(raw, into)
	}
	return nil
}

// Options are the load of F1: half reads, half writes, HTTP/1.1 and HTTP/2,
// signed in and not, each write processed by the application. Twice a second
// begins a write whose body trickles for five seconds; every other one carries
// the header X-Trickle, by which a route can let it through unbuffered.
func (u *User) Options(rate int) Options {
	anyone := &User{site: u.site}
	o := Options{Rate: rate, Limit: 10 * time.Minute, Calls: []Call{
		func(ctx context.Context, c *http.Client) error {
			return u.do(ctx, c, http.MethodGet, "/api/users/me", nil, http.StatusOK, "application/json", nil)
		},
		func(ctx context.Context, c *http.Client) error {
			return u.do(ctx, c, http.MethodPatch, "/api/users/me", strings.NewReader(`{"bio":"under load"}`), http.StatusOK, "application/json", nil)
		},
		func(ctx context.Context, c *http.Client) error {
			return u.do(ctx, c, http.MethodGet, "/", nil, http.StatusOK, "text/html", nil)
		},
		func(ctx context.Context, c *http.Client) error {
			// Refused by the application itself, for want of a CSRF token.
			return anyone.do(ctx, c, http.MethodPost, "/api/users/me/verification", strings.NewReader("{}"), http.StatusForbidden, "application/problem+json", nil)
		},
	}}
	for i := range 5 {
		o.Clients = append(o.Clients, u.site.client(i%2 == 1, u.jar))
	}
	o.SlowEvery = 500 * time.Millisecond
	var turn atomic.Int64
	o.Slow = func(ctx context.Context, c *http.Client) error {
		const text = `{"bio":"slowly, one character after the other"}`
		return u.do(ctx, c, http.MethodPatch, "/api/users/me", &trickle{text: text, through: turn.Add(1)%2 == 0, every: slowFor / time.Duration(len(text))}, http.StatusOK, "application/json", nil)
	}
	return o
}

// Anyone is a light load of pages that need no account.
func (s Site) Anyone(rate int) Options {
	u := &User{site: s}
	return Options{Rate: rate, Limit: 10 * time.Minute, Clients: []*http.Client{s.client(false, nil), s.client(true, nil), s.client(false, nil)}, Calls: []Call{
		func(ctx context.Context, c *http.Client) error {
			return u.do(ctx, c, http.MethodGet, "/api/version", nil, http.StatusOK, "application/json", nil)
		},
		func(ctx context.Context, c *http.Client) error {
			return u.do(ctx, c, http.MethodGet, "/", nil, http.StatusOK, "text/html", nil)
		},
	}}
}

// Heard is a load of a page that takes what it is told and says it again: half reads, half
// writes, over HTTP/1.1 and HTTP/2. Twice a second begins a write that trickles.
func (s Site) Heard(rate int, path string) Options {
	u := &User{site: s}
	o := Options{Rate: rate, Limit: 10 * time.Minute, SlowEvery: 500 * time.Millisecond, Calls: []Call{
		func(ctx context.Context, c *http.Client) error {
			return u.do(ctx, c, http.MethodGet, path, nil, http.StatusOK, "text/plain", nil)
		},
		func(ctx context.Context, c *http.Client) error {
			return u.do(ctx, c, http.MethodPost, path, strings.NewReader("quickly"), http.StatusOK, "text/plain", nil)
		},
	}}
	for i := range 5 {
		o.Clients = append(o.Clients, s.client(i%2 == 1, nil))
	}
	const text = "slowly, one character after the other"
	o.Slow = func(ctx context.Context, c *http.Client) error {
		return u.do(ctx, c, http.MethodPost, path, &trickle{text: text, every: slowFor / time.Duration(len(text))}, http.StatusOK, "text/plain", nil)
	}
	return o
}

// slowFor is how long the body of a slow request takes.
const slowFor = 5 * time.Second

// trickle gives one byte at a time, by the clock: a busy machine makes it no slower.
type trickle struct {
	// through asks the edge to pass it on at once.
	through bool
	text    string
	every   time.Duration
	next    time.Time
}

func (t *trickle) Read(p []byte) (int, error) {
	if t.text == "" {
		return 0, io.EOF
	}
	if t.next.IsZero() {
		t.next = time.Now()
	}
	t.next = t.next.Add(t.every)
	time.Sleep(time.Until(t.next))
	p[0], t.text = t.text[0], t.text[1:]
	return 1, nil
}
