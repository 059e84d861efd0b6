package engine

import (
	"context"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// checked is what was seen of a container's health checks.
type checked struct {
	last  time.Time // when the newest ended, by the host's clock
	since time.Time // since when it is the newest, by ours
}

// nudge begins health checks again that have stopped. An Engine before 23 that is
// restarted checks none of the containers that it left running: they stay as
// they were, for ever (moby/moby#41871). Pausing one for a moment makes it.
// Only what is waited for is touched, and for a moment; what failed before does
// not count against it (healthOf).
func (w *wait) nudge(ctx context.Context) error {
	for _, name := range sorted(w.units) {
		for _, c := range w.seen[name] {
			if !w.stuck(c, time.Now()) {
				continue
			}
			w.say(name, "health checks have stopped; begun again")
			if err := w.engine.blink(ctx, c.id); err != nil {
				return fmt.Errorf("begin the health checks of container %s again: %w", c.id, err)
			}
		}
	}
	return nil
}

// stuck reports whether a container that is starting should long have been checked
// again.
func (w *wait) stuck(c look, now time.Time) bool {
	if c.state != container.StateRunning || c.health != container.Starting {
		delete(w.checks, c.id)
		return false
	}
	seen, known := w.checks[c.id]
	if known && seen.last.Equal(c.checked) && now.Sub(seen.since) < c.every {
		return false
	}
	w.checks[c.id] = checked{last: c.checked, since: now}
	return known && seen.last.Equal(c.checked)
}

// blink pauses a container and lets it go on at once.
func (e *Engine) blink(ctx context.Context, id string) error {
	_, err := e.api.ContainerPause(ctx, id, client.ContainerPauseOptions{})
	if err == nil {
		late, cancel := detached(ctx) // whatever happens here, it must go on
		defer cancel()
		_, err = e.api.ContainerUnpause(late, id, client.ContainerUnpauseOptions{})
	}
	if cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err) { // it has ended meanwhile
		return nil
	}
	return err
}
