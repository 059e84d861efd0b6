package postgres_test

import (
	"context"
	"testing"
	"time"

	"stackctl/pkg/server/postgres"
	"stackctl/pkg/server/testdb"
)

func TestPostgreSQLProvesItselfWhereAsked(t *testing.T) {
	certificate := testdb.NewCertificate(t)
	server := testdb.Secured(t, certificate)
	plain := testdb.Own(t)
	for name, c := range map[string]struct {
		at   postgres.Address
		port int
		good bool
	}{
		"its certificate is believed":    {postgres.Address{Host: "127.0.0.1", TLS: true, CA: certificate.PEM}, server.Port, true},
		"the certificate is for another": {postgres.Address{Host: "localhost", TLS: true, CA: certificate.PEM}, server.Port, false},
		"an authority of the system":     {postgres.Address{Host: "127.0.0.1", TLS: true}, server.Port, false},
		"a server without TLS":           {postgres.Address{Host: "127.0.0.1", TLS: true, CA: certificate.PEM}, plain.Port, false},
		"nothing is asked":               {postgres.Address{Host: "127.0.0.1"}, plain.Port, true},
	} {
		c.at.Port, c.at.Name, c.at.User, c.at.Password = uint16(c.port), "postgres", "app", testdb.Password
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		db, err := postgres.Open(ctx, c.at, postgres.Pool{Role: "test", Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Ping(ctx); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		db.Close()
		cancel()
	}
}
