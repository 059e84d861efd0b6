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
				return sortedKeys(touched), stack.Fault(stack.CauseStep, what, fmt.Errorf("%s, and that does not answer: it is started nowhere else, since its data is there", s), stack.AdviseAway(s.Nodes[0]))
			}
			if len(s.Nodes) == 1 && slices.Contains(c.drained, s.Nodes[0]) {
				return sortedKeys(touched), stack.Fault(stack.CauseStep, what, fmt.Errorf("%s, and that is drained", s), "`stackctl node activate "+s.Nodes[0]+"`, or `stackctl node drain "+s.Nodes[0]+"`, which moves its data")
			}
			id, made, err := c.ensure(ctx, b, s)
			if err != nil {
				return sortedKeys(touched), fault(what, err)
			}
			awaited = append(awaited, id)
			touched[s.Service] = touched[s.Service] || made
			if layerOf(p, p.Services[s.Service]) != stack.LayerEdge && c.leaving == "" {
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
	if c.leaving != "" && c.isLeft(spec.Name) {
		spec.Labels[labelFrom] = c.leaving
	}
	err = retryLost(ctx, func() error {
		var touched bool
		id, touched, err = c.bring(ctx, spec, s.Nodes)
		made = made || touched
		return err
	})
	return id, made, err
}

// bring makes a Swarm service that may run on some nodes be as specified.
func (c *Cluster) bring(ctx context.Context, spec swarm.ServiceSpec, nodes []string) (id string, made bool, err error) {
	api := c.home.manager
	there, missing := api.ServiceInspect(ctx, spec.Name, client.ServiceInspectOptions{})
	if missing == nil {
		if stays, err := c.serves(ctx, there.Service, spec); err != nil || stays {
			return there.Service.ID, false, err
		}
	}
	switch {
	case cerrdefs.IsNotFound(missing):
	case missing != nil:
		return "", false, fmt.Errorf("look for service %s: %w", spec.Name, missing)
	case there.Service.Spec.Labels[stack.LabelProject] != spec.Labels[stack.LabelProject]:
		return "", false, fmt.Errorf("a service %s is there that stackctl did not make for this project; remove it, or give the project another name", spec.Name)
	case there.Service.Spec.Labels[labelSpec] == spec.Labels[labelSpec]:
		return c.wake(ctx, there.Service)
	}
	if err := c.pin(ctx, &spec, nodes); err != nil {
		return "", false, err
	}
	if missing == nil {
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

// wake makes a service run that is to run as it is, and returns its ID; that of one
// which had ended is new, since the Swarm starts no container of it again.
func (c *Cluster) wake(ctx context.Context, s swarm.Service) (id string, touched bool, err error) {
	if scaled(s) == 0 {
		return s.ID, true, c.scale(ctx, s, 1)
	}
	tasks, err := c.tasks(ctx, s.ID)
	if err != nil || !ended(tasks) {
		return s.ID, false, err
	}
	if err := c.drop(ctx, []swarm.Service{s}); err != nil {
		return s.ID, true, err
	}
	made, err := c.home.manager.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: s.Spec})
	if err != nil {
		return s.ID, true, fmt.Errorf("make service %s anew: %w", s.Spec.Name, err)
	}
	return made.ID, true, nil
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
	err := c.alter(ctx, s.ID, func(spec *swarm.ServiceSpec) {
		spec.Mode = swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &n}}
	})
	if err != nil {
		return fmt.Errorf("set service %s to %d containers: %w", s.Spec.Name, n, err)
	}
	return nil
}

// alter changes what a service is to be.
func (c *Cluster) alter(ctx context.Context, id string, change func(*swarm.ServiceSpec)) error {
	return retryLost(ctx, func() error {
		s, err := c.home.manager.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
		if err != nil {
			return err
		}
		change(&s.Service.Spec)
		_, err = c.home.manager.ServiceUpdate(ctx, id, client.ServiceUpdateOptions{Version: s.Service.Version, Spec: s.Service.Spec})
		return err
	})
}

// fault is a step on the cluster that failed; nil where it did not.
func fault(what string, err error) error {
	known := new(stack.Error)
	if err == nil || errors.As(err, &known) {
		return err
	}
	return stack.Fault(stack.CauseStep, what, err, "")
}
