package ratelimit_test

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/ratelimit"
	"stackctl/pkg/server/redis"
	"stackctl/pkg/server/testdb"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testdb.Run(m))
}

func limiter(t *testing.T) (*testdb.Redis, *ratelimit.Limiter) {
	t.Helper()
	server := testdb.NewRedis(t)
	client := redis.Open(redis.Address{Addr: server.Addr, Password: testdb.RedisPassword}, nil)
	t.Cleanup(func() { _ = client.Close() })
	return server, ratelimit.New(client, slog.New(slog.DiscardHandler))
}

// passed counts how many of n attempts at once get through.
func passed(l *ratelimit.Limiter, n int, limits ...app.Limit) int {
	var wg sync.WaitGroup
	var through atomic.Int64
	for range n {
		wg.Go(func() {
			if l.Take(context.Background(), limits) == 0 {
				through.Add(1)
			}
		})
	}
	wg.Wait()
	return int(through.Load())
}

func TestParallelAttemptsDoNotBeatTheCounter(t *testing.T) {
	_, l := limiter(t)
	if n := passed(l, 100, app.Limit{Key: "a", Max: 10, Per: time.Minute}); n != 10 {
		t.Errorf("%d passed, want 10", n)
	}
}

func TestARefusedAttemptIsNotCounted(t *testing.T) {
	_, l := limiter(t)
	ctx := context.Background()
	tight, wide := app.Limit{Key: "tight", Max: 1, Per: time.Minute}, app.Limit{Key: "wide", Max: 2, Per: time.Minute}
	for range 5 {
		l.Take(ctx, []app.Limit{wide, tight})
	}
	if wait := l.Take(ctx, []app.Limit{wide}); wait != 0 {
		t.Errorf("refused attempts used up the other limit; wait %s", wait)
	}
	if wait := l.Take(ctx, []app.Limit{tight}); wait <= 0 || wait > time.Minute {
		t.Errorf("wait %s", wait)
	}
}

func TestWhatOneCounterCountedComesBackFromAnother(t *testing.T) {
	server, l := limiter(t)
	for _, store := range []string{"redis", "memory"} {
		if store == "memory" {
			server.Stop()
		}
		t.Run(store, func(t *testing.T) {
			ctx := context.Background()
			// Four may pass: this process alone takes half of a limit.
			all := app.Limit{Key: "all", Max: map[string]int{"redis": 4, "memory": 8}[store], Per: time.Minute}
			passed := func(own string, tries int) (n int) {
				for range tries {
					if l.Take(ctx, []app.Limit{all, {Key: own, Max: 1000, Per: time.Minute}}) == 0 {
						n++
					}
				}
				return n
			}
			if passed("other", 2) != 2 || passed("mine", 3) != 2 {
				t.Fatal("not four passed")
			}
			l.GiveBack(ctx, "all", "mine")
			l.GiveBack(ctx, "all", "mine") // there is nothing more of it
			if n := passed("other", 5); n != 2 {
				t.Errorf("%d came back", n)
			}
		})
	}
}

func TestWhatWasCountedForAnEarlierWindowDoesNotComeBack(t *testing.T) {
	_, l := limiter(t)
	ctx := context.Background()
	mine := app.Limit{Key: "mine", Max: 1000, Per: time.Minute}
	for range 3 { // before the other counter's window began
		l.Take(ctx, []app.Limit{mine})
	}
	all := app.Limit{Key: "all", Max: 3, Per: 2 * time.Minute}
	for range 2 {
		l.Take(ctx, []app.Limit{all})
	}
	l.Take(ctx, []app.Limit{all, mine})
	l.GiveBack(ctx, "all", "mine")
	if l.Take(ctx, []app.Limit{all}) != 0 || l.Take(ctx, []app.Limit{all}) == 0 {
		t.Error("not one came back")
	}
}

func TestStricterLimitsHoldWithoutTheStore(t *testing.T) {
	server, l := limiter(t)
	server.Stop()
	if n := passed(l, 100, app.Limit{Key: "a", Max: 10, Per: time.Minute}); n != 5 {
		t.Errorf("%d passed without the store, want 5", n)
	}
}

func TestASlowStoreHoldsUpOneAttemptAtMost(t *testing.T) {
	server, l := limiter(t)
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for i := range 20 {
		l.Take(context.Background(), []app.Limit{{Key: string(rune('a' + i)), Max: 10, Per: time.Minute}})
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("20 attempts took %s", took)
	}
	if err := server.Thaw(); err != nil {
		t.Fatal(err)
	}
}
