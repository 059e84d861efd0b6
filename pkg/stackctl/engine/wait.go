package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	mobyevents "github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

const (
	// crashes is how often a container may die and be restarted by the engine
	// before it counts as one that will not come up.
	crashes = 5
	// settle gathers events that come together into one look.
	settle = 10 * time.Millisecond
	// relook bounds the wait where an event was lost.
	relook = 2 * time.Second
)

// wait starts services in dependency order and sees them ready. It listens to
// the engine's events, so it looks exactly when something changed.
type wait struct {
	engine  *Engine
	project string
	units   map[string]unit
	ev      *events
	// start starts the containers of services, in no order.
	start func(ctx context.Context, services []string) error

	seen    map[string][]look
	started map[string]bool
	said    map[string]string
	dies    map[string]int // container ID → deaths seen
	checks  map[string]checked
	asker   *asker
	// since is when a container was first seen running; what ran before Up
	// began has a zero time.
	since map[string]time.Time
	// resumed are containers that were paused, with when each was last checked.
	resumed map[string]time.Time
}

// run returns the services that it started.
func (w *wait) run(ctx context.Context) ([]string, error) {
	w.started, w.said = map[string]bool{}, map[string]string{}
	w.dies, w.checks, w.since = map[string]int{}, map[string]checked{}, nil
	w.asker = newAsker(w.engine)
	defer w.asker.group.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := w.look(ctx); err != nil {
		return nil, err
	}
	if done, err := w.judge(ctx); done || err != nil {
		return nil, err
	}
	stream := w.engine.api.Events(ctx, client.EventsListOptions{
		Filters: make(client.Filters).Add("type", "container").
			Add("event", "start", "die", "health_status", "destroy").
			Add("label", api.ProjectLabel+"="+w.project),
	})
	for {
		done, err := w.turn(ctx, &stream)
		if done || err != nil {
			return sorted(w.started), w.timeout(ctx, err)
		}
	}
}

// turn looks, starts what may start, and waits for a change where nothing may.
func (w *wait) turn(ctx context.Context, stream *client.EventsResult) (bool, error) {
	if err := w.look(ctx); err != nil {
		return false, err
	}
	if done, err := w.judge(ctx); done || err != nil {
		return done, err
	}
	if more, err := w.advance(ctx); more || err != nil {
		return false, err
	}
	if err := w.nudge(ctx); err != nil {
		return false, err
	}
	return false, w.sleep(ctx, stream)
}

// look sees the project's containers, by service. It asks each of them: the
// engine's list lags behind, and where its disk is full it never catches up.
func (w *wait) look(ctx context.Context) error {
	list, err := w.engine.ours(ctx, w.project)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(c container.Summary) bool { return c.Labels[api.OneoffLabel] == "True" })
	looks, found := make([]*look, len(list)), make([]container.InspectResponse, len(list))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, c := range list {
		g.Go(func() error {
			res, err := w.engine.api.ContainerInspect(gctx, c.ID, client.ContainerInspectOptions{})
			if cerrdefs.IsNotFound(err) {
				return nil // removed meanwhile
			}
			if err != nil {
				return fmt.Errorf("look at container %s: %w", containerName(c), err)
			}
			found[i], looks[i] = res.Container, lookAt(res.Container)
			looks[i].await(w.resumed)
			if looks[i].health == container.Starting && w.engine.asked.knows(res.Container) {
				looks[i].health = container.Healthy
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	w.seen = map[string][]look{}
	first := w.since == nil
	if first {
		w.since = map[string]time.Time{}
	}
	for i, c := range list {
		if s := c.Labels[api.ServiceLabel]; looks[i] != nil {
			w.age(looks[i], first)
			w.asker.follow(ctx, found[i])
			w.seen[s] = append(w.seen[s], *looks[i])
		}
	}
	return nil
}

// age sets how long a container has been seen to run. One that ends begins anew.
func (w *wait) age(c *look, first bool) {
	if c.state != container.StateRunning {
		delete(w.since, c.id)
		return
	}
	since, known := w.since[c.id]
	if !known && !first {
		since = time.Now()
	}
	w.since[c.id] = since
	c.ran = time.Since(since)
}

// replaced names the services with a container that was not there before.
func (w *wait) replaced(before []container.Summary) []string {
	old := map[string]bool{}
	for _, c := range before {
		old[c.ID] = true
	}
	var names []string
	for name, cs := range w.seen {
		if slices.ContainsFunc(cs, func(c look) bool { return !old[c.id] }) {
			names = append(names, name)
		}
	}
	return names
}

// advance starts every service whose dependencies are met and says whether
// there was one.
func (w *wait) advance(ctx context.Context) (bool, error) {
	var names []string
	for _, name := range sorted(w.units) {
		if w.needsStart(w.units[name]) && w.met(w.units[name]) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	for _, n := range names {
		w.started[n] = true
	}
	if err := w.start(ctx, names); err != nil {
		return false, fmt.Errorf("start %s: %w", strings.Join(names, ", "), err)
	}
	return true, nil
}

func (w *wait) needsStart(u unit) bool {
	if w.started[u.name] {
		return false
	}
	for _, c := range w.seen[u.name] {
		switch c.state {
		case container.StateCreated, container.StateDead:
			return true
		case container.StateExited:
			if !u.once || c.exit != 0 {
				return true
			}
		}
	}
	return false
}

// met reports whether what u depends on is as far as u asks.
func (w *wait) met(u unit) bool {
	for dep, condition := range u.deps {
		d := w.units[dep]
		switch {
		case condition == types.ServiceConditionStarted:
			if w.needsStart(d) {
				return false
			}
		case !ready(d, w.seen[dep]):
			return false
		}
	}
	return true
}

// ready reports whether a service is where Up promises it.
func ready(u unit, cs []look) bool {
	if len(cs) < u.scale {
		return false
	}
	for _, c := range cs {
		if u.once {
			if c.state != container.StateExited || c.exit != 0 {
				return false
			}
			continue
		}
		if c.health == container.NoHealthcheck && c.ran < u.settle {
			return false
		}
		if c.state != container.StateRunning || (c.health != container.NoHealthcheck && c.health != container.Healthy) {
			return false
		}
	}
	return true
}

// judge reports whether all is ready, or which service will not be.
func (w *wait) judge(ctx context.Context) (bool, error) {
	all := true
	for _, name := range sorted(w.units) {
		u := w.units[name]
		if ready(u, w.seen[name]) {
			if w.started[name] {
				w.say(name, readyWord(u, w.seen[name]))
			}
			continue
		}
		all = false
		for _, c := range w.seen[name] {
			if problem := w.failed(u, c); problem != "" {
				return false, w.engine.serviceError(ctx, name, c.id, problem, nil)
			}
		}
	}
	return all, nil
}

// failed returns why a container will not become ready by waiting; empty: it may.
func (w *wait) failed(u unit, c look) string {
	switch {
	case c.state == container.StateRunning && c.health == container.Unhealthy:
		return "is unhealthy"
	case w.dies[c.id] >= crashes && c.state != container.StateExited:
		return "keeps crashing"
	case c.state == container.StateExited && w.started[u.name] && u.once && c.exit != 0:
		return "failed"
	case c.state == container.StateExited && w.started[u.name] && !u.once:
		return "exited"
	}
	return ""
}

// sleep waits for the next event of the project.
func (w *wait) sleep(ctx context.Context, stream *client.EventsResult) error {
	timer := time.NewTimer(w.pause())
	defer timer.Stop()
	for {
		select {
		case m := <-stream.Messages:
			w.note(m)
			timer.Reset(settle)
		case <-w.asker.passed:
			timer.Reset(0)
		case <-stream.Err: //nolint:errcheck // why it ended changes nothing
			// The stream ended; looking now and then does as well.
			stream.Err, stream.Messages = nil, nil
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pause is how long nothing needs to be looked at: no event comes when a
// container has run for long enough.
func (w *wait) pause() time.Duration {
	pause := relook
	for name, cs := range w.seen {
		for _, c := range cs {
			if left := w.units[name].settle - c.ran; c.state == container.StateRunning && left > 0 {
				pause = min(pause, left)
			}
		}
	}
	return pause
}

func (w *wait) note(m mobyevents.Message) {
	if m.Action == mobyevents.ActionDie {
		w.dies[m.Actor.ID]++
		delete(w.since, m.Actor.ID)
	}
}

// timeout turns an expired context into an error that names what was waited for.
func (w *wait) timeout(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	for _, name := range sorted(w.units) {
		if cs := w.seen[name]; len(cs) > 0 && !ready(w.units[name], cs) && !w.needsStart(w.units[name]) {
			return w.engine.serviceError(ctx, name, cs[0].id, "was not ready in time", err)
		}
	}
	return err
}

// say reports a state once.
func (w *wait) say(service, state string) {
	if w.said[service] != state {
		w.said[service] = state
		w.ev.say(service, state)
	}
}
