package redis

import (
	"context"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"stackctl/pkg/server/app"
)

// prefix keeps our keys apart from those of others.
const prefix = "limit:"

// takeScript counts one attempt against every key, or, where one is used up,
// against none. One script is one step for Redis: attempts at once cannot slip
// past each other. It gives the milliseconds to wait; 0: it may go ahead.
var takeScript = goredis.NewScript(`
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2*i-1]) then
    return math.max(redis.call('PTTL', key), 1)
  end
end
for i, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[2*i]) end
end
return 0`)

// Take counts one attempt against every limit.
func (c *Client) Take(ctx context.Context, limits []app.Limit) (time.Duration, error) {
	keys, args := make([]string, 0, len(limits)), make([]any, 0, 2*len(limits))
	for _, l := range limits {
		keys = append(keys, prefix+l.Key)
		args = append(args, l.Max, l.Per.Milliseconds())
	}
	ms, err := takeScript.Run(ctx, c.rdb, keys, args...).Int64()
	if err != nil {
		return 0, fmt.Errorf("count an attempt: %w", err)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// giveBackScript takes one attempt back from a counter that has any; its window
// ends when it would have.
var giveBackScript = goredis.NewScript(`
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end
return 0`)

// GiveBack takes one attempt back from a counter.
func (c *Client) GiveBack(ctx context.Context, key string) error {
	if err := giveBackScript.Run(ctx, c.rdb, []string{prefix + key}).Err(); err != nil {
		return fmt.Errorf("take an attempt back: %w", err)
	}
	return nil
}

// Remember keeps a key for a time.
func (c *Client) Remember(ctx context.Context, key string, life time.Duration) error {
	if err := c.rdb.Set(ctx, prefix+key, 1, life).Err(); err != nil {
		return fmt.Errorf("remember a key: %w", err)
	}
	return nil
}

// Known says whether a key is kept.
func (c *Client) Known(ctx context.Context, key string) (bool, error) {
	n, err := c.rdb.Exists(ctx, prefix+key).Result()
	if err != nil {
		return false, fmt.Errorf("look for a key: %w", err)
	}
	return n > 0, nil
}
