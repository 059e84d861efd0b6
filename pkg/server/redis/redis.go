// Package redis owns Redis: counters that may be lost. It must not know what
// is counted, PostgreSQL or HTTP.
package redis

import (
	"context"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// Client is a small pool of connections.
type Client struct {
	rdb *goredis.Client
}

// Open makes a client. It does not connect yet. Every call is bounded: a slow
// Redis must not slow a login down.
func Open(addr, password string) *Client {
	logging.Disable() // failures come back as errors, and are logged by who asked
	return &Client{rdb: goredis.NewClient(&goredis.Options{
		Addr: addr, Password: password, PoolSize: 8, MinIdleConns: 0, MaxIdleConns: 2,
		DialTimeout: time.Second, ReadTimeout: 500 * time.Millisecond, WriteTimeout: 500 * time.Millisecond,
		PoolTimeout: 500 * time.Millisecond, MaxRetries: 1, ContextTimeoutEnabled: true,
	})}
}

// Ping says whether Redis answers.
func (c *Client) Ping(ctx context.Context) error {
	if err := c.rdb.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping redis: %w", err)
	}
	return nil
}

// Close closes the pool.
func (c *Client) Close() error { return c.rdb.Close() }
