// Package ratelimit owns what happens to rate limits when their store is down:
// stricter counters in this process take over. It must not know what is
// counted.
package ratelimit

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"stackctl/pkg/server/app"
)

// Store counts for all processes; redis.Client is one.
type Store interface {
	Take(ctx context.Context, limits []app.Limit) (time.Duration, error)
	GiveBack(ctx context.Context, key, own string) error
}

// pause is how long a store that failed is left alone: a login must not wait
// for a store that does not answer.
const pause = 2 * time.Second

// Limiter is app.Limiter over a store that may fail.
type Limiter struct {
	store Store
	local *memory
	log   *slog.Logger
	until atomic.Int64 // the store is left alone until then, Unix ns
}

// New makes a Limiter.
func New(store Store, log *slog.Logger) *Limiter {
	return &Limiter{store: store, local: newMemory(time.Now), log: log}
}

// Take counts one attempt against every limit.
func (l *Limiter) Take(ctx context.Context, limits []app.Limit) time.Duration {
	if l.up() {
		wait, err := l.store.Take(ctx, limits)
		if err == nil {
			return wait
		}
		l.failed(ctx, err)
	}
	return l.local.take(limits)
}

// GiveBack takes the attempts that own counted back from a counter, here and in
// the store.
func (l *Limiter) GiveBack(ctx context.Context, key, own string) {
	l.local.giveBack(key, own)
	if l.up() {
		if err := l.store.GiveBack(ctx, key, own); err != nil {
			l.failed(ctx, err)
		}
	}
}

func (l *Limiter) up() bool { return time.Now().UnixNano() >= l.until.Load() }

func (l *Limiter) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // the request ended; that says nothing about the store
	}
	l.until.Store(time.Now().Add(pause).UnixNano())
	l.log.WarnContext(ctx, "the rate limits' store does not answer; stricter limits of this process hold", "error", err.Error())
}
