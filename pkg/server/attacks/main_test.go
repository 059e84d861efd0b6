// Package attacks tries the attacks of docs/security.md for real: over HTTP,
// against the real roles, PostgreSQL and Redis. Each test is named after its
// row. It holds no code but tests.
package attacks

import (
	"flag"
	"net/http"
	"os"
	"testing"

	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/testdb"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testdb.Run(m))
}

const (
	session = "__Host-session"
	next    = "violet-harbour-77-comet"
	wrong   = "not the right password"
)

func start(t *testing.T, roles ...string) (*apptest.Site, *apptest.Browser) {
	t.Helper()
	s := apptest.New(t)
	s.Start(append(roles, "api")...)
	return s, s.Browser()
}

// withToken is what the web app sends with a change.
func withToken(b *apptest.Browser) http.Header {
	return http.Header{"X-Csrf-Token": {b.Token()}, "Content-Type": {"application/json"}}
}

// from makes requests come from an address, as the edge tells it.
func from(b *apptest.Browser, address string) *apptest.Browser {
	b.Header.Set("X-Forwarded-For", address)
	return b
}
