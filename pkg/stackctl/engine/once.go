package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// onceLimit bounds each stream of RunOnce; the end is kept.
const onceLimit = 1 << 20

// RunOnce runs one service of an already resolved compose file to completion
// in a fresh container, removes the container, and returns the end of what it
// printed and its exit code. A non-zero exit code is not an error. What the
// service depends on is not started. Where ctx ends first the container is
// killed and removed.
func (e *Engine) RunOnce(ctx context.Context, project string, composeYAML []byte, service string) (stack.Output, error) {
	out, err := e.runOnce(ctx, project, composeYAML, service)
	return out, stepFault(ctx, fmt.Sprintf("run service %s of project %s", service, project), err, fixFor(err))
}

func (e *Engine) runOnce(ctx context.Context, project string, composeYAML []byte, service string) (stack.Output, error) {
	p, err := load(ctx, project, composeYAML)
	if err != nil {
		return stack.Output{}, err
	}
	if p, err = narrow(p, []string{service}, types.IgnoreDependencies); err != nil {
		return stack.Output{}, err
	}
	if err := e.nameImages(ctx, p); err != nil {
		return stack.Output{}, err
	}
	s := p.Services[service]
	s.DependsOn, s.Restart, s.Deploy = nil, types.RestartPolicyNo, withoutRestart(s.Deploy)
	p.Services[service] = s
	if err := e.checkOthers(ctx, p); err != nil {
		return stack.Output{}, err
	}
	there, err := e.ours(ctx, project)
	if err != nil {
		return stack.Output{}, err
	}
	there = slices.DeleteFunc(there, func(c container.Summary) bool { return c.Labels[api.ServiceLabel] != service })
	if err := e.dropRemains(ctx, there); err != nil {
		return stack.Output{}, err
	}
	c, err := e.create(ctx, p, &events{}, api.RecreateForce)
	defer e.discard(ctx, project, service)
	if err != nil {
		return stack.Output{}, err
	}
	id, err := e.ContainerOf(ctx, project, service)
	if err != nil {
		return stack.Output{}, err
	}
	code, err := e.startAndWait(ctx, c, p, id)
	stdout, stderr := &tailOf{limit: onceLimit}, &tailOf{limit: onceLimit}
	late, cancel := detached(ctx)
	defer cancel()
	if logErr := e.logs(late, id, stack.LogOptions{}, stdout, stderr); err == nil && logErr != nil {
		err = fmt.Errorf("read its log: %w", logErr)
	}
	return stack.Output{Stdout: stdout.bytes(), Stderr: stderr.bytes(), Exit: code}, err
}

// startAndWait starts the project's one container and waits for its end.
func (e *Engine) startAndWait(ctx context.Context, c api.Compose, p *types.Project, id string) (int, error) {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	end := e.api.ContainerWait(waiting, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if err := c.Start(ctx, p.Name, api.StartOptions{Project: p}); err != nil {
		return 0, err
	}
	select {
	case res := <-end.Result:
		if res.Error != nil {
			return int(res.StatusCode), fmt.Errorf("wait for its end: %s", res.Error.Message)
		}
		return int(res.StatusCode), nil
	case err := <-end.Error:
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, fmt.Errorf("wait for its end: %w", err)
	}
}

// discard removes the service's container with its anonymous volumes.
func (e *Engine) discard(ctx context.Context, project, service string) {
	ctx, cancel := detached(ctx)
	defer cancel()
	id, err := e.ContainerOf(ctx, project, service)
	if err == nil {
		_ = e.removeContainer(ctx, id, true)
	}
}

// withoutRestart drops a restart policy, which would hide the end.
func withoutRestart(d *types.DeployConfig) *types.DeployConfig {
	if d == nil {
		return nil
	}
	c := *d
	c.RestartPolicy = nil
	return &c
}
