package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// look is one container at one moment.
type look struct {
	id     string
	state  container.ContainerState
	health container.HealthStatus
	exit   int
	// ran is for how long it has been seen to run without ending.
	ran time.Duration
	// checked and every are what checksOf tells.
	checked time.Time
	every   time.Duration
}

func lookAt(c container.InspectResponse) *look {
	l := &look{id: c.ID, health: healthOf(c)}
	if c.State == nil {
		return l
	}
	l.state, l.exit = c.State.Status, c.State.ExitCode
	if l.health != container.NoHealthcheck {
		l.checked, l.every = checksOf(c)
	}
	return l
}

// await takes one that was paused for starting until it was checked again:
// what was wrong with it before may be over.
func (l *look) await(resumed map[string]time.Time) {
	if last, ok := resumed[l.id]; ok && l.checked.Equal(last) && l.health == container.Unhealthy {
		l.health = container.Starting
	}
}

func readyWord(u unit, cs []look) string {
	switch {
	case u.once:
		return "completed"
	case len(cs) > 0 && cs[0].health == container.Healthy:
		return "healthy"
	}
	return "running"
}

// serviceError looks closely at a container that failed.
func (e *Engine) serviceError(ctx context.Context, service, id, problem string, cause error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	res, err := e.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("service %s %s; inspect container %s: %w", service, problem, id, err)
	}
	c := res.Container
	out := &ServiceError{
		Service:   service,
		Container: strings.TrimPrefix(c.Name, "/"),
		Problem:   problem,
		Health:    string(container.NoHealthcheck),
		Restarts:  c.RestartCount,
		Err:       cause,
	}
	if c.State == nil {
		return out
	}
	out.State, out.ExitCode, out.Reason = string(c.State.Status), c.State.ExitCode, c.State.Error
	if c.State.OOMKilled {
		out.Reason = strings.TrimPrefix(out.Reason+", out of memory", ", ")
	}
	if h := c.State.Health; h != nil {
		out.Health = string(h.Status)
		if n := len(h.Log); n > 0 && h.Log[n-1] != nil {
			out.Output = clip(strings.TrimSpace(h.Log[n-1].Output), 2000)
		}
	}
	return stack.Fault(stack.CauseStep, "wait for service "+service, out, "see its log lines")
}

// clip bounds text from outside.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " …"
}

// detached is a short context for a last look after the caller's has ended.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}
