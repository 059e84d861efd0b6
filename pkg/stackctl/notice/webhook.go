package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// redirects is how many are followed.
const redirects = 3

// post sends a body to a URL. What it redirects to is followed, but never to an
// address that is not public, and never from https to http: whoever answers for
// the URL must not make this machine speak to what is behind its firewall. No
// error holds the URL, which may be a secret.
func post(ctx context.Context, to string, body []byte) error {
	at, err := url.Parse(to)
	if err != nil {
		return permanent{errors.New("its URL cannot be read")}
	}
	client := client(nil)
	for range redirects + 1 {
		answer, err := once(ctx, client, at, body)
		if err != nil {
			return err
		}
		if answer.next == "" {
			return answer.err()
		}
		next, err := at.Parse(answer.next)
		switch {
		case err != nil || next.Scheme != "https" && next.Scheme != "http":
			return permanent{errors.New("it redirects to what is no URL")}
		case at.Scheme == "https" && next.Scheme != "https":
			return permanent{errors.New("it redirects from https to http")}
		}
		at, client = next, guarded()
	}
	return permanent{fmt.Errorf("it redirects more than %d times", redirects)}
}

// permanent is an error that another try cannot help.
type permanent struct{ error }

// Unwrap gives the error underneath.
func (p permanent) Unwrap() error { return p.error }

type answered struct {
	status int
	next   string
}

func (a answered) err() error {
	switch {
	case a.status < 300:
		return nil
	case a.status == http.StatusTooManyRequests || a.status >= 500 || a.status == http.StatusRequestTimeout:
		return fmt.Errorf("it answered with status %d", a.status)
	}
	return permanent{fmt.Errorf("it answered with status %d", a.status)}
}

func once(ctx context.Context, c *http.Client, at *url.URL, body []byte) (answered, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(body))
	if err != nil {
		return answered{}, permanent{errors.New("its URL cannot be used")}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "stackctl")
	response, err := c.Do(request)
	if err != nil {
		if inner := new(url.Error); errors.As(err, &inner) {
			err = inner.Err // without the URL
		}
		return answered{}, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	_ = response.Body.Close()
	a := answered{status: response.StatusCode}
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		a.next = response.Header.Get("Location")
	}
	return a, nil
}

// attemptLimit bounds one try.
const attemptLimit = 10 * time.Second

func client(control func(network, address string, c syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: attemptLimit, Control: control}
	return &http.Client{
		Timeout:       attemptLimit,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// guarded is a client that reaches public addresses alone; it asks when the
// address is known, so that no name can change its mind. It uses no proxy, which
// would reach them for it.
func guarded() *http.Client {
	c := client(func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		at, err := netip.ParseAddr(host)
		if err != nil || !public(at) {
			return permanent{errors.New("it redirects to an address that is not public")}
		}
		return nil
	})
	c.Transport.(*http.Transport).Proxy = nil
	return c
}

// reserved are networks that are not public and that netip does not name
// (RFC 6890; 64:ff9b::/96 and 2002::/16 embed IPv4).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

func public(at netip.Addr) bool {
	at = at.Unmap().WithZone("")
	for _, p := range reserved {
		if p.Contains(at) {
			return false
		}
	}
	return at.IsGlobalUnicast() && !at.IsPrivate() && !at.IsLoopback() && !at.IsLinkLocalUnicast()
}

// slack is the message in the form of Slack's incoming webhooks, whose text has
// three characters of its own.
func slack(n Notice) ([]byte, error) {
	mark := map[bool]string{true: ":white_check_mark: ", false: ":rotating_light: "}[n.Verdict == "good"]
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(n.Text())
	return json.Marshal(map[string]string{"text": mark + text})
}
