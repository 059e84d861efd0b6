package apptest

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// Secure puts https before an address, as the edge does, for clients that keep
// cookies by the rules. It ends with the test.
func Secure(t testing.TB, to string) string {
	t.Helper()
	at, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(at)
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(server.Close)
	return server.URL
}
