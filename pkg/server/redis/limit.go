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
	ms, err := takeScript.Run(ctx, c.quick, keys, args...).Int64()
	if err != nil {
		return 0, fmt.Errorf("count an attempt: %w", err)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// giveBackScript takes from the first counter what the second has counted, and
// ends the second. A second that began before the first's window did counted for
// an earlier one: then one attempt comes back, the last.
var giveBackScript = goredis.NewScript(`
local n = tonumber(redis.call('GET', KEYS[2]) or '0')
if n > 1 and redis.call('PTTL', KEYS[2]) < redis.call('PTTL', KEYS[1]) then n = 1 end
redis.call('DEL', KEYS[2])
if n >= tonumber(redis.call('GET', KEYS[1]) or '0') then redis.call('DEL', KEYS[1]) else redis.call('DECRBY', KEYS[1], n) end
return 0`)

// GiveBack takes the attempts that own counted back from a counter.
func (c *Client) GiveBack(ctx context.Context, key, own string) error {
	if err := giveBackScript.Run(ctx, c.quick, []string{prefix + key, prefix + own}).Err(); err != nil {
		return fmt.Errorf("take attempts back: %w", err)
	}
	return nil
}
