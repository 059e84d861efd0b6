// Package outbound owns how this machine speaks to an HTTP server that the
// operator named, and to where that one leads: bounded in time, in size and in
// redirects, and never to what is behind a firewall because somebody else said
// so. It must not know what is said.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

const (
	// redirects is how many are followed.
	redirects = 3
	// attemptLimit bounds one request, its answer included.
	attemptLimit = 10 * time.Second
	// drained is how much is read of an answer that nobody wants.
	drained = 64 << 10
)

// Permanent is an error that another try cannot help.
type Permanent struct{ error }

// Unwrap returns the error underneath.
func (p Permanent) Unwrap() error { return p.error }

// Never returns err as one that another try cannot help.
func Never(err error) error { return Permanent{err} }

// Client speaks to servers. The zero Client throws bodies away.
type Client struct {
	// Roots are whom a server's certificate is believed; nil: the system's.
	Roots *x509.CertPool
	// Most is how many bytes of an answer are read; a longer one is an error.
	// 0: the answer's body is not wanted.
	Most int64
}

// Answer is what a server said in the end, after its redirects.
type Answer struct {
	Status int
	Body   []byte

	next string
}

// Get asks for what is at a URL.
func (c Client) Get(ctx context.Context, at string) (Answer, error) {
	return c.do(ctx, http.MethodGet, at, nil)
}

// Post sends JSON to a URL.
func (c Client) Post(ctx context.Context, to string, body []byte) (Answer, error) {
	return c.do(ctx, http.MethodPost, to, body)
}

// do sends one request. What it redirects to is followed, but never to an
// address that is not public, and never from https to http: whoever answers for
// the URL must not make this machine speak to what is behind its firewall. No
// error holds the URL, which may be a secret.
func (c Client) do(ctx context.Context, method, to string, body []byte) (Answer, error) {
	at, err := url.Parse(to)
	if err != nil {
		return Answer{}, Never(errors.New("its URL cannot be read"))
	}
	client := c.client(nil)
	for range redirects + 1 {
		answer, err := c.once(ctx, client, method, at, body)
		if err != nil || answer.next == "" {
			return answer, err
		}
		next, err := at.Parse(answer.next)
		switch {
		case err != nil || next.Scheme != "https" && next.Scheme != "http":
			return Answer{}, Never(errors.New("it redirects to what is no URL"))
		case at.Scheme == "https" && next.Scheme != "https":
			return Answer{}, Never(errors.New("it redirects from https to http"))
		}
		at, client = next, c.guarded()
	}
	return Answer{}, Never(fmt.Errorf("it redirects more than %d times", redirects))
}

func (c Client) once(ctx context.Context, client *http.Client, method string, at *url.URL, body []byte) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return Answer{}, Never(errors.New("its URL cannot be used"))
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("User-Agent", "stackctl")
	response, err := client.Do(request)
	if err != nil {
		if inner := new(url.Error); errors.As(err, &inner) {
			err = inner.Err // without the URL
		}
		return Answer{}, err
	}
	defer response.Body.Close()
	a := Answer{Status: response.StatusCode}
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		a.next = response.Header.Get("Location")
	}
	if c.Most == 0 || a.next != "" {
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, drained))
		return a, nil
	}
	if a.Body, err = io.ReadAll(io.LimitReader(response.Body, c.Most+1)); err != nil {
		return Answer{}, err
	}
	if int64(len(a.Body)) > c.Most {
		return Answer{}, Never(fmt.Errorf("it answered with more than %d bytes", c.Most))
	}
	return a, nil
}

func (c Client) client(control func(network, address string, c syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: attemptLimit, Control: control}
	return &http.Client{
		Timeout: attemptLimit,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// guarded is a client that reaches public addresses alone; it asks when the
// address is known, so that no name can change its mind. It uses no proxy, which
// would reach them for it.
func (c Client) guarded() *http.Client {
	client := c.client(publicOnly)
	client.Transport.(*http.Transport).Proxy = nil
	return client
}
