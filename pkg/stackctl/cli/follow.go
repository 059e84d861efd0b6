package cli

import (
	"context"
	"fmt"
	"sync"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// lookAgain is how often a follower looks for containers that are new.
const lookAgain = 2 * time.Second

// follower copies logs as they come, from one release to the next.
type follower struct {
	server node.Server
	page   *logPage
	// stop ends all of it, with the reason.
	stop context.CancelCauseFunc
	all  sync.WaitGroup

	lock sync.Mutex
	// open are the containers that are followed now, by ID; seen are those that ever were.
	open, seen map[string]bool
}

// follow copies the logs of the containers that serve until it is interrupted
// or the server is out of reach. look returns those that serve now.
func follow(ctx context.Context, server node.Server, page *logPage, first []stack.Container,
	look func(context.Context) ([]stack.Container, error), want stack.LogOptions) error {
	inner, stop := context.WithCancelCause(ctx)
	f := &follower{server: server, page: page, stop: stop, open: map[string]bool{}, seen: map[string]bool{}}
	defer f.all.Wait()
	defer stop(nil)
	for _, c := range first {
		f.begin(inner, c, want)
	}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		select {
		case <-inner.Done():
			if ctx.Err() != nil {
				return nil // as the operator wishes
			}
			return context.Cause(inner)
		case <-again.C:
		}
		now, err := look(inner)
		switch {
		case inner.Err() != nil:
			continue
		case stack.CauseOf(err) == stack.CauseUsage:
			continue // the named service is away for the moment
		case err != nil:
			return err
		}
		for _, c := range now {
			if c.State == "running" {
				f.resume(inner, c)
			}
		}
	}
}

// resume follows a container that is not followed: a new one from its first
// line, one that was started again from where its log ended.
func (f *follower) resume(ctx context.Context, c stack.Container) {
	f.lock.Lock()
	open, seen := f.open[c.ID], f.seen[c.ID]
	f.lock.Unlock()
	if open {
		return
	}
	want, again := stack.LogOptions{Follow: true, Times: true}, ""
	if seen {
		want.Since, again = f.page.after(c.ID), " again"
	}
	f.say("container %s of %s is followed%s", c.Name, c.Service, again)
	f.begin(ctx, c, want)
}

func (f *follower) begin(ctx context.Context, c stack.Container, want stack.LogOptions) {
	f.lock.Lock()
	f.open[c.ID], f.seen[c.ID] = true, true
	f.lock.Unlock()
	f.all.Go(func() {
		err := f.page.copy(ctx, f.server, c, want)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			f.stop(unreadLog(c, err))
			return
		}
		f.say("container %s of %s has stopped", c.Name, c.Service)
		f.lock.Lock()
		defer f.lock.Unlock()
		delete(f.open, c.ID)
	})
}

// say tells what happens to a log beside the log.
func (f *follower) say(format string, args ...any) {
	f.page.lock.Lock()
	defer f.page.lock.Unlock()
	fmt.Fprintf(f.page.errs, "stackctl: "+format+"\n", args...)
}
