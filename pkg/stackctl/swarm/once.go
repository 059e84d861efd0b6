package swarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// RunOnce runs a one-shot of a resolved compose file to completion, removes it, and
// returns what it printed and its exit code.
func (c *Cluster) RunOnce(ctx context.Context, project string, compose []byte, service string) (stack.Output, error) {
	what := fmt.Sprintf("run service %s of project %s", service, project)
	out, err := c.runOnce(ctx, project, compose, service)
	return out, fault(what, err)
}

func (c *Cluster) runOnce(ctx context.Context, project string, compose []byte, service string) (stack.Output, error) {
	b, p, err := c.prepare(ctx, project, compose, []string{service}, types.IgnoreDependencies)
	if err != nil {
		return stack.Output{}, err
	}
	s := p.Services[service]
	s.DependsOn, s.CustomLabels = nil, merged(s.CustomLabels, types.Labels{stack.LabelOnce: "true"})
	s.Extensions = types.Extensions{"x-stackctl": map[string]any{"run": "once"}}
	p.Services[service] = s
	slots, err := c.place(ctx, p)
	if err != nil {
		return stack.Output{}, err
	}
	if list, err := c.some(ctx, project, []string{service}); err != nil {
		return stack.Output{}, err
	} else if err := c.drop(ctx, list); err != nil {
		return stack.Output{}, err
	}
	id, _, err := c.ensure(ctx, b, slots[0])
	if err != nil {
		return stack.Output{}, err
	}
	defer func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		_, _ = c.home.manager.ServiceRemove(late, id, client.ServiceRemoveOptions{})
	}()
	t, err := c.awaitJob(ctx, id)
	if err != nil {
		return stack.Output{}, err
	}
	return c.printed(ctx, t)
}

// printed is what the container of a task printed, and how it ended.
func (c *Cluster) printed(ctx context.Context, t swarm.Task) (stack.Output, error) {
	if t.Status.ContainerStatus == nil || t.Status.ContainerStatus.ContainerID == "" {
		return stack.Output{}, errors.New(taskFault(t))
	}
	out := stack.Output{Exit: t.Status.ContainerStatus.ExitCode}
	m := c.byID(t.NodeID)
	if m == nil {
		return out, fmt.Errorf("it ran on a node that does not answer (%s)", t.NodeID)
	}
	var stdout, stderr tail
	err := m.server.Logs(ctx, t.Status.ContainerStatus.ContainerID, stack.LogOptions{}, &stdout, &stderr)
	out.Stdout, out.Stderr = stdout.kept, stderr.kept
	if err != nil {
		return out, fmt.Errorf("read its log: %w", err)
	}
	return out, nil
}

// tailLimit bounds each stream of a one-shot; the end is kept.
const tailLimit = 1 << 20

type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailLimit; over > 0 {
		t.kept = slices.Clone(t.kept[over:])
	}
	return len(p), nil
}
