package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// outside plans the networks that the files call external and that the server has
// not: an empty one costs nobody anything, and is what `docker network create` makes.
func (p *planner) outside() {
	for _, n := range p.r.Networks {
		name := n.RealName(p.r.Project)
		if n.External && name != stack.IngressProject && joined(p.r, n.Name) && !slices.Contains(p.seen.Networks, name) {
			p.add(stack.Step{Kind: stack.StepNetwork, Subject: name, Cause: "the files call it external, and the server has none of that name"})
		}
	}
}

// joined reports whether a service that is deployed is on a network.
func joined(r stack.Release, network string) bool {
	return slices.ContainsFunc(r.Services, func(s stack.Service) bool { return s.Deployed && slices.Contains(s.Networks, network) })
}

// checkVolumes returns an error where a volume that the files call external is not on
// the server: it has data, and a service would begin without.
func checkVolumes(r stack.Release, t stack.Target, seen stack.Observed) error {
	var missing []string
	for _, v := range r.Volumes {
		name := v.RealName(r.Project)
		if v.External && mounted(r, v.Name) && !slices.Contains(seen.Volumes, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return stack.Fault(stack.CauseUsage, "find the external volumes on "+t.Where(),
		fmt.Errorf("there is no volume %s, and the files call it external", strings.Join(missing, ", ")),
		"bring its data there, or let it begin empty: `docker volume create "+missing[0]+"` on the server; or remove `external: true`, and a deploy makes it")
}

// mounted reports whether a service that is deployed mounts a volume.
func mounted(r stack.Release, volume string) bool {
	return slices.ContainsFunc(r.Services, func(s stack.Service) bool {
		return s.Deployed && slices.ContainsFunc(s.Volumes, func(m stack.Mount) bool { return m.Type == "volume" && m.Source == volume })
	})
}

func (x *executor) network(ctx context.Context, step stack.Step) (string, error) {
	return "no deploy removes it: others may join", x.server.MakeNetwork(ctx, step.Subject)
}
