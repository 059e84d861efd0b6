package swarm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/stack"
)

const (
	// lookEvery is how often the Swarm is asked how far it is.
	lookEvery = 250 * time.Millisecond
	// crashes is how often a container may end before its service counts as one that
	// will not come up, and refusals how often a node may refuse it.
	crashes  = 5
	refusals = 3
)

// await waits until each of some Swarm services is ready: its container runs and is
// healthy, or has ended well where it runs once. The Swarm calls a task running only
// when its health check passes.
func (c *Cluster) await(ctx context.Context, p *types.Project, ids []string, progress func(service, state string)) error {
	if len(ids) == 0 {
		return nil
	}
	said, since, past := map[string]string{}, map[string]time.Time{}, history{}
	for {
		open, err := c.unready(ctx, p, ids, past, func(service, state string) {
			if progress != nil && said[service] != state {
				said[service] = state
				progress(service, state)
			}
		})
		if err != nil || len(open) == 0 {
			return err
		}
		if homeless := waiting(since, open, time.Now()); len(homeless) > 0 {
			return fmt.Errorf("%s, for %s: no node takes it", strings.Join(homeless, "; "), nodeTime)
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(open, "; "), err)
		}
	}
}

// waiting are those of what is open that have waited for a node for as long as it takes to
// know that one is down; since holds when each began to.
func waiting(since map[string]time.Time, open []string, now time.Time) []string {
	var out []string
	for text := range since {
		if !slices.Contains(open, text) {
			delete(since, text)
		}
	}
	for _, text := range open {
		switch began, known := since[text]; {
		case !strings.Contains(text, " is pending ("):
		case !known:
			since[text] = now
		case now.Sub(began) > nodeTime:
			out = append(out, text)
		}
	}
	return out
}

// history is what was seen of tasks that have ended, by service: a Swarm keeps two of
// each.
type history map[string][]swarm.Task

// with returns the tasks of a service, the newest first, with those that the Swarm has
// forgotten since they were seen.
func (h history) with(service string, tasks []swarm.Task) []swarm.Task {
	all := slices.Clone(tasks)
	for _, t := range h[service] {
		if !slices.ContainsFunc(tasks, func(now swarm.Task) bool { return now.ID == t.ID }) {
			all = append(all, t)
		}
	}
	h[service] = slices.DeleteFunc(slices.Clone(all), func(t swarm.Task) bool { return !over(t.Status.State) })
	return all
}

// unready returns what is not ready yet, each with its state.
func (c *Cluster) unready(ctx context.Context, p *types.Project, ids []string, past history, tell func(service, state string)) ([]string, error) {
	tasks, err := c.tasks(ctx, ids...)
	if err != nil {
		return nil, err
	}
	services, err := c.services(ctx, "")
	if err != nil {
		return nil, err
	}
	byService := map[string][]swarm.Task{}
	for _, t := range tasks {
		byService[t.ServiceID] = append(byService[t.ServiceID], t)
	}
	var open []string
	for _, s := range services {
		list, asked := byService[s.ID], false
		for _, id := range ids {
			asked = asked || id == s.ID
		}
		if !asked {
			continue
		}
		name := s.Spec.Labels[stack.ComposeService]
		settle := time.Duration(0)
		if p != nil {
			settle = engine.Settles(p.Services[name])
		}
		state, ready, err := judge(s, past.with(s.ID, list), settle, c.clockOf(list))
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", name, err)
		}
		tell(name, state)
		if !ready {
			open = append(open, name+" is "+state)
		}
	}
	return open, nil
}

// clockOf is what the clock of the node shows that has the newest of some tasks: by it
// the task's times are.
func (c *Cluster) clockOf(tasks []swarm.Task) time.Time {
	now := time.Now()
	if len(tasks) > 0 {
		if m := c.byID(tasks[0].NodeID); m != nil {
			now = now.Add(time.Duration(m.ahead.Load()))
		}
	}
	return now
}

// judge returns how far a service is by its tasks, the newest first.
func judge(s swarm.Service, tasks []swarm.Task, settle time.Duration, now time.Time) (state string, ready bool, err error) {
	bad, refused := 0, 0
	for _, t := range tasks {
		switch t.Status.State {
		case swarm.TaskStateFailed, swarm.TaskStateOrphaned:
			bad++
		case swarm.TaskStateRejected:
			refused++
		case swarm.TaskStateComplete:
			if s.Spec.Mode.ReplicatedJob != nil {
				return "complete", true, nil
			}
			bad++
		}
	}
	if len(tasks) == 0 {
		return "new", false, nil
	}
	t := tasks[0]
	switch {
	case refused >= refusals:
		return "", false, fmt.Errorf("a node refuses it: %s", taskFault(lastBad(tasks)))
	case bad > 0 && once(s):
		return "", false, fmt.Errorf("it has ended, and is not to be started again: %s", taskFault(lastBad(tasks)))
	case bad >= crashes:
		return "", false, fmt.Errorf("it ends again and again: %s", taskFault(lastBad(tasks)))
	case t.Status.State == swarm.TaskStateRunning && t.DesiredState == swarm.TaskStateRunning:
		if ran := now.Sub(t.Status.Timestamp); ran < settle {
			return "running", false, nil
		}
		return "ready", true, nil
	case t.Status.Err != "":
		return string(t.Status.State) + " (" + t.Status.Err + ")", false, nil
	}
	return string(t.Status.State), false, nil
}

// once reports whether the Swarm starts no container of a service again that has ended.
func once(s swarm.Service) bool {
	p := s.Spec.TaskTemplate.RestartPolicy
	return s.Spec.Mode.ReplicatedJob != nil || p != nil && p.Condition == swarm.RestartPolicyConditionNone
}

// ended reports whether the newest of a service's tasks is over, and no other is to follow.
func ended(tasks []swarm.Task) bool {
	return len(tasks) > 0 && over(tasks[0].Status.State) && tasks[0].DesiredState != swarm.TaskStateRunning && tasks[0].DesiredState != swarm.TaskStateReady
}

func lastBad(tasks []swarm.Task) swarm.Task {
	for _, t := range tasks {
		if t.Status.State == swarm.TaskStateFailed || t.Status.State == swarm.TaskStateRejected {
			return t
		}
	}
	return tasks[0]
}

// taskFault returns why a task did not go well.
func taskFault(t swarm.Task) string {
	text := cmp.Or(t.Status.Err, t.Status.Message, string(t.Status.State))
	if s := t.Status.ContainerStatus; s != nil && s.ExitCode != 0 && !strings.Contains(text, "exit") {
		text += fmt.Sprintf(" (exit code %d)", s.ExitCode)
	}
	return text
}

// awaitJob waits until the one task of a job has ended.
func (c *Cluster) awaitJob(ctx context.Context, id string) (swarm.Task, error) {
	for {
		tasks, err := c.tasks(ctx, id)
		if err != nil {
			return swarm.Task{}, err
		}
		for _, t := range tasks {
			switch t.Status.State {
			case swarm.TaskStateComplete, swarm.TaskStateFailed:
				return t, nil
			case swarm.TaskStateRejected, swarm.TaskStateOrphaned, swarm.TaskStateRemove:
				return t, errors.New(taskFault(t))
			}
		}
		if err := pause(ctx); err != nil {
			return swarm.Task{}, err
		}
	}
}

// awaitEnd waits until no container of some services runs on a node that answers.
func (c *Cluster) awaitEnd(ctx context.Context, services []swarm.Service) error {
	return c.awaitTasks(ctx, services, func(t swarm.Task) bool { return over(t.Status.State) })
}

// awaitTasks waits until each task of some services on a node that answers is done.
func (c *Cluster) awaitTasks(ctx context.Context, services []swarm.Service, done func(swarm.Task) bool) error {
	var ids []string
	for _, s := range services {
		ids = append(ids, s.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	for {
		tasks, err := c.tasks(ctx, ids...)
		if err != nil {
			return err
		}
		open := 0
		for _, t := range tasks {
			if c.byID(t.NodeID) != nil && !done(t) {
				open++
			}
		}
		if open == 0 {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%d containers have not ended: %w", open, err)
		}
	}
}

// over reports whether the container of a task in a state has ended.
func over(s swarm.TaskState) bool {
	switch s {
	case swarm.TaskStateComplete, swarm.TaskStateShutdown, swarm.TaskStateFailed, swarm.TaskStateRejected, swarm.TaskStateRemove, swarm.TaskStateOrphaned:
		return true
	}
	return false
}
