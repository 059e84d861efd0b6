package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// What is asked of one container is asked of the node that has it.

// Exec executes argv in a container.
func (c *Cluster) Exec(ctx context.Context, container string, argv ...string) (stack.Output, error) {
	m, err := c.at(ctx, container)
	if err != nil {
		return stack.Output{}, err
	}
	return m.server.Exec(ctx, container, argv...)
}

// ExecStream executes argv in a container with the operator's streams.
func (c *Cluster) ExecStream(ctx context.Context, container string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	m, err := c.at(ctx, container)
	if err != nil {
		return 0, err
	}
	return m.server.ExecStream(ctx, container, argv, stdin, stdout, stderr)
}

// ExecTerminal executes argv in a container with the operator's terminal.
func (c *Cluster) ExecTerminal(ctx context.Context, container string, argv []string, t stack.Terminal) (int, error) {
	m, err := c.at(ctx, container)
	if err != nil {
		return 0, err
	}
	return m.server.ExecTerminal(ctx, container, argv, t)
}

// Logs streams what a container printed.
func (c *Cluster) Logs(ctx context.Context, container string, o stack.LogOptions, stdout, stderr io.Writer) error {
	m, err := c.at(ctx, container)
	if err != nil {
		return err
	}
	return m.server.Logs(ctx, container, o, stdout, stderr)
}

// Inspect is what its node's engine reports of a container. The Swarm sees to its
// restarts, so its policy stands where a container's own does.
func (c *Cluster) Inspect(ctx context.Context, container string) ([]byte, error) {
	m, err := c.at(ctx, container)
	if err != nil {
		return nil, err
	}
	raw, err := m.server.Inspect(ctx, container)
	if err != nil {
		return nil, err
	}
	var seen struct {
		Config struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(raw, &seen); err != nil || seen.Config.Labels[labelService] == "" {
		return raw, err
	}
	s, err := c.home.manager.ServiceInspect(ctx, seen.Config.Labels[labelService], client.ServiceInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("look at the service of container %s: %w", container, err)
	}
	return withRestart(raw, s.Service.Spec.TaskTemplate.RestartPolicy)
}

// withRestart puts the policy of a Swarm service into an engine's report.
func withRestart(raw []byte, policy *swarm.RestartPolicy) ([]byte, error) {
	if policy == nil || policy.Condition == swarm.RestartPolicyConditionNone {
		return raw, nil
	}
	name := container.RestartPolicyAlways
	if policy.Condition == swarm.RestartPolicyConditionOnFailure {
		name = container.RestartPolicyOnFailure
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	var host map[string]json.RawMessage
	if err := json.Unmarshal(all["HostConfig"], &host); err != nil {
		return nil, err
	}
	var err error
	if host["RestartPolicy"], err = json.Marshal(container.RestartPolicy{Name: name}); err != nil {
		return nil, err
	}
	if all["HostConfig"], err = json.Marshal(host); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// Conduct is what a container has done since it was started.
func (c *Cluster) Conduct(ctx context.Context, container string) (stack.Conduct, error) {
	m, err := c.at(ctx, container)
	if err != nil {
		return stack.Conduct{}, err
	}
	return m.server.Conduct(ctx, container)
}

// Files reads what a container holds at a path.
func (c *Cluster) Files(ctx context.Context, container, at string) ([]stack.File, error) {
	m, err := c.at(ctx, container)
	if err != nil {
		return nil, err
	}
	return m.server.Files(ctx, container, at)
}

// Written returns how many bytes a container has written into its own file system.
func (c *Cluster) Written(ctx context.Context, container string) (int64, error) {
	m, err := c.at(ctx, container)
	if err != nil {
		return 0, err
	}
	return m.server.Written(ctx, container)
}

// Lend starts a container for commands: beside another one on its node, or on the node
// that has the volume whose folder it is to have.
func (c *Cluster) Lend(ctx context.Context, l stack.Loan) (string, error) {
	m, err := c.lender(ctx, l)
	if err != nil {
		return "", err
	}
	id, err := m.server.Lend(ctx, l)
	if err == nil {
		c.mu.Lock()
		c.where[id] = m
		c.mu.Unlock()
	}
	return id, err
}

// lender is the node of a loan. A folder that is no volume of a node of which it is
// known that it holds the data is refused: on another node it would be empty, or somebody else's.
func (c *Cluster) lender(ctx context.Context, l stack.Loan) (*member, error) {
	switch {
	case l.Beside != "":
		return c.at(ctx, l.Beside)
	case l.Folder == "":
		return c.home, nil
	}
	at, err := c.volumes(ctx)
	if err != nil {
		return nil, err
	}
	services, err := c.services(ctx, "")
	if err != nil {
		return nil, err
	}
	volume := path.Base(l.Folder)
	if on := at[volume]; slices.Contains(edgeVolumes(services), volume) {
		return nil, stack.Fault(stack.CauseUsage, "look into volume "+volume, fmt.Errorf("it is the edge's, and each of its nodes has its own (%s)", strings.Join(on, ", ")), "keep no backup of it: an edge orders its certificates anew")
	}
	held, err := heldAt([]Demand{{Service: "of " + l.Project, Volumes: []string{volume}}}, at, c.pins(services, at))
	if err != nil {
		return nil, err
	}
	m := c.member(held[volume])
	if m == nil || path.Base(path.Dir(l.Folder)) != "volumes" {
		return nil, c.unsupported(fmt.Sprintf("look into %s, which is the volume of no node that answers,", l.Folder))
	}
	return m, nil
}

// edgeVolumes are the volumes that edges keep something in.
func edgeVolumes(services []swarm.Service) []string {
	var out []string
	for _, s := range services {
		if s.Spec.Labels[stack.LabelLayer] != string(stack.LayerEdge) || s.Spec.TaskTemplate.ContainerSpec == nil {
			continue
		}
		for _, m := range s.Spec.TaskTemplate.ContainerSpec.Mounts {
			if m.Type == mount.TypeVolume {
				out = append(out, m.Source)
			}
		}
	}
	return out
}

// Return removes a container that was lent.
func (c *Cluster) Return(ctx context.Context, container string) error {
	m, err := c.at(ctx, container)
	if err != nil {
		return err
	}
	return m.server.Return(ctx, container)
}

// Usage is what a project takes of the disk of each node; of one that does not tell, what
// is not known.
func (c *Cluster) Usage(ctx context.Context, project string, images, volumes []string) ([]stack.DiskUse, error) {
	all := make([]stack.DiskUse, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) error {
		of, err := m.server.Usage(ctx, project, images, volumes)
		if all[i] = of[0]; err != nil {
			all[i] = stack.DiskUse{Images: -1, Volumes: -1}
		}
		all[i].Node = m.Name
		return nil
	})
	return all, err
}

// unsupported is the error of what a cluster does not do yet.
func (c *Cluster) unsupported(what string) error {
	return stack.Fault(stack.CauseUsage, what, errors.New("a target with nodes cannot do that"), "see docs/cluster.md for what it can")
}

// Build is refused: the image would be on one node alone.
func (c *Cluster) Build(context.Context, stack.Build, string, []string, func(line string)) (stack.Built, error) {
	return stack.Built{}, c.unsupported("build an image on " + c.home.Name)
}

// SetAside is refused: what docker compose runs on a node is not the cluster's.
func (c *Cluster) SetAside(_ context.Context, project string, _ ...string) error {
	return c.unsupported(fmt.Sprintf("take over what docker compose started of %s", project))
}

// Reinstate does nothing: nothing is ever set aside.
func (c *Cluster) Reinstate(context.Context, string) error { return nil }

// RemoveAside does nothing: nothing is ever set aside.
func (c *Cluster) RemoveAside(context.Context, string) error { return nil }

// DropThrowaway removes services and volumes of a rehearsal at home.
func (c *Cluster) DropThrowaway(ctx context.Context, project string, services, volumes []string) error {
	return c.home.server.DropThrowaway(ctx, project, services, volumes)
}

// DropRehearsal removes a rehearsal at home.
func (c *Cluster) DropRehearsal(ctx context.Context, project string) error {
	return c.home.server.DropRehearsal(ctx, project)
}
