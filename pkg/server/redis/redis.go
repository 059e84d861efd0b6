// Package redis owns Redis: counters that may be lost. It must not know what
// is counted, PostgreSQL or HTTP.
package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/extra/redisotel/v9"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.opentelemetry.io/otel/trace"
)

// Client is a small pool of connections.
type Client struct {
	// quick gives up within about a second: a slow Redis must not slow a login
	// down, and the limits that ask it have a way without it.
	quick *goredis.Client
	// patient waits as long as the caller's context lets it, over the same
	// connections: for what has no other way. Redis stalls on a busy server.
	patient *goredis.Client
}

// Address is where Redis is, and how it proves itself.
type Address struct {
	Addr     string
	User     string
	Password string
	// TLS asks for a server whose certificate fits the host, by the authorities of
	// CA (PEM); empty: by the system's.
	TLS bool
	CA  []byte
}

func (a Address) tls() *tls.Config {
	if !a.TLS {
		return nil
	}
	host, _, _ := net.SplitHostPort(a.Addr) // without a port it is no address, and dialling it says so
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if len(a.CA) > 0 {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(a.CA)
	}
	return c
}

// Open makes a client. It does not connect yet. Traces is what the spans of
// commands are made of; nil: there are none.
func Open(a Address, traces trace.TracerProvider) *Client {
	logging.Disable() // failures come back as errors, and are logged by who asked
	quick := goredis.NewClient(&goredis.Options{
		Addr: a.Addr, Username: a.User, Password: a.Password, TLSConfig: a.tls(), PoolSize: 8, MinIdleConns: 0, MaxIdleConns: 8, ConnMaxIdleTime: 5 * time.Minute,
		DialTimeout: time.Second, ReadTimeout: 500 * time.Millisecond, WriteTimeout: 500 * time.Millisecond,
		PoolTimeout: 500 * time.Millisecond, MaxRetries: 1, ContextTimeoutEnabled: true,
	})
	if traces != nil {
		// Keys are made of addresses and of who asks: a span has the command's name.
		_ = redisotel.InstrumentTracing(quick, redisotel.WithTracerProvider(traces), redisotel.WithDBStatement(false), redisotel.WithCallerEnabled(false)) // fails for other kinds of clients alone
	}
	return &Client{quick: quick, patient: quick.WithTimeout(0)}
}

// Ping says whether Redis answers before the context ends.
func (c *Client) Ping(ctx context.Context) error {
	if err := c.patient.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping redis: %w", err)
	}
	return nil
}

// Close closes the pool.
func (c *Client) Close() error { return c.quick.Close() }
