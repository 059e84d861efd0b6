package swarm

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// Each edge node has an ingress of its own, which leads to the edges of its node: on the
// network that all of them are on, the name of an edge tells its node.

// onEveryEdge reports whether the services of a project are on each edge node whatever
// they say of themselves: those of the ingress, and of a copy of an edge.
func onEveryEdge(project string) bool {
	_, spare := stack.StandbyOf(project)
	return spare || project == stack.IngressProject
}

// atHome reports whether a project runs at home alone: a trial, which serves nobody.
func atHome(project string) bool { return stack.Throwaway(project) && !onEveryEdge(project) }

// layerOf is the layer of a service, which decides where it is placed.
func layerOf(p *types.Project, s types.ServiceConfig) stack.Layer {
	if onEveryEdge(p.Name) {
		return stack.LayerEdge
	}
	return stack.Layer(s.Labels[stack.LabelLayer])
}

// ingressNetwork makes the network of the ingress, which services of the Swarm alone can
// join: whoever is on it may say to an edge who the visitor is.
func (c *Cluster) ingressNetwork(ctx context.Context) error {
	return c.makeNetwork(ctx, stack.IngressProject, client.NetworkCreateOptions{Driver: "overlay", Scope: "swarm",
		IPAM: &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix(stack.IngressClusterSubnet)}}}})
}

// joinIngress is how an edge, or a copy of it, is on the ingress's network: by the names
// that the ingress of its node has for it.
func joinIngress(n *types.ServiceNetworkConfig, slot stack.Slot) swarm.NetworkAttachmentConfig {
	out := swarm.NetworkAttachmentConfig{Target: stack.IngressProject}
	if n == nil {
		return out
	}
	for _, alias := range n.Aliases {
		out.Aliases = append(out.Aliases, stack.OnNode(alias, slot.Nodes[0]))
	}
	return out
}

// serves reports whether an ingress runs that is as new as the one of a definition. It
// is left as it is then, whoever made it: every project's site is behind it.
func (c *Cluster) serves(ctx context.Context, there swarm.Service, spec swarm.ServiceSpec) (bool, error) {
	if !asNew(there, spec) {
		return false, nil
	}
	tasks, err := c.tasks(ctx, there.ID)
	return err == nil && len(tasks) > 0 && tasks[0].Status.State == swarm.TaskStateRunning, err
}

// asNew reports whether a service is to run, and is an ingress of the version of a
// definition or a newer one.
func asNew(there swarm.Service, spec swarm.ServiceSpec) bool {
	has, _ := strconv.Atoi(there.Spec.Labels[stack.LabelIngress])
	wants, _ := strconv.Atoi(spec.Labels[stack.LabelIngress])
	return wants > 0 && has >= wants && scaled(there) > 0
}
