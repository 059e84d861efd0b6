package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/compose/v5/pkg/compose"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Up makes the named services of an already resolved compose file run, with
// what they depend on, and waits until each is healthy (running, where it has
// no health check; completed with exit code 0, where it runs once). No names
// mean all. A service whose definition and image are unchanged is not touched:
// the result names those that were, also when an error is returned.
//
// Up never pulls or builds (see MissingImageError), removes no volume, and
// leaves containers alone that the file no longer names (see RemoveServices).
// Readiness failures are ServiceErrors. progress may be nil; it is called from
// one goroutine at a time.
func (e *Engine) Up(ctx context.Context, project string, composeYAML []byte, services []string, progress func(service, state string)) ([]string, error) {
	what := "start project " + project
	p, err := load(ctx, project, composeYAML)
	if err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	if p, err = narrow(p, services, types.IncludeDependencies); err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	if err := e.nameImages(ctx, p); err != nil {
		return nil, err
	}
	if err := e.checkOthers(ctx, p); err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	before, err := e.ours(ctx, project)
	if err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	if err := e.dropRemains(ctx, before); err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	if err := e.dropUnjoined(ctx, p, before); err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	resumed, err := e.resume(ctx, before, slices.Sorted(maps.Keys(p.Services)))
	if err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	ev := &events{services: containerNames(p), progress: progress}
	c, err := e.create(ctx, p, ev, api.RecreateDiverged)
	if err != nil {
		return e.changed(ctx, project, before), stepFault(ctx, what, err, fixFor(err))
	}
	if err := e.nameReplicas(ctx, p); err != nil {
		return e.changed(ctx, project, before), stepFault(ctx, what, err, "")
	}
	w := &wait{
		engine:  e,
		project: project,
		units:   units(p),
		ev:      ev,
		resumed: resumed,
		start: func(ctx context.Context, names []string) error {
			return c.Start(ctx, project, api.StartOptions{Project: only(p, names)})
		},
	}
	started, err := w.run(ctx)
	return union(w.replaced(before), started), stepFault(ctx, what, err, fixFor(err))
}

// create brings networks, volumes and containers to their definitions without
// starting anything new.
func (e *Engine) create(ctx context.Context, p *types.Project, ev *events, recreate string) (api.Compose, error) {
	if err := e.checkNetworks(ctx, p); err != nil {
		return nil, err
	}
	c, g, err := e.compose(ev)
	if err != nil {
		return nil, err
	}
	err = c.Create(ctx, p, api.CreateOptions{
		Recreate:             recreate,
		RecreateDependencies: recreate,
		IgnoreOrphans:        true,
	})
	return c, g.explain(err)
}

// ours lists the project's containers that stackctl made.
func (e *Engine) ours(ctx context.Context, project string) ([]container.Summary, error) {
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{
		All:     true,
		Filters: make(client.Filters).Add("label", api.ProjectLabel+"="+project),
	})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(c container.Summary) bool { return !mine(c.Labels) }), nil
}

// checkOthers refuses to start a service beside a container of it that stackctl
// did not make: they would have one name, and one place to write to.
func (e *Engine) checkOthers(ctx context.Context, p *types.Project) error {
	list, err := e.others(ctx, p.Name)
	if err != nil {
		return err
	}
	for _, c := range list {
		if _, starts := p.Services[c.Labels[api.ServiceLabel]]; starts && !setAside(c) {
			return fmt.Errorf("container %s belongs to a compose project %s that stackctl did not make; "+
				"give the project in stackctl.yaml another name, or remove that container", containerName(c), p.Name)
		}
	}
	return nil
}

// checkNetworks refuses what would hurt others: a network of the same name
// that is not this project's, and one that would have to be made anew while
// containers of other projects are on it. One that `docker compose` made for a
// project of this name is used as it is, where it is as the file wants it.
func (e *Engine) checkNetworks(ctx context.Context, p *types.Project) error {
	declared := map[string]types.NetworkConfig{}
	keys := map[string]string{}
	for key, n := range p.Networks {
		if !n.External {
			declared[n.Name], keys[n.Name] = n, key
		}
	}
	if len(declared) == 0 {
		return nil
	}
	list, err := e.api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return fmt.Errorf("list networks: %w", err)
	}
	for _, n := range list.Items {
		want, ok := declared[n.Name]
		if !ok {
			continue
		}
		if n.Labels[api.ProjectLabel] == p.Name && !mine(n.Labels) {
			if err := sameNetwork(want, n); err != nil {
				return err
			}
			want.External = true
			p.Networks[keys[n.Name]] = want
			continue
		}
		if n.Labels[api.ProjectLabel] != p.Name {
			return fmt.Errorf("network %s is not of project %s; remove it, give it another name in the compose file, or mark it external", n.Name, p.Name)
		}
		if hash, err := compose.NetworkHash(&want); err != nil || hash == n.Labels[api.ConfigHashLabel] {
			continue
		}
		if other, err := e.guest(ctx, n.ID, p.Name); err != nil {
			return err
		} else if other != "" {
			return fmt.Errorf("network %s changed in the compose file and container %s of another project is on it; "+
				"give the changed network another name", n.Name, other)
		}
	}
	return nil
}

// guest names a container on the network that is not of the project.
func (e *Engine) guest(ctx context.Context, network, project string) (string, error) {
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{
		All:     true,
		Filters: make(client.Filters).Add("network", network),
	})
	if err != nil {
		return "", fmt.Errorf("list containers on a network: %w", err)
	}
	for _, c := range list.Items {
		if c.Labels[api.ProjectLabel] != project {
			return containerName(c), nil
		}
	}
	return "", nil
}

// changed names the services whose containers are not those of before.
func (e *Engine) changed(ctx context.Context, project string, before []container.Summary) []string {
	ctx, cancel := detached(ctx)
	defer cancel()
	after, err := e.ours(ctx, project)
	if err != nil {
		return nil
	}
	old := map[string]bool{}
	for _, c := range before {
		old[c.ID] = true
	}
	var names []string
	for _, c := range after {
		if !old[c.ID] {
			names = append(names, c.Labels[api.ServiceLabel])
		}
	}
	return union(names, nil)
}

// RemoveServices removes the project's containers of the named services,
// running or not. Volumes stay.
func (e *Engine) RemoveServices(ctx context.Context, project string, services []string) error {
	what := "remove services of project " + project
	list, err := e.ours(ctx, project)
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	for _, c := range list {
		if !slices.Contains(services, c.Labels[api.ServiceLabel]) {
			continue
		}
		if err := e.removeContainer(ctx, c.ID, false); err != nil {
			return stepFault(ctx, what, err, "")
		}
	}
	return nil
}

// union sorts two lists into one without repetition.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func containerName(c container.Summary) string {
	for _, n := range c.Names {
		return strings.TrimPrefix(n, "/")
	}
	return c.ID
}
