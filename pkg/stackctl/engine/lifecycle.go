package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/stack"
)

// mine reports whether stackctl made the thing that carries these labels.
func mine(labels map[string]string) bool { return labels[stack.LabelProject] != "" }

// Stop stops the project's running containers, all at once; each gets grace to
// finish before it is killed. They stay on disk. Names limit it to some services.
func (e *Engine) Stop(ctx context.Context, project string, grace time.Duration, services ...string) error {
	what := "stop project " + project
	list, err := e.ours(ctx, project)
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	seconds := int((grace + time.Second - 1) / time.Second)
	g, gctx := errgroup.WithContext(ctx)
	for _, c := range list { // whatever the list says of them: it may be wrong
		if len(services) > 0 && !slices.Contains(services, c.Labels[api.ServiceLabel]) {
			continue
		}
		g.Go(func() error {
			_, err := e.api.ContainerStop(gctx, c.ID, client.ContainerStopOptions{Timeout: &seconds})
			if err != nil && !cerrdefs.IsNotFound(err) {
				return fmt.Errorf("container %s: %w", containerName(c), err)
			}
			return nil
		})
	}
	return stepFault(ctx, what, g.Wait(), "")
}

// Start starts the project's stopped containers as they are, in the order that
// their definitions ask for, and waits until they are ready. Services that run
// once and did so are left alone.
func (e *Engine) Start(ctx context.Context, project string) error {
	what := "start project " + project
	list, err := e.ours(ctx, project)
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	if len(list) == 0 {
		return stack.Fault(stack.CauseStep, what, fmt.Errorf("it has no container"), "deploy it again")
	}
	units := unitsOf(list)
	resumed, err := e.resume(ctx, list, sorted(units))
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	w := &wait{engine: e, project: project, units: units, ev: &events{}, resumed: resumed}
	w.start = func(ctx context.Context, names []string) error {
		for _, c := range list {
			for _, n := range names {
				if c.Labels[api.ServiceLabel] != n || c.Labels[api.OneoffLabel] == "True" {
					continue
				}
				if _, err := e.api.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
					return err
				}
			}
		}
		return nil
	}
	_, err = w.run(ctx)
	return stepFault(ctx, what, err, fixFor(err))
}

// resume lets those containers of services go on that somebody has paused: the
// engine starts none that is. It tells when each of them was last checked.
func (e *Engine) resume(ctx context.Context, list []container.Summary, services []string) (map[string]time.Time, error) {
	resumed := map[string]time.Time{}
	for _, c := range list {
		if c.State != container.StatePaused || !slices.Contains(services, c.Labels[api.ServiceLabel]) {
			continue
		}
		before, err := e.api.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
		if err == nil {
			resumed[c.ID] = lookAt(before.Container).checked
			_, err = e.api.ContainerUnpause(ctx, c.ID, client.ContainerUnpauseOptions{})
		}
		if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) { // it goes on already
			return nil, fmt.Errorf("let container %s go on, which is paused: %w", containerName(c), err)
		}
	}
	return resumed, nil
}

// unitsOf reads the services of a project from its containers' labels.
func unitsOf(list []container.Summary) map[string]unit {
	out := map[string]unit{}
	for _, c := range list {
		name := c.Labels[api.ServiceLabel]
		if c.Labels[api.OneoffLabel] == "True" {
			continue
		}
		u := unit{name: name, once: c.Labels[labelOnce] == "true", deps: map[string]string{}, scale: out[name].scale + 1}
		// service:condition:restart, separated by commas
		for dep := range strings.SplitSeq(c.Labels[api.DependenciesLabel], ",") {
			if parts := strings.Split(dep, ":"); len(parts) >= 2 {
				u.deps[parts[0]] = parts[1]
			}
		}
		out[name] = u
	}
	for _, u := range out {
		for dep := range u.deps {
			if _, ok := out[dep]; !ok {
				delete(u.deps, dep)
			}
		}
	}
	return out
}

// Remove removes the project's containers, running or not, and its default
// network. Other networks stay, because other projects share them; volumes
// always stay.
func (e *Engine) Remove(ctx context.Context, project string) error {
	what := "remove project " + project
	list, err := e.ours(ctx, project)
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, c := range list {
		g.Go(func() error { return e.removeContainer(gctx, c.ID, false) })
	}
	if err := g.Wait(); err != nil {
		return stepFault(ctx, what, err, "")
	}
	return stepFault(ctx, what, e.removeDefaultNetwork(ctx, project), "")
}

func (e *Engine) removeContainer(ctx context.Context, id string, volumes bool) error {
	_, err := e.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: volumes})
	if err != nil && !cerrdefs.IsNotFound(err) && !strings.Contains(err.Error(), "already in progress") {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	return nil
}

func (e *Engine) removeDefaultNetwork(ctx context.Context, project string) error {
	list, err := e.api.NetworkList(ctx, client.NetworkListOptions{
		Filters: make(client.Filters).Add("label", api.ProjectLabel+"="+project, api.NetworkLabel+"=default"),
	})
	if err != nil {
		return fmt.Errorf("list networks: %w", err)
	}
	for _, n := range list.Items {
		if !mine(n.Labels) {
			continue
		}
		if _, err := e.api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("remove network %s: %w", n.Name, err)
		}
	}
	return nil
}
