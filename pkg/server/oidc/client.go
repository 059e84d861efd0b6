package oidc

import (
	"io"
	"net"
	"net/http"
	"time"
)

// maxAnswer bounds what the provider may send: its configuration, its keys, a
// token.
const maxAnswer = 1 << 20

// newClient makes the client that talks to the provider. It bounds the time and
// the size of every answer. It follows no redirect: a token request carries the
// client's secret, and goes where the configuration says or nowhere.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       8 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout: 3 * time.Second, MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		}},
	}
}

// bounded cuts answers off that are too large.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{http.MaxBytesReader(nil, resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}
