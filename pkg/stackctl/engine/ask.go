package engine

import (
	"context"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"

	"stackctl/pkg/stackctl/stack"
)

const (
	// firstAsk and lastAsk are the pauses between two health commands of a
	// container that is starting: each is half as long again as the one before.
	firstAsk = 250 * time.Millisecond
	lastAsk  = 2 * time.Second
	// askLook bounds one health command where somebody only looks.
	askLook = 3 * time.Second
)

// asked remembers which starts of containers were found well by their own health
// command. The Engine's first look comes an interval after a start, thirty seconds
// where the file says nothing; what is well answers long before.
type asked struct {
	mu   sync.Mutex
	well map[string]string // container ID → when that start was
}

func (a *asked) knows(c container.InspectResponse) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return c.State != nil && a.well[c.ID] == c.State.StartedAt && c.State.StartedAt != ""
}

func (a *asked) note(c container.InspectResponse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.well == nil {
		a.well = map[string]string{}
	}
	a.well[c.ID] = c.State.StartedAt
}

// askable reports whether a container's health command may be executed in place
// of the Engine's first look: it is stackctl's, has just started, and is no store.
// An image of a store may start it once to prepare its files, and its health
// command passes meanwhile (postgres). One that has run for longer than a check
// may take has lost its checks; see nudge.
func askable(c container.InspectResponse, now time.Time) bool {
	if c.State == nil || c.State.Status != container.StateRunning || c.State.Health == nil || c.State.Health.Status != container.Starting ||
		c.Config == nil || !mine(c.Config.Labels) || stack.Layer(c.Config.Labels[stack.LabelLayer]) == stack.LayerData || healthCommand(c) == nil {
		return false
	}
	started, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	_, every := checksOf(c)
	return err == nil && now.Sub(started) < every
}

// healthCommand is what the Engine executes to see whether a container is well;
// nil where it has no health check.
func healthCommand(c container.InspectResponse) []string {
	if c.Config == nil || c.Config.Healthcheck == nil || len(c.Config.Healthcheck.Test) < 2 {
		return nil
	}
	switch test := c.Config.Healthcheck.Test; test[0] {
	case "CMD":
		return test[1:]
	case "CMD-SHELL":
		shell := c.Config.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(append([]string{}, shell...), test[1])
	}
	return nil
}

// ask executes a container's health command once. An answer that does not come in
// time is none: the Engine goes on looking by itself.
func (e *Engine) ask(ctx context.Context, c container.InspectResponse, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := e.Exec(ctx, c.ID, healthCommand(c)...)
	if err != nil || out.Exit != 0 {
		return false
	}
	e.asked.note(c)
	return true
}

// lookOnce is a container's health, by the Engine or, where it has just started,
// by its own command.
func (e *Engine) lookOnce(ctx context.Context, c container.InspectResponse) container.HealthStatus {
	h := healthOf(c)
	if h == container.Starting && (e.asked.knows(c) || askable(c, time.Now()) && e.ask(ctx, c, askLook)) {
		return container.Healthy
	}
	return h
}

// asker executes the health commands of what is waited for, one at a time for a
// container, until each has passed.
type asker struct {
	engine *Engine
	// passed is told when one has passed.
	passed chan struct{}
	starts map[string]bool // container ID and start → it is asked
	group  sync.WaitGroup
}

func newAsker(e *Engine) *asker {
	return &asker{engine: e, passed: make(chan struct{}, 1), starts: map[string]bool{}}
}

// follow asks a container from now on, until it is well, ctx ends, or a command
// takes as long as its health check may: a second one would hang beside it.
func (a *asker) follow(ctx context.Context, c container.InspectResponse) {
	if !askable(c, time.Now()) || a.engine.asked.knows(c) || a.starts[c.ID+c.State.StartedAt] {
		return
	}
	a.starts[c.ID+c.State.StartedAt] = true
	limit := c.Config.Healthcheck.Timeout
	if limit <= 0 {
		limit = defaultCheck
	}
	a.group.Go(func() {
		for pause := firstAsk; ctx.Err() == nil; pause = min(pause+pause/2, lastAsk) {
			began := time.Now()
			if a.engine.ask(ctx, c, limit) {
				select {
				case a.passed <- struct{}{}:
				default:
				}
				return
			}
			if time.Since(began) >= limit {
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	})
}
