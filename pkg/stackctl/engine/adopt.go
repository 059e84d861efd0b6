package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/stack"
)

// SetAside stops containers that `docker compose` made of some of a project's
// services, those that others depend on last, and renames them, so that their
// names are free (stack.AsideName). They restart by no policy meanwhile: an Engine
// that is started anew must not start them beside their successors. Nothing of
// them is lost. What is set aside already stays so, and is stopped if it runs.
func (e *Engine) SetAside(ctx context.Context, project string, services ...string) error {
	what := "set " + strings.Join(services, ", ") + " of project " + project + " aside"
	list, err := e.others(ctx, project)
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	list = slices.DeleteFunc(list, func(c container.Summary) bool { return !slices.Contains(services, c.Labels[api.ServiceLabel]) })
	waves := inWaves(list)
	slices.Reverse(waves)
	for _, wave := range waves {
		g, gctx := errgroup.WithContext(ctx)
		for _, c := range wave {
			g.Go(func() error { return e.setAside(gctx, c.ID) })
		}
		if err := g.Wait(); err != nil {
			return stepFault(ctx, what, err, "")
		}
	}
	return nil
}

// setAside takes the name first: from then on the container tells what it was.
func (e *Engine) setAside(ctx context.Context, id string) error {
	res, err := e.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("look at container %s: %w", id, err)
	}
	c := res.Container
	name := strings.TrimPrefix(c.Name, "/")
	if c.HostConfig == nil || c.State == nil || c.HostConfig.AutoRemove {
		return fmt.Errorf("container %s is removed as soon as it ends: end it yourself, when it has done its work", name)
	}
	runs := c.State.Running || c.State.Restarting
	if _, _, is := stack.ParseAside(name); !is {
		policy := stack.AsideStopped
		if runs {
			policy = policyText(c.HostConfig.RestartPolicy)
		}
		err := e.firmly(ctx, id, func() error {
			_, err := e.api.ContainerRename(ctx, id, client.ContainerRenameOptions{NewName: stack.AsideName(name, policy)})
			return err
		})
		if err != nil {
			return fmt.Errorf("rename container %s: %w", name, err)
		}
	}
	err = e.firmly(ctx, id, func() error {
		none := container.RestartPolicy{Name: container.RestartPolicyDisabled}
		_, err := e.api.ContainerUpdate(ctx, id, client.ContainerUpdateOptions{RestartPolicy: &none})
		return err
	})
	if err != nil {
		return fmt.Errorf("keep container %s from being started again: %w", name, err)
	}
	if runs {
		err = e.halt(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("stop container %s: %w", name, err)
	}
	return nil
}

// firmly changes a container. The engine refuses some changes of one that has just
// ended, or is about to start again, as one that ends at once always is: that one
// is stopped, and changed then.
func (e *Engine) firmly(ctx context.Context, id string, change func() error) error {
	err := change()
	if err == nil {
		return nil
	}
	if stopped := e.halt(ctx, id); stopped != nil {
		return errors.Join(err, stopped)
	}
	return change()
}

// halt stops a container with the grace of its own definition.
func (e *Engine) halt(ctx context.Context, id string) error {
	_, err := e.api.ContainerStop(ctx, id, client.ContainerStopOptions{})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// Reinstate gives the containers that SetAside set aside their names and restart
// policies back, and starts those that ran, each after what it depends on.
func (e *Engine) Reinstate(ctx context.Context, project string) error {
	what := "start project " + project + " again as docker compose made it"
	list, err := e.others(ctx, project)
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	list = slices.DeleteFunc(list, func(c container.Summary) bool { return !setAside(c) })
	var errs []error // one that cannot start keeps no other from serving
	for _, wave := range inWaves(list) {
		for _, c := range wave {
			errs = append(errs, e.reinstate(ctx, c))
		}
		for _, c := range wave {
			errs = append(errs, e.untilWell(ctx, c.ID))
		}
	}
	return stepFault(ctx, what, errors.Join(errs...), "")
}

// reinstate takes the name back before it starts: the engine renames none that is
// about to start again.
func (e *Engine) reinstate(ctx context.Context, c container.Summary) error {
	name, policy, _ := stack.ParseAside(containerName(c))
	if _, err := e.api.ContainerRename(ctx, c.ID, client.ContainerRenameOptions{NewName: name}); err != nil {
		return fmt.Errorf("give container %s its name back: %w", name, err)
	}
	if policy == stack.AsideStopped {
		return nil
	}
	restart := policyOf(policy)
	if _, err := e.api.ContainerUpdate(ctx, c.ID, client.ContainerUpdateOptions{RestartPolicy: &restart}); err != nil {
		return fmt.Errorf("give container %s its restart policy back: %w", name, err)
	}
	if _, err := e.api.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start container %s: %w", name, err)
	}
	return nil
}

const (
	// wellWithin is how long a container may take to be healthy before what depends on
	// it is started all the same.
	wellWithin = time.Minute
	// wellEvery is how often it is looked at until then.
	wellEvery = time.Second / 4
)

// untilWell waits until a container that has a health check passes it, or ends.
func (e *Engine) untilWell(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, wellWithin)
	defer cancel()
	for {
		res, err := e.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil
			}
			return fmt.Errorf("look at container %s: %w", id, err)
		}
		s := res.Container.State
		if s == nil || !s.Running || s.Health == nil || s.Health.Status != container.Starting {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wellEvery):
		}
	}
}

// RemoveAside removes the containers that SetAside set aside. Their volumes stay,
// those without a name too.
func (e *Engine) RemoveAside(ctx context.Context, project string) error {
	what := "remove what docker compose made of project " + project
	list, err := e.others(ctx, project)
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	for _, c := range list {
		if !setAside(c) {
			continue
		}
		if err := e.removeContainer(ctx, c.ID, false); err != nil {
			return stepFault(ctx, what, err, "")
		}
	}
	return nil
}

// others lists the containers of a compose project that stackctl did not make.
func (e *Engine) others(ctx context.Context, project string) ([]container.Summary, error) {
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{
		All:     true,
		Filters: make(client.Filters).Add("label", api.ProjectLabel+"="+project),
	})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(c container.Summary) bool { return mine(c.Labels) }), nil
}

// setAside reports whether a container waits aside for its project to be adopted.
func setAside(c container.Summary) bool {
	_, _, is := stack.ParseAside(containerName(c))
	return is && !mine(c.Labels)
}

// inWaves sorts containers into waves: each depends only on earlier ones. What
// depends on itself, or on nothing that is there, comes as early as it can.
func inWaves(list []container.Summary) [][]container.Summary {
	units := unitsOf(list)
	depth := map[string]int{}
	var of func(name string) int
	of = func(name string) int {
		if d, known := depth[name]; known {
			return d
		}
		depth[name] = 0 // a circle
		for dep := range units[name].deps {
			depth[name] = max(depth[name], of(dep)+1)
		}
		return depth[name]
	}
	var waves [][]container.Summary
	for _, c := range list {
		at := of(c.Labels[api.ServiceLabel])
		for len(waves) <= at {
			waves = append(waves, nil)
		}
		waves[at] = append(waves[at], c)
	}
	return waves
}

func policyText(p container.RestartPolicy) string {
	switch p.Name {
	case "":
		return string(container.RestartPolicyDisabled)
	case container.RestartPolicyOnFailure:
		return fmt.Sprintf("%s-%d", p.Name, p.MaximumRetryCount)
	}
	return string(p.Name)
}

func policyOf(text string) container.RestartPolicy {
	const failure = string(container.RestartPolicyOnFailure) + "-"
	if retries, is := strings.CutPrefix(text, failure); is {
		n, _ := strconv.Atoi(retries) // digits, as the name was parsed
		return container.RestartPolicy{Name: container.RestartPolicyOnFailure, MaximumRetryCount: n}
	}
	return container.RestartPolicy{Name: container.RestartPolicyMode(text)}
}

// sameNetwork returns an error where a network that `docker compose` made cannot
// stand in for the one that the file describes.
func sameNetwork(want types.NetworkConfig, has network.Summary) error {
	var differs []string
	if driver := cmp.Or(want.Driver, "bridge"); driver != has.Driver {
		differs = append(differs, "driver "+driver)
	}
	if want.Internal != has.Internal {
		differs = append(differs, fmt.Sprintf("internal: %t", want.Internal))
	}
	if want.EnableIPv6 != nil && *want.EnableIPv6 != has.EnableIPv6 {
		differs = append(differs, fmt.Sprintf("enable_ipv6: %t", *want.EnableIPv6))
	}
	for key, value := range want.DriverOpts {
		if has.Options[key] != value {
			differs = append(differs, "driver_opts "+key)
		}
	}
	for _, pool := range want.Ipam.Config {
		if !slices.ContainsFunc(has.IPAM.Config, func(c network.IPAMConfig) bool { return c.Subnet.String() == pool.Subnet }) {
			differs = append(differs, "subnet "+pool.Subnet)
		}
	}
	if len(differs) == 0 {
		return nil
	}
	slices.Sort(differs)
	return fmt.Errorf("network %s is docker compose's, and the file wants another (%s): run `docker compose down` in the project's folder on the host, never with -v, and deploy again; "+
		"or give the network another name", has.Name, strings.Join(differs, ", "))
}
