package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// DropThrowaway removes containers of some services of a rehearsal and some of its
// volumes, by their names on the host. What carries no stack.LabelThrowaway of
// that compose project stays.
func (e *Engine) DropThrowaway(ctx context.Context, project string, services, volumes []string) error {
	err := e.dropContainers(ctx, project, func(service string) bool { return slices.Contains(services, service) })
	if err == nil {
		err = e.dropVolumes(ctx, project, func(name string) bool { return slices.Contains(volumes, name) })
	}
	return stepFault(ctx, "remove what was tried in "+project, err, "")
}

// DropRehearsal removes all of a rehearsal: containers, networks and volumes. What
// carries no stack.LabelThrowaway of that compose project stays.
func (e *Engine) DropRehearsal(ctx context.Context, project string) error {
	every := func(string) bool { return true }
	err := e.dropContainers(ctx, project, every)
	if err == nil {
		err = errors.Join(e.dropVolumes(ctx, project, every), e.dropNetworks(ctx, project))
	}
	return stepFault(ctx, "remove the rehearsal "+project, err, "`docker ps -a --filter label="+stack.LabelThrowaway+"` on the host names what is left; the next run removes it as well")
}

// throwaway is what a rehearsal's things are found by.
func throwaway(project string) client.Filters {
	return make(client.Filters).Add("label", api.ProjectLabel+"="+project, stack.LabelThrowaway)
}

func (e *Engine) dropContainers(ctx context.Context, project string, of func(service string) bool) error {
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: throwaway(project)})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	for _, c := range list.Items {
		if !of(c.Labels[api.ServiceLabel]) {
			continue
		}
		if err := e.removeContainer(ctx, c.ID, true); err != nil {
			return err
		}
		if err := e.gone(ctx, c.ID); err != nil {
			return fmt.Errorf("wait until container %s is removed: %w", containerName(c), err)
		}
	}
	return nil
}

func (e *Engine) dropVolumes(ctx context.Context, project string, of func(name string) bool) error {
	list, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: throwaway(project)})
	if err != nil {
		return fmt.Errorf("list volumes: %w", err)
	}
	for _, v := range list.Items {
		if !of(v.Name) {
			continue
		}
		if _, err := e.api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("remove volume %s: %w", v.Name, err)
		}
	}
	return nil
}

func (e *Engine) dropNetworks(ctx context.Context, project string) error {
	list, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: throwaway(project)})
	if err != nil {
		return fmt.Errorf("list networks: %w", err)
	}
	for _, n := range list.Items {
		if _, err := e.api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("remove network %s: %w", n.Name, err)
		}
	}
	return nil
}
