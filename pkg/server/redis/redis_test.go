package redis_test

import (
	"context"
	"testing"
	"time"

	"stackctl/pkg/server/redis"
	"stackctl/pkg/server/testdb"
)

// stalled is a Redis that answers nothing for a while, as on a busy server.
func stalled(t *testing.T, client *redis.Client, server *testdb.Redis, pause time.Duration, ask func()) {
	t.Helper()
	if err := client.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	thaw := time.AfterFunc(pause, func() { _ = server.Thaw() })
	t.Cleanup(func() {
		thaw.Stop()
		_ = server.Thaw()
	})
	ask()
}

func open(t *testing.T) (*testdb.Redis, *redis.Client) {
	t.Helper()
	server := testdb.NewRedis(t)
	client := redis.Open(redis.Address{Addr: server.Addr, Password: testdb.RedisPassword}, nil)
	t.Cleanup(func() { _ = client.Close() })
	return server, client
}

func TestAStallIsNotAnAbsence(t *testing.T) {
	server, client := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stalled(t, client, server, 1500*time.Millisecond, func() {
		if err := client.Ping(ctx); err != nil {
			t.Errorf("Redis was called away after a stall of 1.5 s: %v", err)
		}
	})
}

func TestAPingEndsWithItsContext(t *testing.T) {
	server, client := open(t)
	stalled(t, client, server, time.Minute, func() {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := client.Ping(ctx); err == nil {
			t.Error("a Redis that does not answer was called there")
		}
	})
}

func TestAOneTimeValueIsNotLostInAStall(t *testing.T) {
	server, client := open(t)
	once := client.Once()
	if err := once.Put(t.Context(), "state", "value", time.Minute); err != nil {
		t.Fatal(err)
	}
	stalled(t, client, server, 1500*time.Millisecond, func() {
		if value, ok, err := once.Take(t.Context(), "state"); err != nil || !ok || value != "value" {
			t.Errorf("taken: %q, %t, %v", value, ok, err)
		}
	})
}

func TestRedisProvesItselfWhereAsked(t *testing.T) {
	certificate := testdb.NewCertificate(t)
	server := testdb.SecuredRedis(t, certificate)
	for name, c := range map[string]struct {
		at   redis.Address
		good bool
	}{
		"its certificate is believed": {redis.Address{TLS: true, CA: certificate.PEM}, true},
		"an authority of the system":  {redis.Address{TLS: true}, false},
		"another authority":           {redis.Address{TLS: true, CA: testdb.NewCertificate(t).PEM}, false},
		"without TLS":                 {redis.Address{}, false},
	} {
		c.at.Addr, c.at.Password = server.Addr, testdb.RedisPassword
		client := redis.Open(c.at, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := client.Ping(ctx); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		_ = client.Close()
	}
}
