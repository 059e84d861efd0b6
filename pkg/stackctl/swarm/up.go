package swarm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// Up makes services of a resolved compose file run, with what they depend on, and
// waits until each is ready; it returns those that it had to touch. A service whose
// definition and placement are unchanged is left as it is; another definition is a
// new Swarm service in the place of the old one. It updates none.
func (c *Cluster) Up(ctx context.Context, project string, compose []byte, services []string, progress func(service, state string)) ([]string, error) {
	if atHome(project) {
		return c.home.server.Up(ctx, project, compose, services, progress)
	}
	what := "start project " + project
	b, p, err := c.prepare(ctx, project, compose, services, types.IncludeDependencies)
	if err != nil {
		return nil, fault(what, err)
	}
	slots, err := c.place(ctx, p)
	if err != nil {
		return nil, fault(what, err)
	}
	touched := map[string]bool{}
	for _, wave := range waves(p) {
		var awaited []string
		for _, s := range slots {
			if !slices.Contains(wave, s.Service) {
				continue
			}
			if len(s.Nodes) == 1 && slices.Contains(c.away(), s.Nodes[0]) {
				return sortedKeys(touched), fault(what, fmt.Errorf("%s, and that does not answer: it is started nowhere else, since its data is there", s))
			}
			id, made, err := c.ensure(ctx, b, s)
			if err != nil {
				return sortedKeys(touched), fault(what, err)
			}
			awaited = append(awaited, id)
			touched[s.Service] = touched[s.Service] || made
			if layerOf(p, p.Services[s.Service]) != stack.LayerEdge {
				continue
			}
			if err := c.await(ctx, p, []string{id}, progress); err != nil { // the others serve meanwhile
				return sortedKeys(touched), fault(what, err)
			}
		}
		if err := c.await(ctx, p, awaited, progress); err != nil {
			return sortedKeys(touched), fault(what, err)
		}
	}
	maps.DeleteFunc(touched, func(_ string, is bool) bool { return !is })
	return sortedKeys(touched), nil
}

// ensure makes a slot's Swarm service as it is to be, and reports whether it had to.
func (c *Cluster) ensure(ctx context.Context, b blueprint, s stack.Slot) (id string, made bool, err error) {
	spec, err := b.spec(b.project.Services[s.Service], s)
	if err != nil {
		return "", false, err
	}
	api := c.home.engine.Client()
	there, err := api.ServiceInspect(ctx, spec.Name, client.ServiceInspectOptions{})
	if err == nil {
		if stays, err := c.serves(ctx, there.Service, spec); err != nil || stays {
			return there.Service.ID, false, err
		}
	}
	switch {
	case cerrdefs.IsNotFound(err):
	case err != nil:
		return "", false, fmt.Errorf("look for service %s: %w", spec.Name, err)
	case there.Service.Spec.Labels[stack.LabelProject] != spec.Labels[stack.LabelProject]:
		return "", false, fmt.Errorf("a service %s is there that stackctl did not make for this project; remove it, or give the project another name", spec.Name)
	case there.Service.Spec.Labels[labelSpec] == spec.Labels[labelSpec] && scaled(there.Service) == 0:
		return there.Service.ID, true, c.scale(ctx, there.Service, 1)
	case there.Service.Spec.Labels[labelSpec] == spec.Labels[labelSpec]:
		made, err := c.revive(ctx, there.Service)
		return there.Service.ID, made, err
	default:
		if err := c.drop(ctx, []swarm.Service{there.Service}); err != nil {
			return "", false, err
		}
	}
	res, err := api.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: spec})
	if err != nil {
		return "", false, fmt.Errorf("make service %s: %w", spec.Name, err)
	}
	return res.ID, true, nil
}

// revive starts a service again whose container has ended and which the Swarm lets be,
// as the compose file's `restart` says; it reports whether it had to.
func (c *Cluster) revive(ctx context.Context, s swarm.Service) (bool, error) {
	policy := s.Spec.TaskTemplate.RestartPolicy
	if s.Spec.Mode.Replicated == nil || policy == nil || policy.Condition == swarm.RestartPolicyConditionAny {
		return false, nil
	}
	tasks, err := c.tasks(ctx, s.ID)
	if err != nil || len(tasks) == 0 || slices.ContainsFunc(tasks, func(t swarm.Task) bool { return !over(t.Status.State) }) {
		return false, err
	}
	s.Spec.TaskTemplate.ForceUpdate++
	if _, err := c.home.engine.Client().ServiceUpdate(ctx, s.ID, client.ServiceUpdateOptions{Version: s.Version, Spec: s.Spec}); err != nil {
		return false, fmt.Errorf("start service %s again: %w", s.Spec.Name, err)
	}
	return true, nil
}

// scaled is how many containers a service is to have.
func scaled(s swarm.Service) uint64 {
	switch {
	case s.Spec.Mode.Replicated != nil && s.Spec.Mode.Replicated.Replicas != nil:
		return *s.Spec.Mode.Replicated.Replicas
	case s.Spec.Mode.ReplicatedJob != nil && s.Spec.Mode.ReplicatedJob.TotalCompletions != nil:
		return *s.Spec.Mode.ReplicatedJob.TotalCompletions
	}
	return 1
}

// scale starts or stops the one container of a service; what it is stays as it was.
func (c *Cluster) scale(ctx context.Context, s swarm.Service, n uint64) error {
	if s.Spec.Mode.Replicated == nil {
		return nil
	}
	spec := s.Spec
	spec.Mode = swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &n}}
	if _, err := c.home.engine.Client().ServiceUpdate(ctx, s.ID, client.ServiceUpdateOptions{Version: s.Version, Spec: spec}); err != nil {
		return fmt.Errorf("set service %s to %d containers: %w", s.Spec.Name, n, err)
	}
	return nil
}

// fault is a step on the cluster that failed; nil where it did not.
func fault(what string, err error) error {
	known := new(stack.Error)
	if err == nil || errors.As(err, &known) {
		return err
	}
	return stack.Fault(stack.CauseStep, what, err, "")
}
