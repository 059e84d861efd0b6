package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"stackctl/pkg/server/app"
)

// oncePrefix keeps one-time values apart from counters.
const oncePrefix = "once:"

// Once keeps values that can be taken one time.
type Once struct{ client *Client }

// Once returns the one-time values behind this client.
func (c *Client) Once() *Once { return &Once{client: c} }

// onceTime bounds one step. A step that is given up and tried again may have
// been done the first time: then the value is gone.
const onceTime = 5 * time.Second

// Put keeps a value that can be taken one time.
func (o *Once) Put(ctx context.Context, key, value string, life time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, onceTime)
	defer cancel()
	if err := o.client.patient.Set(ctx, oncePrefix+key, value, life).Err(); err != nil {
		return app.Unavailable("Signing in this way is not possible now.", fmt.Errorf("keep a one-time value: %w", err))
	}
	return nil
}

// Take returns a value and removes it, in one step.
func (o *Once) Take(ctx context.Context, key string) (string, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, onceTime)
	defer cancel()
	value, err := o.client.patient.GetDel(ctx, oncePrefix+key).Result()
	if errors.Is(err, goredis.Nil) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("take a one-time value: %w", err)
	}
	return value, true, nil
}
