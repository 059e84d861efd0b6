// Command workers takes jobs of one kind from a list in Redis, and counts those
// that are done. It has no port and no health check. It owns nothing but its
// argument and its environment; it must not know stackctl.
//
//	workers mails      takes from mails, counts in mails-done
//	workers reports    takes from reports, counts in reports-done
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "workers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 2 {
		return errors.New("usage: workers mails | reports")
	}
	kind, as := os.Args[1], os.Getenv("SENDER")
	if as == "nobody" {
		return errors.New("nobody sends no mail")
	}
	store := redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS"), MaxRetries: 10})
	defer store.Close()
	if err := store.Set(ctx, kind+"-by", as, 0).Err(); err != nil {
		return err
	}
	fmt.Println("works on", kind)
	for ctx.Err() == nil {
		// A job that has been taken is done, also when the worker is told to stop.
		switch err := store.BLPop(context.WithoutCancel(ctx), time.Second, kind).Err(); {
		case errors.Is(err, redis.Nil):
		case err != nil:
			return err
		default:
			if err := store.Incr(context.WithoutCancel(ctx), kind+"-done").Err(); err != nil {
				return err
			}
		}
	}
	return nil
}
